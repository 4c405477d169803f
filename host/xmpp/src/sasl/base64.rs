//! Base64 as RFC 6120 §13.9.1 wants it: the standard alphabet, complete padding, pad bits of zero, nothing else.

use super::Failure;
use ::base64::Engine as _;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const STRICT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> String {
    STRICT.encode(bytes)
}

/// Decodes canonical base64; white space, foreign characters, misplaced padding and set pad bits are incorrect-encoding.
pub fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    STRICT.decode(text).map_err(|_| Failure::IncorrectEncoding)
}

/// The initial response in `<auth/>` (RFC 6120 §6.4.2): none when there is no text, empty for `=`, else base64.
pub fn initial_response(text: &str) -> Result<Option<Vec<u8>>, Failure> {
    match text {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        text => decode(text).map(Some),
    }
}

/// The data of `<response/>`: as [`initial_response`], but no text is an empty response.
pub fn response(text: &str) -> Result<Vec<u8>, Failure> {
    initial_response(text).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_canonical() {
        for text in [
            "=AAA",
            "BBBB=CCC",
            "A",
            "AB",
            "ABC",
            "A===",
            "AA=",
            "AAA",
            "AAAA=",
            "AA==AA==",
            "AB==",
            "AAB=",
            "A A=",
            " AAAA",
            "AAAA\n",
            "AA-_",
            "AA\u{e9}=",
            "====",
            "==",
            "AAAA AAAA",
            "\0",
            "AA=\n=",
        ] {
            assert_eq!(decode(text), Err(Failure::IncorrectEncoding), "{text:?}");
            assert_eq!(
                initial_response(text),
                Err(Failure::IncorrectEncoding),
                "{text:?}"
            );
        }
    }

    #[test]
    fn tells_no_response_from_an_empty_one() {
        assert_eq!(initial_response(""), Ok(None));
        assert_eq!(initial_response("="), Ok(Some(vec![])));
        assert_eq!(initial_response("AA=="), Ok(Some(vec![0])));
        assert_eq!(response(""), Ok(vec![]));
        assert_eq!(response("="), Ok(vec![]));
    }
}
