//! References (XML 1.0 §4.1, §4.6): the five predefined entities and characters by number. There are no others in XMPP.

use crate::chars;
use crate::error::XmlError;
use crate::name::is_ncname;

/// The character that a reference stands for; `name` is what is between `&` and `;`.
pub(crate) fn resolve(name: &str) -> Result<char, XmlError> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match name.strip_prefix('#') {
            Some(number) => {
                by_number(number).ok_or(XmlError::NotWellFormed("bad character reference"))
            }
            None if is_entity_name(name) => Err(XmlError::Restricted("entity")),
            None => Err(XmlError::NotWellFormed("bad reference")),
        },
    }
}

/// An entity's name may have colons as far as XML goes.
fn is_entity_name(name: &str) -> bool {
    name.split(':')
        .all(|part| part.is_empty() || is_ncname(part))
        && !name.is_empty()
}

fn by_number(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    // Leading zeros are allowed without end; a value beyond Unicode stays beyond it.
    let value = digits.chars().try_fold(0_u32, |value, c| {
        Some(
            value
                .saturating_mul(radix)
                .saturating_add(c.to_digit(radix)?),
        )
    })?;
    char::from_u32(value).filter(|&c| chars::is_char(c))
}
