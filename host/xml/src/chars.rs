//! Characters of XML 1.0 (§2.2, §2.3) and bytes of which a scan has to take note.

/// Bytes that text cannot simply be copied past: control characters, CR, `>` (which may end `]]>`) and the first byte of
/// U+F000 to U+FFFF, where the two non-characters are.
pub(crate) const IN_TEXT: u8 = 1;
/// The same for an attribute value: control characters, white space other than the space, `<`, `&`, and 0xEF.
pub(crate) const IN_VALUE: u8 = 2;
/// ASCII that may stand in a name without colons.
pub(crate) const NAME: u8 = 4;
/// ASCII that may begin a name without colons.
pub(crate) const NAME_START: u8 = 8;
/// Written in text as a reference.
pub(crate) const ESCAPE_TEXT: u8 = 16;
/// Written in an attribute value as a reference.
pub(crate) const ESCAPE_VALUE: u8 = 32;
/// May stand between `&` and `;`.
pub(crate) const REFERENCE: u8 = 64;

const CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated when compiled; the index runs from 0 to 255"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        let mut class = 0;
        if byte < b' ' && byte != b'\t' && byte != b'\n' || byte == b'>' || byte == 0xEF {
            class |= IN_TEXT;
        }
        if byte < b' ' || byte == b'<' || byte == b'&' || byte == 0xEF {
            class |= IN_VALUE;
        }
        if byte.is_ascii_alphabetic() || byte == b'_' {
            class |= NAME | NAME_START;
        }
        if byte.is_ascii_digit() || byte == b'-' || byte == b'.' {
            class |= NAME;
        }
        if matches!(byte, b'<' | b'>' | b'&' | b'\r') {
            class |= ESCAPE_TEXT | ESCAPE_VALUE;
        }
        if matches!(byte, b'\'' | b'"' | b'\t' | b'\n') {
            class |= ESCAPE_VALUE;
        }
        if class & NAME != 0 || byte >= 0x80 || byte == b'#' || byte == b':' {
            class |= REFERENCE;
        }
        table[index] = class;
        index += 1;
    }
    table
}

/// Whether `byte` is in one of the `classes`.
#[inline]
pub(crate) fn is(byte: u8, classes: u8) -> bool {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0) & classes != 0
}

/// The place of the first byte that is in one of the `classes`.
#[inline]
pub(crate) fn find(bytes: &[u8], classes: u8) -> Option<usize> {
    let (eights, _) = bytes.as_chunks::<8>();
    // Eight at a time without a branch for each: most text has nothing special in it.
    let class_of = |byte: u8| CLASSES.get(usize::from(byte)).copied().unwrap_or(0);
    let plain = eights
        .iter()
        .take_while(|eight| eight.iter().fold(0, |all, &byte| all | class_of(byte)) & classes == 0);
    let skipped = plain.count().saturating_mul(8);
    let rest = bytes.get(skipped..).unwrap_or(&[]);
    rest.iter()
        .position(|&byte| is(byte, classes))
        .map(|at| skipped.saturating_add(at))
}

/// White space (`S`, XML 1.0 §2.3).
#[inline]
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether the character may stand in XML at all (`Char`, XML 1.0 §2.2).
pub(crate) const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `NameStartChar` without the colon (XML 1.0 §2.3, Namespaces in XML §3), and without U+FDF0 to U+FFFD. XML has those in names,
/// but rxml, which clients in use are built on, has not, and U+FEFF is among them: a name that we let pass must not end the
/// stream of the one who receives it.
pub(crate) const fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon.
pub(crate) const fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
