//! The exchanges printed in RFC 5802 §5 and RFC 7677 §3, and what must be refused.

use super::*;
use crate::sasl::derive;

/// An exchange as after the server's first message, with the nonce and salt of a printed example.
fn printed(hash: Hash, keys: &ScramKeys, first: &str, server_half: &str) -> ScramChallenge {
    let first = ClientFirst::parse(first.as_bytes()).unwrap();
    let nonce = format!("{}{server_half}", first.nonce);
    let message = format!(
        "r={nonce},s={},i={}",
        base64::encode(&keys.salt),
        keys.iterations
    );
    ScramChallenge {
        hash,
        stored_key: keys.stored_key.clone(),
        server_key: keys.server_key.clone(),
        username: first.username.clone(),
        nonce,
        expected_binding: ExpectedBinding::Exactly(first.gs2_header.clone().into_bytes()),
        auth_message: format!("{},{message},", first.bare),
    }
}

fn sha1_example() -> ScramChallenge {
    let keys = derive(
        "pencil",
        &base64::decode("QSXCR+Q6sek8bf92").unwrap(),
        4096,
        Hash::Sha1,
    )
    .unwrap();
    printed(
        Hash::Sha1,
        &keys,
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
    )
}

#[test]
fn speaks_the_example_of_rfc_5802() {
    let last = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    assert_eq!(
        sha1_example().finish(last.as_bytes()),
        Ok("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".to_owned())
    );
}

#[test]
fn speaks_the_example_of_rfc_7677() {
    let keys = derive(
        "pencil",
        &base64::decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(),
        4096,
        Hash::Sha256,
    )
    .unwrap();
    let exchange = printed(
        Hash::Sha256,
        &keys,
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    );
    let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let reply = exchange.finish(last.as_bytes());
    assert_eq!(
        reply,
        Ok("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_owned())
    );
}

#[test]
fn refuses_a_last_message_that_differs() {
    for (last, failure) in [
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tw=",
            Failure::NotAuthorized,
        ),
        (
            "c=eSws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::NotAuthorized,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7J,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::NotAuthorized,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::NotAuthorized,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8",
            Failure::NotAuthorized,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=",
            Failure::NotAuthorized,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4T=",
            Failure::MalformedRequest,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            Failure::MalformedRequest,
        ),
        (
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,m=x,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::MalformedRequest,
        ),
        (
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,c=biws,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::MalformedRequest,
        ),
        (
            "c=b,r=x,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            Failure::MalformedRequest,
        ),
        ("", Failure::MalformedRequest),
    ] {
        assert_eq!(
            sha1_example().finish(last.as_bytes()),
            Err(failure),
            "{last}"
        );
    }
    assert_eq!(
        sha1_example().finish(b"c=\xff,p="),
        Err(Failure::MalformedRequest)
    );
}

#[test]
fn takes_the_first_message_apart() {
    let first = ClientFirst::parse(b"p=tls-exporter,a=a=2Cb=3D,n=j=3Du=2Cliet,r=abc,x=y").unwrap();
    assert_eq!(first.binding, Binding::Required("tls-exporter".to_owned()));
    assert_eq!(first.authzid.as_deref(), Some("a,b="));
    assert_eq!(
        (first.username.as_str(), first.nonce.as_str()),
        ("j=u,liet", "abc")
    );
    assert_eq!(first.gs2_header, "p=tls-exporter,a=a=2Cb=3D,");
}

#[test]
fn refuses_a_first_message_outside_the_grammar() {
    for message in [
        &b""[..],
        b"n",
        b"n,",
        b"n,,",
        b"n,,n=a",
        b"n,,n=a,",
        b"n,,n=a,r=",
        b"n,,n=,r=x",
        b"n,,r=x,n=a",
        b"n,,m=1,n=a,r=x",
        b"x,,n=a,r=x",
        b"p,,n=a,r=x",
        b"p=,,n=a,r=x",
        b"p=a b,,n=a,r=x",
        b"n,b=c,n=a,r=x",
        b"n,a=,n=a,r=x",
        b"n,,n=a=,r=x",
        b"n,,n=a=2c,r=x",
        b"n,,n=a=41,r=x",
        b"n,,n=a,r=x y",
        b"n,,n=a,r=\xc3\xa9",
        b"n,,n=a,r=x,",
        b"n,,n=a,r=x,m=1",
        b"n,,n=a,r=x,1=2",
        b"n,,n=a,r=x,y",
        b"n,,n=\xff,r=x",
        b"n,,n=a\0b,r=x",
        b"N,,n=a,r=x",
    ] {
        assert_eq!(
            ClientFirst::parse(message),
            Err(Failure::MalformedRequest),
            "{:?}",
            String::from_utf8_lossy(message)
        );
    }
    let long = format!("n,,n=a,r={}", "x".repeat(MAX_CLIENT_NONCE + 1));
    assert_eq!(
        ClientFirst::parse(long.as_bytes()),
        Err(Failure::MalformedRequest)
    );
}

#[test]
fn judges_channel_binding() {
    let judge = |flag: &str, plus, offered| {
        let first = ClientFirst::parse(format!("{flag},,n=a,r=x").as_bytes()).unwrap();
        first.expected_binding(plus, offered, |kind| {
            (kind == "tls-exporter").then_some(&b"data"[..])
        })
    };
    let exactly = |bytes: &[u8]| Ok(ExpectedBinding::Exactly(bytes.to_vec()));
    assert_eq!(judge("n", false, true), exactly(b"n,,"));
    assert_eq!(judge("y", false, false), exactly(b"y,,"));
    assert_eq!(judge("y", false, true), Err(Failure::NotAuthorized));
    assert_eq!(
        judge("p=tls-exporter", true, true),
        exactly(b"p=tls-exporter,,data")
    );
    assert_eq!(
        judge("p=tls-unique", true, true),
        Ok(ExpectedBinding::Unsupported(b"p=tls-unique,,".to_vec()))
    );
    assert_eq!(
        judge("p=tls-exporter", false, true),
        Err(Failure::MalformedRequest)
    );
    assert_eq!(judge("n", true, true), Err(Failure::MalformedRequest));
    assert_eq!(judge("y", true, true), Err(Failure::MalformedRequest));
}

#[test]
fn every_nonce_is_new_and_begins_with_the_clients() {
    fn random(bytes: &mut [u8]) {
        bytes.fill(0xa5);
    }
    let keys = derive("pencil", b"salt", 1, Hash::Sha256).unwrap();
    let first = ClientFirst::parse(b"n,,n=a,r=client").unwrap();
    let attempt = ScramAttempt {
        hash: Hash::Sha256,
        first,
        binding: ExpectedBinding::Exactly(Vec::new()),
    };
    let (_, message) = ScramChallenge::start(attempt, &keys, random);
    assert_eq!(message, "r=clientpaWlpaWlpaWlpaWlpaWlpaWl,s=c2FsdA==,i=1");
}
