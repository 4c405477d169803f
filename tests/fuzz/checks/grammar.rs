//! From bytes to something that is nearly XML: a fuzzer that only flips bytes seldom closes what it opened.

/// The first byte of an input says how the rest is read: as it stands, or as a list of choices.
pub(crate) fn document(data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((first, rest)) if first & 1 == 1 => generate(rest),
        Some((_, rest)) => rest.to_vec(),
        None => Vec::new(),
    }
}

const NAMES: &[&str] = &[
    "a", "b", "p:a", "q:b", "xml:a", "body", "é", "a-1.b", "xmlns:a", "p:é", "_", "1a", ":a", "a:",
    "p:a:b", "xmlns",
];
const ATTRIBUTES: &[&str] = &[
    "a",
    "b",
    "p:a",
    "q:a",
    "xml:lang",
    "xmlns",
    "xmlns:p",
    "xmlns:q",
    "xmlns:xml",
    "xmlns:xmlns",
    "p:xmlns",
    "c",
    "id",
    "a:",
    "xmlns:",
    "é",
];
const VALUES: &[&str] = &[
    "",
    "urn:p",
    "urn:q",
    "1",
    "jabber:client",
    "http://www.w3.org/XML/1998/namespace",
    "http://www.w3.org/2000/xmlns/",
    "http://etherx.jabber.org/streams",
    "&lt;&#x41;",
    "\r\n\t ",
    "&#10;&#13;",
    ">",
    "<",
    "&",
    "é\u{FFFD}\u{10000}",
    "\u{FFFE}",
];
const TEXTS: &[&str] = &[
    " ",
    "x",
    "\r",
    "\n",
    "]",
    "]]",
    ">",
    "&lt;",
    "&gt;",
    "&amp;",
    "&apos;",
    "&quot;",
    "&#13;",
    "&#x10FFFF;",
    "&#xD800;",
    "&#0;",
    "&foo;",
    "&",
    "<![CDATA[",
    "]]>",
    "é",
    "\u{FEFF}",
    "\u{FFFF}",
    "\u{1}",
    "<!--x-->",
    "<?x?>",
    "<!DOCTYPE a>",
    "\t",
    "&#x0000041;",
    "\u{10FFFF}",
    "'",
    "\"",
];
const SPACES: &[&str] = &["", " ", "\n", "\t", "\r\n", "  "];
const STREAM: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";

/// Takes choices from the bytes; without end once they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<usize> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(*first))
    }

    fn of<'t>(&mut self, table: &[&'t str]) -> &'t str {
        let at = self.next().unwrap_or(0);
        table[at % table.len()]
    }
}

/// A document, or a stream, that is well-formed more often than not.
fn generate(data: &[u8]) -> Vec<u8> {
    let mut choices = Choices(data);
    let mut out = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut raw: Vec<u8> = Vec::new();
    match choices.next() {
        Some(byte) if byte % 4 < 3 => {
            if byte & 4 == 0 {
                out.push_str("<?xml version='1.0'?>");
            }
            out.push_str(STREAM);
            open.push("stream:stream".to_owned());
        }
        _ => {}
    }
    while let Some(choice) = choices.next() {
        match choice % 16 {
            0..=4 => start_tag(&mut choices, &mut out, &mut open),
            5..=8 => {
                if let Some(name) = open.pop() {
                    out.push_str("</");
                    out.push_str(&name);
                    out.push_str(choices.of(SPACES));
                    out.push('>');
                }
            }
            9..=11 => out.push_str(choices.of(TEXTS)),
            12 => {
                out.push_str("<![CDATA[");
                out.push_str(choices.of(TEXTS));
                out.push_str("]]>");
            }
            13 => out.push_str(choices.of(SPACES)),
            14 => out.push_str(choices.of(NAMES)),
            _ => {
                // Any byte, so that the encoding is tried as well.
                raw.append(&mut std::mem::take(&mut out).into_bytes());
                raw.extend(choices.next().map(|byte| byte as u8));
            }
        }
    }
    while let Some(name) = open.pop() {
        out.push_str("</");
        out.push_str(&name);
        out.push('>');
    }
    raw.append(&mut out.into_bytes());
    raw
}

fn start_tag(choices: &mut Choices<'_>, out: &mut String, open: &mut Vec<String>) {
    let name = choices.of(NAMES);
    out.push('<');
    out.push_str(name);
    let shape = choices.next().unwrap_or(0);
    for _ in 0..shape % 4 {
        // A missing space is a choice as well, but a rare one.
        out.push_str(if shape & 0xF0 == 0xF0 {
            choices.of(SPACES)
        } else {
            " "
        });
        out.push_str(choices.of(ATTRIBUTES));
        out.push_str(if shape & 0xC == 0xC { " = " } else { "=" });
        let quote = if shape & 0x20 == 0 { '\'' } else { '"' };
        out.push(quote);
        out.push_str(choices.of(VALUES));
        out.push(quote);
    }
    if shape & 0x10 == 0 {
        out.push('>');
        open.push(name.to_owned());
    } else {
        out.push_str("/>");
    }
}
