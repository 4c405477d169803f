//! Authentication where a provider knows the accounts.

use super::sasl::{SUCCESS, log_in, message};
use super::*;

/// A provider that can do everything.
pub(super) fn provider() -> Authority {
    Authority::Provider(Abilities {
        plain: true,
        sha1: true,
        sha256: true,
        iterations: 2,
        salt_bytes: 16,
    })
}

fn pair(authority: Authority) -> Pair {
    let mut pair = Pair::new(settings());
    pair.authority = authority;
    pair.client(OPEN);
    pair.client(STARTTLS);
    pair.client(OPEN);
    pair
}

fn offered(authority: Authority) -> String {
    let said = pair(authority).server();
    let from = said
        .find("<mechanisms")
        .map(|at| said.split_at(at).1.to_owned());
    from.unwrap_or_default()
}

#[test]
fn offers_what_the_provider_can_do() {
    let Authority::Provider(able) = provider() else {
        panic!()
    };
    assert!(offered(provider()).contains("SCRAM-SHA-256-PLUS"));
    let plain = Authority::Provider(Abilities {
        sha1: false,
        sha256: false,
        ..able
    });
    let said = offered(plain);
    assert!(said.contains("<mechanism>PLAIN</mechanism>"), "{said}");
    assert!(
        !said.contains("SCRAM") && !said.contains("channel-binding"),
        "{said}"
    );
    let scram = Authority::Provider(Abilities {
        plain: false,
        sha1: false,
        ..able
    });
    let said = offered(scram);
    assert!(said.contains("SCRAM-SHA-256</mechanism>"), "{said}");
    assert!(
        !said.contains("PLAIN") && !said.contains("SHA-1<"),
        "{said}"
    );
    // What is not offered does not work either.
    let mut pair = pair(plain);
    pair.server();
    assert_eq!(
        pair.dialogue(&auth("SCRAM-SHA-256", "n,,n=Jules,r=abcdefgh")),
        failure("invalid-mechanism")
    );
}

#[test]
fn the_account_is_the_one_that_the_provider_names() {
    let mut pair = pair(provider());
    pair.server();
    assert_eq!(pair.dialogue(&auth("PLAIN", "\0Jules\0r0m30")), SUCCESS);
    pair.client(OPEN);
    pair.client(BIND);
    let established = pair.established.take().unwrap();
    assert_eq!(established.account, 18, "the id that the server gave it");
    assert!(established.jid.as_str().starts_with("juliet@example.com/"));
    assert_eq!(pair.admitted, ["juliet@example.com"]);
    assert!(
        pair.looked_up.is_empty(),
        "the server's own accounts are not asked"
    );
}

#[test]
fn refusals_reach_the_client_as_conditions_of_sasl() {
    for (password, condition) in [
        ("wrong", "not-authorized"),
        ("locked", "account-disabled"),
        ("old", "credentials-expired"),
        ("later", "temporary-auth-failure"),
    ] {
        let mut pair = pair(provider());
        pair.server();
        let said = pair.dialogue(&auth("PLAIN", &format!("\0Jules\0{password}")));
        assert_eq!(said, failure(condition));
        assert!(pair.admitted.is_empty());
        assert_eq!(
            pair.dialogue(&auth("PLAIN", "\0Jules\0r0m30")),
            SUCCESS,
            "the stream lives on"
        );
    }
}

#[test]
fn scram_proves_the_password_by_the_providers_keys() {
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1"] {
        let mut pair = pair(provider());
        pair.server();
        let said = log_in(&mut pair, mechanism, "Jules", "r0m30", "n,,", b"");
        assert!(said.starts_with("<success"), "{said}");
        assert_eq!(pair.admitted, ["juliet@example.com"]);
    }
    let mut pair = pair(provider());
    pair.server();
    let said = log_in(&mut pair, "SCRAM-SHA-256", "Jules", "wrong", "n,,", b"");
    assert_eq!(said, failure("not-authorized"));
    assert!(
        pair.admitted.is_empty(),
        "nothing is made for who proved nothing"
    );
}

