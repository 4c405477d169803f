//! Tokens that work, once, and tokens that do not.

use std::time::Duration;

use waxwing_plugin::harness::{Harness, auth_stream, with_host};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn sign(secret: &str, account: &str, issued: u64, nonce: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{account}\n{issued}\n{nonce}").as_bytes());
    let signature = mac.finalize().into_bytes();
    let digits = signature
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    format!("{issued}.{nonce}.{digits}")
}

/// The harness's clock at its start.
fn now() -> u64 {
    with_host(clock::now)
}

fn token(nonce: &str) -> String {
    sign(SECRET, "juliet@localhost", now(), nonce)
}

fn tokens() -> Harness<TokenAuth> {
    Harness::new().config("secret", SECRET).start().unwrap()
}

fn log_in(tokens: &mut Harness<TokenAuth>, username: &str, token: &str) -> Login {
    let mut stream = tokens.connect(&auth_stream("1", "localhost"));
    tokens.log_in(&mut stream, username, &format!("//jid/{token}"))
}

fn juliet() -> Login {
    Login::Allow("juliet@localhost".to_owned())
}

#[test]
fn a_token_works_once() {
    let mut tokens = tokens();
    let first = token("aaaaaaaaaaaaaaaa");
    assert_eq!(log_in(&mut tokens, "Juliet", &first), juliet());
    assert_eq!(log_in(&mut tokens, "juliet", &first), Login::WRONG, "used");
    tokens.forget_instance();
    assert_eq!(
        log_in(&mut tokens, "juliet", &first),
        Login::WRONG,
        "used, in whatever instance"
    );
    let upper = first.to_uppercase();
    assert_eq!(
        log_in(&mut tokens, "juliet", &upper),
        Login::WRONG,
        "another spelling of it"
    );
    assert_eq!(
        log_in(&mut tokens, "juliet", &token("bbbbbbbbbbbbbbbb")),
        juliet()
    );
}

#[test]
fn a_token_works_for_thirty_seconds() {
    let mut tokens = tokens();
    tokens.pass(Duration::from_millis(29_999));
    assert_eq!(
        log_in(&mut tokens, "juliet", &token("aaaaaaaaaaaaaaaa")),
        juliet()
    );
    tokens.pass(Duration::from_millis(1));
    assert_eq!(
        log_in(&mut tokens, "juliet", &token("bbbbbbbbbbbbbbbb")),
        Login::WRONG
    );
    let tomorrow = sign(
        SECRET,
        "juliet@localhost",
        now() + 86_400_000,
        "cccccccccccccccc",
    );
    assert_eq!(
        log_in(&mut tokens, "juliet", &tomorrow),
        Login::WRONG,
        "not issued yet"
    );
}

#[test]
fn a_token_is_for_one_address_and_cannot_be_made_up() {
    let mut tokens = tokens();
    let good = token("aaaaaaaaaaaaaaaa");
    assert_eq!(
        log_in(&mut tokens, "romeo", &good),
        Login::WRONG,
        "somebody else's"
    );
    let others = sign(
        "another secret, as long as it may be",
        "juliet@localhost",
        now(),
        "aaaaaaaaaaaaaaaa",
    );
    let elsewhere = sign(SECRET, "juliet@elsewhere", now(), "aaaaaaaaaaaaaaaa");
    let later = good.replacen('1', "2", 1);
    let short = sign(SECRET, "juliet@localhost", now(), "a");
    for bad in [
        others,
        elsewhere,
        later,
        short,
        format!("{good}00"),
        format!("{good}."),
        String::new(),
        "..".to_owned(),
    ] {
        assert_eq!(log_in(&mut tokens, "juliet", &bad), Login::WRONG, "{bad}");
    }
    assert_eq!(
        log_in(&mut tokens, "juliet", &good),
        juliet(),
        "what failed did not use it up"
    );
}

#[test]
fn passwords_are_of_no_use_and_a_short_secret_is_refused() {
    let mut tokens = tokens();
    let mut stream = tokens.connect(&auth_stream("1", "localhost"));
    let good = token("aaaaaaaaaaaaaaaa");
    assert_eq!(
        tokens.log_in(&mut stream, "juliet", &good),
        Login::WRONG,
        "without its prefix"
    );
    assert!(
        Harness::<TokenAuth>::new()
            .config("secret", "short")
            .start()
            .is_err()
    );
}
