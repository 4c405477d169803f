//! The XML declaration (XML 1.0 §2.8; RFC 6120 §11.5, §11.6).

use quick_xml::events::attributes::Attributes;

use crate::chars;
use crate::error::XmlError;

/// Checks what is between `<?xml` and `?>`: version 1.0, then perhaps an encoding, which has to be UTF-8, then perhaps
/// `standalone`, which has to be `yes` (§11.5 leaves the choice whether `no` is ignored).
pub(crate) fn check(inner: &[u8]) -> Result<(), XmlError> {
    let inner = std::str::from_utf8(inner).map_err(|_| XmlError::NotWellFormed("invalid utf-8"))?;
    let mut expected = ["version", "encoding", "standalone"].as_slice();
    let mut encoding = Ok(());
    for attribute in Attributes::new(inner, 0).with_checks(false) {
        let attribute = attribute.map_err(|_| XmlError::NotWellFormed("bad xml declaration"))?;
        let name = attribute.key.0;
        let value = crate::tag::raw_value(&attribute, inner)?;
        let place = expected.iter().position(|&known| known == name);
        // The version comes first and may not be left out.
        let place = place.filter(|&place| place == 0 || expected.len() < 3);
        let Some(rest) = place.and_then(|place| expected.get(place.saturating_add(1)..)) else {
            return Err(XmlError::NotWellFormed("bad xml declaration"));
        };
        expected = rest;
        match name {
            "version" if value == "1.0" => {}
            "version" => return Err(XmlError::Restricted("xml version")),
            "encoding" if value.eq_ignore_ascii_case("utf-8") => {}
            "encoding" if is_encoding_name(value) => encoding = Err(XmlError::UnsupportedEncoding),
            "standalone" if value == "yes" => {}
            "standalone" if value == "no" => return Err(XmlError::Restricted("standalone")),
            _ => return Err(XmlError::NotWellFormed("bad xml declaration")),
        }
    }
    if expected.len() == 3 {
        return Err(XmlError::NotWellFormed("xml declaration without version"));
    }
    encoding
}

/// `EncName` (XML 1.0 §4.3.3).
fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| chars::is(byte, chars::NAME))
}
