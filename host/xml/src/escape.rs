//! Characters that are written as references.

use crate::chars;

/// Writes text: `<`, `>`, `&`, and CR, which a reader would otherwise take for a line end.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    escape(text.as_bytes(), chars::ESCAPE_TEXT, out);
}

/// Writes an attribute value: quotes as well, and white space that a reader would otherwise turn into a space.
pub(crate) fn value(value: &str, out: &mut Vec<u8>) {
    escape(value.as_bytes(), chars::ESCAPE_VALUE, out);
}

fn escape(mut rest: &[u8], class: u8, out: &mut Vec<u8>) {
    while let Some(at) = chars::find(rest, class) {
        let Some((plain, [special, after @ ..])) = rest.split_at_checked(at) else {
            break;
        };
        out.extend_from_slice(plain);
        out.extend_from_slice(reference(*special));
        rest = after;
    }
    out.extend_from_slice(rest);
}

fn reference(byte: u8) -> &'static [u8] {
    match byte {
        b'<' => b"&lt;",
        b'>' => b"&gt;",
        b'&' => b"&amp;",
        b'\'' => b"&apos;",
        b'"' => b"&quot;",
        b'\t' => b"&#x9;",
        b'\n' => b"&#xA;",
        _ => b"&#xD;",
    }
}
