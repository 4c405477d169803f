//! Attribute values: references resolved and white space normalised (XML 1.0 §2.11, §3.3.3).

use crate::chars;
use crate::error::XmlError;
use crate::reference;
use crate::tree::{Span, Tree};

/// Stores the value that `raw` (what is between the quotes) stands for.
pub(crate) fn store(raw: &str, tree: &mut Tree) -> Result<Span, XmlError> {
    let mark = tree.mark();
    let mut rest = raw;
    while let Some(at) = chars::find(rest.as_bytes(), chars::IN_VALUE) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
        tree.write(plain);
        rest = one(special, tree)?;
    }
    tree.write(rest);
    Ok(tree.since(mark))
}

/// Takes the special character that `rest` begins with, and returns what follows it.
fn one<'a>(rest: &'a str, tree: &mut Tree) -> Result<&'a str, XmlError> {
    let mut chars = rest.chars();
    match chars.next() {
        Some('&') => {
            let (name, after) = chars
                .as_str()
                .split_once(';')
                .ok_or(XmlError::NotWellFormed("bare & in an attribute"))?;
            let c = reference::resolve(name)?;
            tree.write(c.encode_utf8(&mut [0; 4]));
            return Ok(after);
        }
        Some('<') => return Err(XmlError::NotWellFormed("< in an attribute")),
        Some('\r') => {
            tree.write(" ");
            return Ok(chars.as_str().strip_prefix('\n').unwrap_or(chars.as_str()));
        }
        Some('\t' | '\n') => tree.write(" "),
        Some(c) if chars::is_char(c) => tree.write(c.encode_utf8(&mut [0; 4])),
        _ => return Err(XmlError::NotWellFormed("character that xml does not have")),
    }
    Ok(chars.as_str())
}
