//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.

use super::Failure;
use std::fmt;

/// A PLAIN message.
#[derive(PartialEq, Eq)]
pub struct Plain {
    /// The identity to act as, when one was named.
    pub authzid: Option<String>,
    /// The account's localpart as typed.
    pub authcid: String,
    /// The password, not empty.
    pub password: String,
}

impl fmt::Debug for Plain {
    /// Shows no password, so that none reaches a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Plain")
            .field("authcid", &self.authcid)
            .finish_non_exhaustive()
    }
}

impl Plain {
    /// Takes a message apart. Bad UTF-8, more or fewer than two NULs, and an empty name or password are malformed-request.
    pub fn parse(message: &[u8]) -> Result<Self, Failure> {
        let text = str::from_utf8(message).map_err(|_| Failure::MalformedRequest)?;
        let mut fields = text.split('\0');
        let fields = (fields.next(), fields.next(), fields.next(), fields.next());
        let (Some(authzid), Some(authcid), Some(password), None) = fields else {
            return Err(Failure::MalformedRequest);
        };
        if authcid.is_empty() || password.is_empty() {
            return Err(Failure::MalformedRequest);
        }
        Ok(Self {
            authzid: Some(authzid.to_owned()).filter(|authzid| !authzid.is_empty()),
            authcid: authcid.to_owned(),
            password: password.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_message_apart() {
        let plain = Plain::parse(b"\0juliet\0r0m30").unwrap();
        assert_eq!(
            plain,
            Plain {
                authzid: None,
                authcid: "juliet".to_owned(),
                password: "r0m30".to_owned()
            }
        );
        let plain = Plain::parse(b"juliet@example.com\0juliet\0r0m30").unwrap();
        assert_eq!(plain.authzid.as_deref(), Some("juliet@example.com"));
        assert_eq!(format!("{plain:?}"), "Plain { authcid: \"juliet\", .. }");
    }

    #[test]
    fn refuses_what_breaks_the_syntax() {
        for message in [
            &b""[..],
            b"juliet",
            b"\0juliet",
            b"juliet\0r0m30",
            b"\0\0r0m30",
            b"\0juliet\0",
            b"\0\0",
            b"a\0\0",
            b"\0a\0b\0",
            b"\0a\0b\0c",
            b"\0\0a\0b",
            b"\0juliet\0\xff",
            b"\xc0\x80\0a\0b",
            b"\xed\xa0\x80\0a\0b",
        ] {
            assert_eq!(
                Plain::parse(message),
                Err(Failure::MalformedRequest),
                "{message:?}"
            );
        }
    }
}
