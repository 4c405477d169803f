//! Authentication (RFC 6120 §6), switching of hosts, and retries.

use super::*;
use crate::sasl::client::scram;

pub(super) const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const CHALLENGE: &str = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// The text of an element of SASL, decoded.
pub(super) fn message(said: &str, name: &str) -> String {
    let text = said
        .strip_prefix(&format!(
            "<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
        ))
        .unwrap_or_else(|| panic!("{said}"));
    let text = text.strip_suffix(&format!("</{name}>")).unwrap();
    String::from_utf8(base64::decode(text).unwrap()).unwrap()
}

/// A whole SCRAM exchange; gives the server's last word.
pub(super) fn log_in(
    pair: &mut Pair,
    mechanism: &str,
    name: &str,
    password: &str,
    header: &str,
    binding: &[u8],
) -> String {
    let hash = if mechanism.contains("256") {
        Hash::Sha256
    } else {
        Hash::Sha1
    };
    let bare = format!("n={name},r=abcdefgh");
    let challenge = pair.dialogue(&auth(mechanism, &format!("{header}{bare}")));
    if challenge.starts_with("<failure") {
        return challenge;
    }
    let data = [header.as_bytes(), binding].concat();
    let (last, expected) = scram(
        hash,
        password,
        &bare,
        &data,
        &message(&challenge, "challenge"),
    );
    let said = pair.dialogue(&response(&last));
    if said.starts_with("<success") {
        assert_eq!(
            message(&said, "success"),
            expected,
            "the server proves that it knows the password"
        );
    }
    said
}

#[test]
fn offers_the_configured_mechanisms() {
    let mut pair = Pair::new(Settings {
        direct_tls: true,
        ..settings()
    });
    let said = pair.dialogue(OPEN);
    let names: Vec<_> = said
        .split("<mechanism>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-1",
            "PLAIN"
        ]
    );
    let types = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
                 <channel-binding type='tls-server-end-point'/></sasl-channel-binding>";
    assert!(said.contains(types), "{said}");

    let mut pair = Pair::new(settings());
    pair.tls = TlsInfo {
        version: TlsVersion::Tls12,
        exporter: None,
        end_point: None,
    };
    pair.client(OPEN);
    pair.client(STARTTLS);
    let said = pair.dialogue(OPEN);
    assert!(
        !said.contains("PLUS") && !said.contains("channel-binding"),
        "{said}"
    );
}