#[test]
fn an_unknown_user_looks_like_a_known_one_until_the_proof() {
    let challenge = |user: &str| {
        let mut pair = pair(provider());
        pair.server();
        let said = pair.dialogue(&auth("SCRAM-SHA-256", &format!("n,,n={user},r=abcdefgh")));
        message(&said, "challenge")
    };
    let part = |text: &str, name: &str| {
        let found = text.split(',').find_map(|field| field.strip_prefix(name));
        found.unwrap().to_owned()
    };
    let (known, unknown) = (challenge("Jules"), challenge("nobody"));
    assert_eq!(part(&known, "i="), part(&unknown, "i="));
    assert_eq!(part(&known, "s=").len(), part(&unknown, "s=").len());
    assert_eq!(
        part(&challenge("nobody"), "s="),
        part(&unknown, "s="),
        "the same each time"
    );
    let mut pair = pair(provider());
    pair.server();
    let said = log_in(&mut pair, "SCRAM-SHA-256", "nobody", "r0m30", "n,,", b"");
    assert_eq!(said, failure("not-authorized"));
}

#[test]
fn a_foreign_authorization_identity_is_refused_once_the_password_is_proven() {
    let attempt = |authzid: &str, password: &str| {
        let mut pair = pair(provider());
        pair.server();
        let said = pair.dialogue(&auth("PLAIN", &format!("{authzid}\0Jules\0{password}")));
        assert!(said == SUCCESS || pair.admitted.is_empty());
        said
    };
    assert_eq!(attempt("juliet@example.com", "r0m30"), SUCCESS);
    assert_eq!(
        attempt("romeo@example.com", "r0m30"),
        failure("invalid-authzid")
    );
    assert_eq!(
        attempt("romeo@example.com", "wrong"),
        failure("not-authorized")
    );
    assert_eq!(attempt("a@b@c", "r0m30"), failure("invalid-authzid"));
    let mut pair = pair(provider());
    pair.server();
    let header = "n,a=romeo@example.com,";
    let said = log_in(&mut pair, "SCRAM-SHA-256", "Jules", "r0m30", header, b"");
    assert_eq!(said, failure("invalid-authzid"));
}

#[test]
fn no_account_of_another_host_is_let_in() {
    for elsewhere in [
        "juliet@example.net",
        "juliet@elsewhere.example",
        "example.com",
    ] {
        let mut pair = pair(provider());
        pair.provided = elsewhere;
        pair.server();
        let said = pair.dialogue(&auth("PLAIN", "\0Jules\0r0m30"));
        assert_eq!(said, failure("temporary-auth-failure"), "{elsewhere}");
        let said = log_in(&mut pair, "SCRAM-SHA-1", "Jules", "r0m30", "n,,", b"");
        assert_eq!(said, failure("temporary-auth-failure"), "{elsewhere}");
        assert!(pair.admitted.is_empty());
    }
}

#[test]
fn what_fails_on_the_way_refuses() {
    let mut disabled = pair(provider());
    disabled.admission = Err(Failure::AccountDisabled);
    disabled.server();
    let said = disabled.dialogue(&auth("PLAIN", "\0Jules\0r0m30"));
    assert_eq!(said, failure("account-disabled"));

    let mut broken = pair(provider());
    broken.server();
    broken.broken = true;
    for message in [
        auth("PLAIN", "\0Jules\0r0m30"),
        auth("SCRAM-SHA-256", "n,,n=Jules,r=abcdefgh"),
    ] {
        assert_eq!(broken.dialogue(&message), failure("temporary-auth-failure"));
    }
    assert_eq!(
        broken.dialogue(&auth("PLAIN", "\0Jules\0")),
        failure("malformed-request"),
        "an empty password asks nobody"
    );
}
