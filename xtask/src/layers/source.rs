//! What one Rust file imports, by a look at its words. Comments, texts and whatever stands under `#[cfg(test)]` are
//! left out.

use anyhow::{Result, bail};

/// What is of interest in a file.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// Every path that begins with `crate`, `super` or `self`, and every path of a `use`.
    pub(super) imports: Vec<Path>,
    /// What `pub use` re-exports, by the name that it has here.
    pub(super) re_exports: Vec<ReExport>,
    /// Child modules that exist only in tests.
    pub(super) test_modules: Vec<String>,
}

/// A path as it is written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

/// A name that stands for a path.
#[derive(Debug)]
pub(super) struct ReExport {
    pub(super) name: String,
    pub(super) segments: Vec<String>,
}

/// A word, or one character of punctuation; `::` is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

impl Source {
    /// Reads a file.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader {
            tokens: tokens(text)?,
            at: 0,
            source: Self::default(),
        };
        while reader.at < reader.tokens.len() {
            reader.item();
        }
        Ok(reader.source)
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    source: Source,
}

impl Reader {
    fn text(&self, ahead: usize) -> &str {
        let token = self.tokens.get(self.at.saturating_add(ahead));
        token.map_or("", |token| token.text.as_str())
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    const fn skip(&mut self, tokens: usize) {
        self.at = self.at.saturating_add(tokens);
    }

    /// Whether these tokens come next.
    fn is_next(&self, expected: &[&str]) -> bool {
        expected
            .iter()
            .enumerate()
            .all(|(ahead, text)| self.text(ahead) == *text)
    }

    /// Reads one token, or what begins with it.
    fn item(&mut self) {
        if self.is_next(&["#", "[", "cfg", "(", "test", ")", "]"]) {
            self.skip(7);
            self.skip_test();
        } else if self.text(0) == "use" {
            let is_public = self.is_public();
            self.skip(1);
            self.use_tree(&[], is_public);
        } else if matches!(self.text(0), "crate" | "super" | "self") && self.text(1) == "::" {
            let line = self.line();
            let segments = self.path();
            self.source.imports.push(Path { line, segments });
        } else {
            self.skip(1);
        }
    }

    /// Whether the `use` here re-exports: `pub` or `pub(…)` stands before it.
    fn is_public(&self) -> bool {
        let before = |back: usize| {
            let at = self.at.checked_sub(back);
            at.and_then(|at| self.tokens.get(at))
                .map_or("", |token| token.text.as_str())
        };
        before(1) == "pub" || (before(1) == ")" && before(3) == "(" && before(4) == "pub")
    }

    /// Skips what stands under `#[cfg(test)]`: an item, a statement or an arm. A child module in a file is noted.
    fn skip_test(&mut self) {
        let mut depth = 0_usize;
        let mut module = None;
        while self.at < self.tokens.len() {
            let token = self.text(0).to_owned();
            if token == "mod" && depth == 0 {
                module = Some(self.text(1).to_owned());
            }
            match token.as_str() {
                "{" | "(" | "[" => depth = depth.saturating_add(1),
                "}" | ")" | "]" if depth == 0 => return,
                "}" | ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.skip(1);
            if depth == 0 && matches!(token.as_str(), ";" | ",") {
                self.source.test_modules.extend(module);
                return;
            }
            if depth == 0 && token == "}" {
                return;
            }
        }
    }

    /// Reads a path in an expression or a type.
    fn path(&mut self) -> Vec<String> {
        let mut segments = vec![self.text(0).to_owned()];
        self.skip(1);
        while self.text(0) == "::" && is_word(self.text(1)) {
            segments.push(self.text(1).to_owned());
            self.skip(2);
        }
        segments
    }

    /// Reads what follows `use`, or one part of its braces, below a path.
    fn use_tree(&mut self, above: &[String], is_public: bool) {
        let line = self.line();
        let mut segments = above.to_vec();
        if self.text(0) == "::" {
            // A path of another crate.
            self.skip(1);
        }
        loop {
            match self.text(0) {
                "{" => {
                    self.skip(1);
                    while !matches!(self.text(0), "}" | "") {
                        self.use_tree(&segments, is_public);
                        if self.text(0) == "," {
                            self.skip(1);
                        }
                    }
                    self.skip(1);
                    return;
                }
                "*" => {
                    self.skip(1);
                    break;
                }
                "self" if !segments.is_empty() => self.skip(1),
                word if is_word(word) => {
                    segments.push(word.to_owned());
                    self.skip(1);
                }
                _ => break,
            }
            if self.text(0) != "::" {
                break;
            }
            self.skip(1);
        }
        let mut name = segments.last().cloned();
        if self.text(0) == "as" {
            name = Some(self.text(1).to_owned());
            self.skip(2);
        }
        if let (true, Some(name)) = (is_public, name) {
            let segments = segments.clone();
            self.source.re_exports.push(ReExport { name, segments });
        }
        self.source.imports.push(Path { line, segments });
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_alphabetic())
}

/// The words and punctuation of a file.
fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1_usize;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest) {
            length
        } else if first == '"' || rest.starts_with("b\"") {
            string(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            let length = word_or_sign(rest, first);
            if !first.is_whitespace() {
                tokens.push(Token {
                    text: rest.get(..length).unwrap_or_default().to_owned(),
                    line,
                });
            }
            length
        };
        let Some((read, left)) = rest.split_at_checked(length.max(1)) else {
            bail!("line {line} ends in the middle of a character");
        };
        line = line.saturating_add(read.matches('\n').count());
        rest = left;
    }
    Ok(tokens)
}

fn word_or_sign(rest: &str, first: char) -> usize {
    if rest.starts_with("::") {
        return 2;
    }
    if first == '_' || first.is_alphanumeric() {
        let is_inside = |c: char| c == '_' || c.is_alphanumeric();
        return rest.find(|c: char| !is_inside(c)).unwrap_or(rest.len());
    }
    first.len_utf8()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        let step = if here.starts_with("/*") {
            depth = depth.saturating_add(1);
            2
        } else if here.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            here.chars().next().map_or(1, char::len_utf8)
        };
        at = at.saturating_add(step);
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a raw string, if one begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = body
        .find(&end)
        .map_or(body.len(), |at| at.saturating_add(end.len()));
    Some(rest.len().saturating_sub(body.len()).saturating_add(inside))
}

fn string(rest: &str) -> usize {
    let opening = rest.find('"').unwrap_or(0).saturating_add(1);
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(opening) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at.saturating_add(1),
            _ => {}
        }
    }
    rest.len()
}

/// A character's literal, or the apostrophe of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            let end = rest.get(3..).and_then(|rest| rest.find('\''));
            end.map_or(rest.len(), |end| end.saturating_add(4))
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at.saturating_add(1),
            _ => 1,
        },
        None => 1,
    }
}