#[test]
fn offers_neither_external_nor_anonymous() {
    for mechanism in ["EXTERNAL", "ANONYMOUS", "CRAM-MD5", "plain", "", "PLAIN "] {
        let mut pair = Pair::secured();
        assert_eq!(
            pair.dialogue(&auth(mechanism, "juliet@example.com")),
            failure("invalid-mechanism"),
            "{mechanism}"
        );
        pair.client("<message/>");
        pair.ended_with("not-authorized");
    }
    let mut pair = Pair::secured();
    assert_eq!(
        pair.dialogue("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        failure("invalid-mechanism")
    );
}

#[test]
fn logs_in_by_plain_with_and_without_initial_response() {
    let mut pair = Pair::secured();
    assert_eq!(pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")), SUCCESS);
    let mut pair = Pair::secured();
    assert_eq!(pair.dialogue(&auth_text("PLAIN", "")), CHALLENGE);
    assert_eq!(pair.dialogue(&response("\0juliet\0r0m30")), SUCCESS);
    let mut pair = Pair::secured();
    assert_eq!(
        pair.dialogue(&auth_text("PLAIN", "=")),
        failure("malformed-request")
    );
}

#[test]
fn answers_plain_by_the_table() {
    for (sent, answer) in [
        ("\0juliet\0r0m30", None),
        ("\0Juliet\0r0m30", None),
        ("juliet@example.com\0juliet\0r0m30", None),
        ("Juliet@EXAMPLE.com\0juliet\0r0m30", None),
        ("\0juliet\0wrong", Some("not-authorized")),
        ("\0nobody\0r0m30", Some("not-authorized")),
        ("\0juliet@example.com\0r0m30", Some("not-authorized")),
        ("\0ju liet\0r0m30", Some("not-authorized")),
        ("romeo@example.com\0juliet\0r0m30", Some("invalid-authzid")),
        ("juliet@example.net\0juliet\0r0m30", Some("invalid-authzid")),
        (
            "juliet@example.com/x\0juliet\0r0m30",
            Some("invalid-authzid"),
        ),
        ("juliet\0juliet\0r0m30", Some("invalid-authzid")),
        ("example.com\0juliet\0r0m30", Some("invalid-authzid")),
        ("@\0juliet\0r0m30", Some("invalid-authzid")),
        ("a@example.com\0a b\0r0m30", Some("invalid-authzid")),
        ("\0juliet\0r0m30\0", Some("malformed-request")),
        ("\0\0juliet\0r0m30", Some("malformed-request")),
        ("juliet\0r0m30", Some("malformed-request")),
        ("\0\0r0m30", Some("malformed-request")),
        ("\0juliet\0", Some("malformed-request")),
        ("", Some("malformed-request")),
    ] {
        let mut pair = Pair::secured();
        let text = if sent.is_empty() {
            "=".to_owned()
        } else {
            base64::encode(sent.as_bytes())
        };
        let said = pair.dialogue(&auth_text("PLAIN", &text));
        assert_eq!(said, answer.map_or(SUCCESS.to_owned(), failure), "{sent:?}");
    }
}

#[test]
fn answers_bad_base64_by_the_table() {
    for (text, answer) in [
        ("=AAA", "incorrect-encoding"),
        ("BBBB=CCC", "incorrect-encoding"),
        ("AB==", "incorrect-encoding"),
        ("AA", "incorrect-encoding"),
        ("AAAA AAAA", "incorrect-encoding"),
        (" AAAA", "incorrect-encoding"),
        ("AAAA\n", "incorrect-encoding"),
        ("AA-_", "incorrect-encoding"),
        ("====", "incorrect-encoding"),
        ("/////w==", "malformed-request"),
        ("AAAA", "malformed-request"),
        ("<x/>", "malformed-request"),
    ] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let mut pair = Pair::secured();
            assert_eq!(
                pair.dialogue(&auth_text(mechanism, text)),
                failure(answer),
                "{mechanism} {text}"
            );
            assert_eq!(pair.dialogue(&auth_text(mechanism, "")), CHALLENGE);
            let response =
                format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{text}</response>");
            assert_eq!(
                pair.dialogue(&response),
                failure(answer),
                "{mechanism} {text}"
            );
            assert!(!pair.closed);
        }
    }
}

#[test]
fn logs_in_by_every_scram() {
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1"] {
        for header in ["n,,", "n,a=juliet@example.com,"] {
            let said = log_in(
                &mut Pair::secured(),
                mechanism,
                "juliet",
                "r0m30",
                header,
                b"",
            );
            assert!(said.starts_with("<success"), "{mechanism}: {said}");
        }
        let plus = format!("{mechanism}-PLUS");
        let said = log_in(
            &mut Pair::secured(),
            &plus,
            "juliet",
            "r0m30",
            "p=tls-exporter,,",
            &[5; 32],
        );
        assert!(said.starts_with("<success"), "{plus}: {said}");
        let said = log_in(
            &mut Pair::secured(),
            &plus,
            "juliet",
            "r0m30",
            "p=tls-server-end-point,,",
            &[6; 32],
        );
        assert!(said.starts_with("<success"), "{plus}: {said}");
    }
    let mut pair = Pair::new(plain_settings());
    pair.client(OPEN);
    pair.server();
    let said = log_in(&mut pair, "SCRAM-SHA-1", "juliet", "r0m30", "y,,", b"");
    assert!(
        said.starts_with("<success"),
        "y is right where no binding is offered: {said}"
    );
}

#[test]
fn fails_scram_by_the_table() {
    let (plain, plus) = ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS");
    for (mechanism, name, password, header, binding, answer) in [
        (plain, "juliet", "wrong", "n,,", &[][..], "not-authorized"),
        (plain, "nobody", "r0m30", "n,,", &[], "not-authorized"),
        (plain, "ju liet", "r0m30", "n,,", &[], "not-authorized"),
        (plain, "juliet", "r0m30", "y,,", &[], "not-authorized"),
        (
            plain,
            "juliet",
            "r0m30",
            "n,a=romeo@example.com,",
            &[],
            "invalid-authzid",
        ),
        (
            plain,
            "juliet",
            "r0m30",
            "n,a=juliet,",
            &[],
            "invalid-authzid",
        ),
        (
            plain,
            "juliet",
            "r0m30",
            "p=tls-exporter,,",
            &[5; 32],
            "malformed-request",
        ),
        (plus, "juliet", "r0m30", "n,,", &[], "malformed-request"),
        (plus, "juliet", "r0m30", "y,,", &[], "malformed-request"),
        (
            plus,
            "juliet",
            "r0m30",
            "p=tls-unique,,",
            &[5; 32],
            "not-authorized",
        ),
        (
            plus,
            "juliet",
            "r0m30",
            "p=tls-exporter,,",
            &[4; 32],
            "not-authorized",
        ),
        (
            plus,
            "juliet",
            "r0m30",
            "p=tls-exporter,,",
            &[],
            "not-authorized",
        ),
        (
            plus,
            "juliet",
            "r0m30",
            "p=tls-server-end-point,,",
            &[5; 32],
            "not-authorized",
        ),
    ] {
        let said = log_in(
            &mut Pair::secured(),
            mechanism,
            name,
            password,
            header,
            binding,
        );
        assert_eq!(
            said,
            failure(answer),
            "{mechanism} {name} {password} {header}"
        );
    }
}

