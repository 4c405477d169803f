//! Properties of the mechanisms: no message panics them, base64 has one form, and no proof is found by chance.

use waxwing_xmpp::sasl::{ClientFirst, Hash, Plain, ScramAttempt, ScramChallenge, base64, derive};

/// Runs every check on one input: a first and a last message, parted by a bar.
pub(crate) fn check(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'|');
    let (first, last) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    if let Ok(plain) = Plain::parse(first) {
        assert!(!plain.authcid.is_empty() && !plain.password.is_empty());
        let _ = derive(&plain.password, b"salt", 1, Hash::Sha256);
    }
    if let Ok(Ok(bytes)) = str::from_utf8(first).map(base64::decode) {
        assert_eq!(
            base64::encode(&bytes).as_bytes(),
            first,
            "base64 has one form"
        );
    }
    let Ok(first) = ClientFirst::parse(first) else {
        return;
    };
    assert!(!first.username.is_empty());
    for (hash, plus) in [(Hash::Sha1, false), (Hash::Sha256, true)] {
        let keys = derive("password", b"salt", 1, hash).unwrap();
        let Ok(binding) = first.expected_binding(plus, true, |_| Some(b"data")) else {
            continue;
        };
        let attempt = ScramAttempt {
            hash,
            first: first.clone(),
            binding,
        };
        let (exchange, challenge) = ScramChallenge::start(attempt, &keys, |bytes| bytes.fill(7));
        assert!(challenge.starts_with("r="));
        assert!(
            exchange.finish(last).is_err(),
            "no proof is found by chance"
        );
    }
}
