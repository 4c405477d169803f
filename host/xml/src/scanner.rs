//! Cuts bytes into tokens, wherever they were split in transit. Complete tokens are handed on from the caller's bytes; only a
//! token that is not complete is copied, and the place in it is kept, so that no byte is looked at twice.
//!
//! Where a tag ends is found by quick-xml's `ElementParser`, which knows of quotes and can be resumed.

use quick_xml::parser::{ElementParser, Parser};

use crate::chars;
use crate::error::XmlError;
use crate::grow;

/// A piece of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Nothing is complete yet; all bytes were taken.
    Partial,
    /// A start tag, an empty element's tag or an end tag, from `<` to `>`.
    Tag(&'a [u8]),
    /// A part of a text: it may begin and end anywhere, inside a character too.
    Text(&'a [u8]),
    /// What is between `&` and `;`.
    Reference(&'a [u8]),
    /// `<![CDATA[`
    CDataStart,
    /// A part of a CDATA section's text.
    CData(&'a [u8]),
    /// `]]>`
    CDataEnd,
    /// What is between `<?xml` and `?>`.
    Declaration(&'a [u8]),
}

/// What the scanner is in the middle of.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Text,
    /// After `<`.
    Markup,
    Tag(ElementParser),
    /// After `<!`.
    Bang,
    /// After `<?` at the start of a stream.
    Declaration,
    Reference,
    /// In a CDATA section, after so many `]`, two at most.
    CData(u8),
}

/// The state between two pieces of input.
#[derive(Debug)]
pub(crate) struct Scanner {
    mode: Mode,
    /// The beginning of a token.
    partial: Vec<u8>,
    /// The token in `partial` was handed on.
    spent: bool,
    start: Start,
    /// How many bytes the current stanza may still bring.
    room: usize,
    /// Bytes that were looked at or copied.
    #[cfg(test)]
    work: usize,
}

/// How much of the stream was seen, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Nothing,
    /// The `<` of the current markup is the first byte.
    FirstByte,
    Past,
}

/// The most bytes that are held for the next token.
const KEPT: usize = 2048;
const CDATA: &[u8] = b"<![CDATA[";
const COMMENT: &[u8] = b"<!--";
const DOCTYPE: &[u8] = b"<!DOCTYPE";
const DECLARATION: &[u8] = b"<?xml";

impl Scanner {
    /// At the start of a stream, where an XML declaration may stand.
    pub(crate) fn new() -> Self {
        Self {
            mode: Mode::Text,
            partial: Vec::new(),
            spent: false,
            start: Start::Nothing,
            room: 0,
            #[cfg(test)]
            work: 0,
        }
    }

    /// Where no declaration may stand.
    pub(crate) fn inside() -> Self {
        Self {
            start: Start::Past,
            ..Self::new()
        }
    }

    /// Bytes of heap held.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// The last token is no longer needed.
    pub(crate) fn spend(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.partial.clear();
            // A tag that was long once is seldom followed by another.
            if self.partial.capacity() > KEPT {
                self.partial = Vec::new();
            }
        }
    }

    /// Whether it stands between two tokens.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.mode, Mode::Text)
    }

    /// Gives its memory back. Only between two tokens.
    pub(crate) fn release(&mut self) {
        self.partial = Vec::new();
        self.spent = false;
    }

    /// Takes one token, or as much as there is, from the beginning of `input`, which is not empty. Says how many bytes it
    /// took: none only where it hands on what it had held back. `room` bytes may still come before the limit.
    pub(crate) fn step<'a>(
        &'a mut self,
        input: &'a [u8],
        room: usize,
    ) -> Result<(usize, Token<'a>), XmlError> {
        self.room = room;
        self.spend();
        if self.start != Start::Past {
            self.at_start(input)?;
        }
        match self.mode {
            Mode::Text => self.text(input),
            Mode::Markup => self.markup(input),
            Mode::Tag(parser) => Ok(self.tag(parser, input)),
            Mode::Bang => self.bang(input),
            Mode::Declaration => self.declaration(input),
            Mode::Reference => self.reference(input),
            Mode::CData(brackets) => Ok(self.cdata(brackets, input)),
        }
    }

    /// The first byte of a stream tells whether a declaration may come, and shows most encodings that are not UTF-8 (XML 1.0
    /// appendix F; RFC 6120 §11.6 has U+FEFF as text).
    fn at_start(&mut self, input: &[u8]) -> Result<(), XmlError> {
        match (self.start, input.first()) {
            (Start::Nothing, Some(0xFE | 0xFF | 0)) | (Start::FirstByte, Some(0)) => {
                Err(XmlError::UnsupportedEncoding)
            }
            (Start::Nothing, Some(b'<')) => {
                self.start = Start::FirstByte;
                Ok(())
            }
            (Start::Nothing, Some(_)) => {
                self.start = Start::Past;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn text<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Token<'a>), XmlError> {
        match memchr::memchr2(b'<', b'&', input) {
            Some(0) => {}
            Some(at) => return Ok((at, Token::Text(input.get(..at).unwrap_or(input)))),
            None => return Ok((input.len(), Token::Text(input))),
        }
        let rest = input.get(1..).unwrap_or(&[]);
        if input.first() == Some(&b'&') {
            self.mode = Mode::Reference;
            return if rest.is_empty() {
                Ok((1, Token::Partial))
            } else {
                after_one(self.reference(rest))
            };
        }
        match rest.first() {
            // The usual case: the whole tag is there, and nothing is copied.
            Some(byte) if !matches!(byte, b'!' | b'?' | 0) => {
                self.start = Start::Past;
                let mut parser = ElementParser::Outside;
                if let Some(at) = parser.feed(rest) {
                    let length = at.saturating_add(2);
                    return Ok((length, Token::Tag(input.get(..length).unwrap_or(input))));
                }
                self.keep(input);
                self.mode = Mode::Tag(parser);
                Ok((input.len(), Token::Partial))
            }
            Some(_) => {
                self.mode = Mode::Markup;
                after_one(self.markup(rest))
            }
            None => {
                self.mode = Mode::Markup;
                Ok((1, Token::Partial))
            }
        }
    }

    /// After `<`: what kind of markup it is.
    fn markup<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Token<'a>), XmlError> {
        let first = std::mem::replace(&mut self.start, Start::Past) == Start::FirstByte;
        match input.first() {
            Some(0) if first => Err(XmlError::UnsupportedEncoding),
            Some(b'!') => {
                self.keep(b"<!");
                self.mode = Mode::Bang;
                Ok((1, Token::Partial))
            }
            Some(b'?') if first => {
                self.keep(b"<?");
                self.mode = Mode::Declaration;
                Ok((1, Token::Partial))
            }
            Some(b'?') => Err(XmlError::Restricted("processing instruction")),
            _ => {
                self.keep(b"<");
                Ok(self.tag(ElementParser::Outside, input))
            }
        }
    }

    fn tag<'a>(&'a mut self, mut parser: ElementParser, input: &[u8]) -> (usize, Token<'a>) {
        #[cfg(test)]
        {
            self.work = self.work.saturating_add(input.len());
        }
        let Some(at) = parser.feed(input) else {
            self.keep(input);
            self.mode = Mode::Tag(parser);
            return (input.len(), Token::Partial);
        };
        let used = at.saturating_add(1);
        self.keep(input.get(..used).unwrap_or(input));
        self.mode = Mode::Text;
        self.spent = true;
        (used, Token::Tag(&self.partial))
    }

    /// After `<!`: a CDATA section, or what XMPP forbids.
    fn bang<'a>(&'a mut self, input: &[u8]) -> Result<(usize, Token<'a>), XmlError> {
        let mut used: usize = 0;
        for &byte in input {
            self.keep(&[byte]);
            used = used.saturating_add(1);
            match self.partial.as_slice() {
                CDATA => {
                    self.partial.clear();
                    self.mode = Mode::CData(0);
                    return Ok((used, Token::CDataStart));
                }
                COMMENT => return Err(XmlError::Restricted("comment")),
                DOCTYPE => return Err(XmlError::Restricted("document type")),
                begun
                    if [CDATA, COMMENT, DOCTYPE]
                        .iter()
                        .any(|known| known.starts_with(begun)) => {}
                _ => return Err(XmlError::NotWellFormed("unknown markup")),
            }
        }
        Ok((used, Token::Partial))
    }

    /// After `<?` at the start of a stream: the XML declaration.
    fn declaration<'a>(&'a mut self, input: &[u8]) -> Result<(usize, Token<'a>), XmlError> {
        let mut used: usize = 0;
        for &byte in input {
            self.keep(&[byte]);
            used = used.saturating_add(1);
            let length = self.partial.len();
            let is_declaration = match length.cmp(&DECLARATION.len().saturating_add(1)) {
                std::cmp::Ordering::Less => DECLARATION.starts_with(&self.partial),
                std::cmp::Ordering::Equal => chars::is_space(byte) || byte == b'?',
                std::cmp::Ordering::Greater => true,
            };
            if !is_declaration {
                return Err(XmlError::Restricted("processing instruction"));
            }
            if self.partial.ends_with(b"?>") {
                self.mode = Mode::Text;
                self.spent = true;
                let inner = self
                    .partial
                    .get(DECLARATION.len()..length.saturating_sub(2))
                    .unwrap_or(&[]);
                return Ok((used, Token::Declaration(inner)));
            }
        }
        Ok((used, Token::Partial))
    }

    /// After `&`, or further on in a reference.
    fn reference<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Token<'a>), XmlError> {
        let Some(at) = input
            .iter()
            .position(|&byte| !chars::is(byte, chars::REFERENCE))
        else {
            self.keep(input);
            return Ok((input.len(), Token::Partial));
        };
        let Some((name, [b';', ..])) = input.split_at_checked(at) else {
            return Err(XmlError::NotWellFormed("bare &"));
        };
        let used = at.saturating_add(1);
        self.mode = Mode::Text;
        if self.partial.is_empty() {
            return Ok((used, Token::Reference(name)));
        }
        self.keep(name);
        self.spent = true;
        Ok((used, Token::Reference(&self.partial)))
    }

    /// In a CDATA section. Brackets are held back until it is known whether they end it.
    fn cdata<'a>(&mut self, brackets: u8, input: &'a [u8]) -> (usize, Token<'a>) {
        let (next, step) = match (brackets, input.first()) {
            (0, Some(b']')) => (1, (1, Token::Partial)),
            (0, _) => {
                let end = memchr::memchr(b']', input).unwrap_or(input.len());
                (0, (end, Token::CData(input.get(..end).unwrap_or(input))))
            }
            (1, Some(b']')) => (2, (1, Token::Partial)),
            (2, Some(b']')) => (2, (1, Token::CData(b"]"))),
            (2, Some(b'>')) => {
                self.mode = Mode::Text;
                return (1, Token::CDataEnd);
            }
            // What follows is looked at again, this time without brackets before it.
            (1, _) => (0, (0, Token::CData(b"]"))),
            _ => (0, (0, Token::CData(b"]]"))),
        };
        self.mode = Mode::CData(next);
        step
    }

    fn keep(&mut self, bytes: &[u8]) {
        #[cfg(test)]
        {
            let fits = self.partial.capacity() >= self.partial.len().saturating_add(bytes.len());
            let moved = if fits { 0 } else { self.partial.len() };
            self.work = self.work.saturating_add(bytes.len()).saturating_add(moved);
        }
        grow::bytes(&mut self.partial, bytes.len(), self.room);
        self.partial.extend_from_slice(bytes);
    }
}