#[test]
fn challenges_for_an_unknown_account_as_for_a_known_one() {
    let challenge = |name: &str| {
        let said =
            Pair::secured().dialogue(&auth("SCRAM-SHA-256", &format!("n,,n={name},r=abcdefgh")));
        let message = message(&said, "challenge");
        let (_, rest) = message.split_once(",s=").unwrap();
        let (salt, iterations) = rest.split_once(",i=").unwrap();
        (salt.to_owned(), iterations.to_owned())
    };
    assert_eq!(
        challenge("nobody"),
        challenge("Nobody"),
        "stable, and by the prepared name"
    );
    assert_ne!(challenge("nobody").0, challenge("somebody").0);
    assert_eq!(challenge("nobody").0.len(), challenge("juliet").0.len());
    assert_eq!(challenge("a b"), challenge("a b"));
    assert_eq!(
        challenge("nobody").1,
        crate::sasl::NEW_ACCOUNT_ITERATIONS.to_string()
    );
}

#[test]
fn aborts_and_lives_on() {
    let mut pair = Pair::secured();
    pair.client(&auth("SCRAM-SHA-1", "n,,n=juliet,r=x"));
    pair.server();
    assert_eq!(pair.dialogue(ABORT), failure("aborted"));
    assert_eq!(pair.dialogue(&auth_text("PLAIN", "")), CHALLENGE);
    assert_eq!(pair.dialogue(ABORT), failure("aborted"));
    assert_eq!(pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")), SUCCESS);
}

#[test]
fn replaces_an_exchange_by_the_next() {
    let mut pair = Pair::secured();
    pair.client(&auth("SCRAM-SHA-1", "n,,n=romeo,r=x"));
    pair.server();
    let said = log_in(&mut pair, "SCRAM-SHA-256", "juliet", "r0m30", "n,,", b"");
    assert!(said.starts_with("<success"), "{said}");
}

#[test]
fn answers_a_response_without_an_exchange() {
    let mut pair = Pair::secured();
    assert_eq!(
        pair.dialogue(&response("\0juliet\0r0m30")),
        failure("malformed-request")
    );
    assert!(!pair.closed);
    for _ in 0..3 {
        pair.client("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=AAA</response>");
    }
    pair.ended_with("policy-violation");
}

#[test]
fn takes_no_stanza_amid_an_exchange() {
    let mut pair = Pair::secured();
    pair.client(&auth_text("PLAIN", ""));
    pair.client("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>");
    pair.ended_with("not-authorized");
}

#[test]
fn allows_three_retries() {
    let mut pair = Pair::secured();
    for _ in 0..3 {
        assert_eq!(
            pair.dialogue(&auth("PLAIN", "\0juliet\0wrong")),
            failure("not-authorized")
        );
        assert!(!pair.closed);
    }
    pair.client(&auth("PLAIN", "\0juliet\0wrong"));
    assert!(pair.said.starts_with(&failure("not-authorized")));
    pair.ended_with("policy-violation");

    let mut pair = Pair::secured();
    for _ in 0..3 {
        pair.client(&auth("PLAIN", "\0juliet\0wrong"));
    }
    pair.server();
    assert_eq!(pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")), SUCCESS);
}

#[test]
fn counts_replaced_aborted_and_stray_attempts() {
    let mut pair = Pair::secured();
    for _ in 0..5 {
        pair.client(&auth("SCRAM-SHA-1", "n,,n=juliet,r=x"));
    }
    pair.ended_with("policy-violation");
    let mut pair = Pair::secured();
    for _ in 0..4 {
        pair.client(&auth_text("PLAIN", ""));
        pair.client(ABORT);
    }
    pair.ended_with("policy-violation");
    let mut pair = Pair::secured();
    for _ in 0..4 {
        pair.client(&response("x"));
    }
    pair.ended_with("policy-violation");
}

#[test]
fn fails_for_now_when_the_look_up_does() {
    let mut pair = Pair::secured();
    pair.broken = true;
    assert_eq!(
        pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")),
        failure("temporary-auth-failure")
    );
    pair.broken = false;
    assert_eq!(pair.dialogue(&auth("PLAIN", "\0juliet\0r0m30")), SUCCESS);
}

#[test]
fn keeps_the_host_that_the_account_was_proven_for() {
    let mut pair = Pair::secured();
    pair.client(&auth("PLAIN", "\0juliet\0r0m30"));
    pair.server();
    pair.client(&OPEN.replace("example.com", "example.net"));
    assert!(pair.said.contains(" from='example.com' "), "{}", pair.said);
    pair.ended_with("not-authorized");
    assert!(pair.established.is_none());
}

#[test]
fn is_authenticated_once() {
    for sent in [
        auth("PLAIN", "\0juliet\0r0m30"),
        response("x"),
        ABORT.to_owned(),
    ] {
        let mut pair = Pair::authenticated();
        pair.client(&sent);
        pair.ended_with("not-authorized");
    }
}

/// gloox 1.0.24 and Smack 4.4.8 take SCRAM-SHA-1-PLUS where it is offered, fail and give up.
#[test]
fn leaves_scram_sha_1_plus_out_unless_it_is_configured() {
    let hosts = vec!["example.com".to_owned()];
    let mut pair = Pair::new(Settings {
        direct_tls: true,
        ..Settings::new(hosts, [7; 32], random)
    });
    let said = pair.dialogue(OPEN);
    assert!(!said.contains("SCRAM-SHA-1-PLUS"), "{said}");
    for name in [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "PLAIN",
    ] {
        assert!(
            said.contains(&format!("<mechanism>{name}</mechanism>")),
            "{said}"
        );
    }
}

/// XEP-0440: whatever is configured, and whatever the channel and the provider can do.
#[test]
fn lists_channel_bindings_exactly_where_a_mechanism_binds() {
    let channels = [
        (Some([5; 32]), Some(vec![6; 32])),
        (Some([5; 32]), None),
        (None, Some(vec![6; 32])),
        (None, None),
    ];
    for chosen in 0..1_u32 << Mechanism::ALL.len() {
        let mechanisms = Mechanism::ALL.into_iter().enumerate();
        let mechanisms: Vec<_> = mechanisms
            .filter(|(bit, _)| chosen >> bit & 1 == 1)
            .map(|(_, mechanism)| mechanism)
            .collect();
        for (exporter, end_point) in channels.clone() {
            for authority in [Authority::Server, Authority::NOBODY, only_plain_and_sha1()] {
                let mut pair = Pair::new(Settings {
                    mechanisms: mechanisms.clone(),
                    ..settings()
                });
                pair.authority = authority;
                pair.tls = TlsInfo {
                    version: TlsVersion::Tls13,
                    exporter,
                    end_point: end_point.clone(),
                };
                pair.client(OPEN);
                pair.client(STARTTLS);
                let said = pair.dialogue(OPEN);
                assert_eq!(
                    said.contains("-PLUS</mechanism>"),
                    said.contains("<channel-binding "),
                    "{mechanisms:?}: {said}"
                );
                assert_eq!(
                    said.contains("<sasl-channel-binding"),
                    said.contains("<channel-binding ")
                );
            }
        }
    }
}

fn only_plain_and_sha1() -> Authority {
    Authority::Provider(Abilities {
        plain: true,
        sha1: true,
        sha256: false,
        iterations: 10,
        salt_bytes: 16,
    })
}

fn unsupported(pair: &mut Pair, mechanism: &str, name: &str, password: &str) -> String {
    log_in(pair, mechanism, name, password, "p=tls-unique,,", &[9; 12])
}

/// Debian's slixmpp 1.8.3 tries each -PLUS mechanism with tls-unique, then each other with `y`: a refused type of channel
/// binding is no password guess, and its `y` comes from a client that has seen what was offered.
#[test]
fn lets_a_client_in_that_knows_no_binding_type_of_ours() {
    let mut pair = Pair::secured();
    for _ in 0..3 {
        for mechanism in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"] {
            let said = unsupported(&mut pair, mechanism, "juliet", "r0m30");
            assert_eq!(said, failure("not-authorized"));
        }
    }
    let said = log_in(&mut pair, "SCRAM-SHA-256", "juliet", "r0m30", "y,,", b"");
    assert!(said.starts_with("<success"), "{said}");

    let mut pair = Pair::secured();
    pair.authority = Authority::Server;
    unsupported(&mut pair, "SCRAM-SHA-256-PLUS", "juliet", "r0m30");
    let said = log_in(&mut pair, "SCRAM-SHA-1", "juliet", "wrong", "y,,", b"");
    assert_eq!(said, failure("not-authorized"), "the password still counts");
}

/// What happens on a stream before a client's `y`.
type Before<'a> = &'a dyn Fn(&mut Pair);

/// Somebody between client and server who strips -PLUS from the features can send any first message, but proves nothing:
/// the client's `y` is refused after it as before (RFC 5802 §6).
#[test]
fn refuses_y_where_nobody_has_proven_to_have_seen_the_offer() {
    let first = |name: &str| auth("SCRAM-SHA-256-PLUS", &format!("p=tls-unique,,n={name},r=x"));
    let befores: [(&str, Before<'_>); 5] = [
        ("nothing", &|_| {}),
        ("a first message", &|pair| {
            pair.dialogue(&first("juliet"));
        }),
        ("a first message and an abort", &|pair| {
            pair.dialogue(&first("juliet"));
            pair.dialogue(ABORT);
        }),
        ("a wrong password", &|pair| {
            unsupported(pair, "SCRAM-SHA-256-PLUS", "juliet", "wrong");
        }),
        ("a supported type with another channel's data", &|pair| {
            log_in(
                pair,
                "SCRAM-SHA-256-PLUS",
                "juliet",
                "r0m30",
                "p=tls-exporter,,",
                &[4; 32],
            );
        }),
    ];
    for (what, before) in befores {
        let mut pair = Pair::secured();
        before(&mut pair);
        let said = log_in(&mut pair, "SCRAM-SHA-256", "juliet", "r0m30", "y,,", b"");
        assert_eq!(said, failure("not-authorized"), "{what}");
    }
    let mut pair = Pair::secured();
    unsupported(&mut pair, "SCRAM-SHA-256-PLUS", "juliet", "r0m30");
    let said = log_in(&mut pair, "SCRAM-SHA-256", "nobody", "r0m30", "y,,", b"");
    assert_eq!(said, failure("not-authorized"), "another user's proof");
}

#[test]
fn counts_an_unsupported_binding_type_with_a_wrong_password() {
    let mut pair = Pair::secured();
    for _ in 0..4 {
        unsupported(&mut pair, "SCRAM-SHA-256-PLUS", "juliet", "wrong");
    }
    assert!(pair.closed);
}

#[test]
fn ends_a_stream_that_binds_in_vain_for_ever() {
    let mut pair = Pair::secured();
    for attempt in 0..11 {
        unsupported(&mut pair, "SCRAM-SHA-256-PLUS", "juliet", "r0m30");
        assert!(!pair.closed, "{attempt}");
    }
    pair.client(&auth("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=juliet,r=x"));
    assert!(!pair.closed);
    pair.client(&response("c=eA==,r=x,p=eA=="));
    pair.ended_with("policy-violation");
}

/// xmpppy and sendxmpp send their own bare JID, however it is written.
#[test]
fn takes_its_own_bare_jid_for_authzid_by_every_mechanism() {
    for authzid in [
        "juliet@example.com",
        "Juliet@Example.COM",
        "juliet@example.com.",
    ] {
        let mut pair = Pair::secured();
        assert_eq!(
            pair.dialogue(&auth("PLAIN", &format!("{authzid}\0juliet\0r0m30"))),
            SUCCESS,
            "{authzid}"
        );
        for mechanism in Mechanism::ALL {
            let (header, data): (_, &[u8]) = match mechanism {
                Mechanism::Plain => continue,
                Mechanism::Scram { plus: true, .. } => ("p=tls-exporter", &[5; 32]),
                Mechanism::Scram { plus: false, .. } => ("n", b""),
            };
            let header = format!("{header},a={authzid},");
            let name = mechanism.name();
            let said = log_in(&mut Pair::secured(), name, "juliet", "r0m30", &header, data);
            assert!(said.starts_with("<success"), "{name} {authzid}: {said}");
        }
    }
}
