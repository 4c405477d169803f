//! Whatever comes in whatever order, nothing panics, and nothing comes out after the end.

use super::*;
use crate::error::{Condition, StreamCondition};
use crate::ns;
use proptest::prelude::*;
use waxwing_xml::{StreamEvent, StreamHeader, XmlError};

fn header(to: &str) -> Input {
    let root = Element::builder("stream", ns::STREAMS)
        .attr("to", to)
        .attr("version", "1.0")
        .build();
    let prefix = Some("stream".to_owned());
    Input::Event(StreamEvent::Open(StreamHeader {
        root,
        default_ns: Some(ns::CLIENT.to_owned()),
        prefix,
    }))
}

fn element(xml: &str) -> Input {
    let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza()).unwrap();
    Input::Event(StreamEvent::Element(element))
}

const KINDS: u8 = 36;

fn input(kind: u8) -> Input {
    match kind {
        0 | 1 => header("example.com"),
        2 => header("example.net"),
        3 => header(""),
        4 => element(STARTTLS),
        5 => element(&auth("PLAIN", "\0juliet\0r0m30")),
        6 => element(&auth_text("PLAIN", "")),
        7 => element(&auth("SCRAM-SHA-256", "n,,n=juliet,r=x")),
        8 => element(&response("\0juliet\0r0m30")),
        9 => element("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"),
        10 => element(BIND),
        11 => element("<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>"),
        12 => element("<message/>"),
        13 => element("<compress xmlns='http://jabber.org/protocol/compress'/>"),
        14 => Input::Event(StreamEvent::Close),
        15 => Input::Malformed(XmlError::UnsupportedEncoding),
        16 | 17 => Input::TlsEstablished(tls_info()),
        18 | 19 => Input::Features(vec![], Authority::Server),
        20 => Input::Credentials(Some(credentials())),
        21 => Input::Credentials(None),
        22 => Input::PasswordVerified(true),
        23 => Input::EffectFailed,
        24 => Input::PreAuthReply(PreAuthReply::Reply(
            Element::builder("iq", ns::CLIENT).build(),
        )),
        25 => Input::PreAuthReply(PreAuthReply::Close(StreamCondition::Reset.into())),
        26 => Input::Bound(Ok(jid::parse_full("juliet@example.com/x").unwrap())),
        27 => Input::Bound(Err(Condition::Conflict.into())),
        28 => Input::DeadlinePassed,
        29 | 30 => Input::Features(vec![], provided::provider()),
        31 => Input::Judged(Ok(jid::parse_bare("juliet@example.com").unwrap())),
        32 => Input::Judged(Err(Failure::CredentialsExpired)),
        33 => Input::Keys(Some((
            jid::parse_bare("juliet@example.com").unwrap(),
            credentials().keys(Hash::Sha256).unwrap().clone(),
        ))),
        34 => Input::Keys(None),
        35 => Input::Admitted(Ok(1)),
        36 => Input::Admitted(Err(Failure::AccountDisabled)),
        _ => Input::ShuttingDown,
    }
}

fn run(settings: Settings, kinds: &[u8]) -> Result<(), TestCaseError> {
    let mut negotiation =
        Negotiation::new(Arc::new(settings), Peer { loopback: true }, Instant::now());
    let mut over = false;
    let mut proven = false;
    for kind in kinds {
        negotiation.handle(input(*kind));
        while let Some(output) = negotiation.poll() {
            prop_assert!(!over, "after the end: {:?}", output);
            match output {
                Output::Close => over = true,
                Output::Established(_) => {
                    prop_assert!(proven);
                    over = true;
                }
                Output::SetLimitsAuthenticated => proven = true,
                Output::Bind { .. } => prop_assert!(proven),
                _ => {}
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_follows_the_end(kinds in proptest::collection::vec(0..=KINDS + 1, 0..40)) {
        run(plain_settings(), &kinds)?;
        run(settings(), &kinds)?;
        run(Settings { direct_tls: true, ..settings() }, &kinds)?;
    }

    #[test]
    fn no_bytes_panic_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut pair = Pair::new(plain_settings());
        pair.client(OPEN);
        pair.pending.extend_from_slice(&bytes);
        pair.pump();
    }

    #[test]
    fn no_message_of_a_mechanism_panics_it(message in "[npy=,ar a-c\u{0}]{0,20}", last in "[crp=,a-c/+]{0,30}") {
        let mut pair = Pair::secured();
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "PLAIN"] {
            pair.client(&auth(mechanism, &message));
            pair.client(&response(&last));
        }
        prop_assert!(pair.established.is_none());
    }
}