/// The same step, one byte longer.
fn after_one(step: Result<(usize, Token<'_>), XmlError>) -> Result<(usize, Token<'_>), XmlError> {
    step.map(|(used, token)| (used.saturating_add(1), token))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes looked at or copied for `input` in pieces of a length. What is looked at beyond a tag's end does not count: it
    /// is once for each tag that came in one piece.
    fn work(input: &[u8], piece: usize) -> usize {
        let mut scanner = Scanner::inside();
        for piece in input.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (used, _) = scanner.step(rest, 1 << 20).unwrap();
                rest = &rest[used..];
            }
        }
        scanner.work
    }

    #[test]
    fn looks_at_each_byte_once_however_it_is_split() {
        for (begun, filler) in [
            ("<a b='", ">"),
            ("<a b=\"", "'"),
            ("<a ", "b='' "),
            ("<a>&#", "0"),
            ("<a><![CDATA[", "]"),
            ("<a>", "x"),
        ] {
            let short = format!("{begun}{}", filler.repeat(20_000 / filler.len()));
            let long = format!("{begun}{}", filler.repeat(40_000 / filler.len()));
            for piece in [1, 2, 100, 4000] {
                let (short, long) = (work(short.as_bytes(), piece), work(long.as_bytes(), piece));
                assert!(
                    long <= 3 * short.max(10_000),
                    "{begun}: {short} for one length, {long} for the double"
                );
                assert!(long <= 40_000 * 5, "{begun}: {long}");
            }
        }
    }
}
