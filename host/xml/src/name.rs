//! Names and qualified names (Namespaces in XML 1.0 §4).

use crate::chars;
use crate::error::XmlError;
use crate::limits::{Limit, Limits};

/// A name as written: `prefix:local`, the prefix empty where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QName<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) local: &'a str,
}

impl<'a> QName<'a> {
    /// Splits and checks a name: one colon at most, both parts names without colons.
    pub(crate) fn parse(raw: &'a str, limits: &Limits) -> Result<Self, XmlError> {
        if raw.len() > limits.name_bytes {
            return Err(XmlError::TooBig(Limit::NameBytes));
        }
        let (prefix, local) = match memchr::memchr(b':', raw.as_bytes()) {
            None => ("", raw),
            Some(at) => {
                let (prefix, rest) = raw.split_at_checked(at).unwrap_or((raw, ""));
                if !is_ncname(prefix) {
                    return Err(XmlError::NotWellFormed("bad namespace prefix"));
                }
                (prefix, rest.get(1..).unwrap_or(""))
            }
        };
        if is_ncname(local) {
            Ok(Self { prefix, local })
        } else {
            Err(XmlError::NotWellFormed("bad name"))
        }
    }
}

/// Whether this is a name without colons (`NCName`).
pub(crate) fn is_ncname(name: &str) -> bool {
    let mut bytes = name.bytes();
    if bytes
        .next()
        .is_some_and(|first| chars::is(first, chars::NAME_START))
        && bytes.all(|byte| chars::is(byte, chars::NAME))
    {
        return true;
    }
    // Not all ASCII, or no name.
    let mut all = name.chars();
    all.next().is_some_and(chars::is_name_start) && all.all(chars::is_name_char)
}
