//! Properties of the negotiation: what a client sends panics nothing, is answered with well-formed XML, gets the same answers
//! however it is split, and gets nothing more after the end. Nobody is let in without the password.

use std::sync::Arc;
use std::time::Instant;
use waxwing_xml::{Limits, StreamEvent, StreamParser};
use waxwing_xmpp::jid;
use waxwing_xmpp::sasl::{Credentials, Hash, derive, verify_plain};
use waxwing_xmpp::stream::{
    Authority, Input, Negotiation, Output, Peer, PreAuthReply, Settings, TlsInfo, TlsPolicy,
    TlsVersion,
};

const PASSWORD: &str = "r0m30";

/// Runs every check on one input: a byte of settings, then what the client sends.
pub(crate) fn check(data: &[u8]) {
    let Some((selector, bytes)) = data.split_first() else {
        return;
    };
    let whole = run(*selector, std::iter::once(bytes));
    assert_eq!(run(*selector, bytes.chunks(1)), whole, "byte by byte");
    if whole.established {
        let proven = bytes
            .windows(PASSWORD.len())
            .any(|window| window == PASSWORD.as_bytes())
            || bytes
                .windows(16)
                .any(|window| window == b"AGp1bGlldAByMG0z");
        assert!(proven, "let in without a password");
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    said: Vec<u8>,
    closed: bool,
    established: bool,
}

fn settings(selector: u8) -> Settings {
    let hosts = vec!["example.com".to_owned(), "example.net".to_owned()];
    let tls = match selector % 3 {
        0 => TlsPolicy::None,
        1 => TlsPolicy::Optional,
        _ => TlsPolicy::Required,
    };
    Settings {
        tls,
        allow_plain_without_tls: true,
        ..Settings::new(hosts, [1; 32], |bytes| bytes.fill(7))
    }
}

fn run<'a>(selector: u8, pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let mut negotiation = Negotiation::new(
        Arc::new(settings(selector)),
        Peer { loopback: true },
        Instant::now(),
    );
    let mut theirs = StreamParser::new(Limits::pre_auth());
    let mut ours = StreamParser::new(Limits::stanza());
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut input = piece;
        loop {
            while let Some(output) = negotiation.poll() {
                assert!(
                    !outcome.closed && !outcome.established,
                    "after the end: {output:?}"
                );
                carry_out(
                    output,
                    &mut negotiation,
                    &mut theirs,
                    &mut ours,
                    &mut outcome,
                );
            }
            if outcome.closed || outcome.established {
                return outcome;
            }
            assert!(!negotiation.is_waiting());
            match theirs.next(&mut input) {
                Ok(Some(event)) => negotiation.handle(Input::Event(event)),
                Ok(None) => break,
                Err(error) => negotiation.handle(Input::Malformed(error)),
            }
        }
    }
    outcome
}

fn carry_out(
    output: Output,
    negotiation: &mut Negotiation,
    theirs: &mut StreamParser,
    ours: &mut StreamParser,
    outcome: &mut Outcome,
) {
    let answer = match output {
        Output::Send(bytes) => {
            read(ours, &bytes);
            outcome.said.extend_from_slice(&bytes);
            return;
        }
        Output::RestartParser => {
            theirs.restart();
            ours.restart();
            return;
        }
        Output::SetLimitsAuthenticated => return theirs.set_limits(Limits::stanza()),
        Output::Close => {
            outcome.closed = true;
            return;
        }
        Output::Established(_) => {
            outcome.established = true;
            return;
        }
        Output::StartTls { .. } => Input::TlsEstablished(TlsInfo {
            version: TlsVersion::Tls13,
            exporter: Some([5; 32]),
            end_point: None,
        }),
        Output::QueryFeatures(_) => Input::Features(Vec::new(), Authority::Server),
        Output::LookUp(jid) => {
            let keys = |hash| derive(PASSWORD, b"salt", 1, hash).unwrap();
            let found = Credentials {
                account: 1,
                keys: Hash::ALL.map(|hash| (hash, keys(hash))).into(),
            };
            Input::Credentials((jid.as_str() == "juliet@example.com").then_some(found))
        }
        // There is no provider.
        Output::Judge { .. } | Output::FetchKeys { .. } | Output::Admit(_) => Input::EffectFailed,
        Output::VerifyPassword { keys, password } => {
            Input::PasswordVerified(keys.is_some_and(|keys| verify_plain(&keys, &password)))
        }
        Output::PreAuth(stanza) => {
            Input::PreAuthReply(PreAuthReply::Reply(stanza.result_reply(None)))
        }
        Output::Resume { jid, resume, .. } if resume.handled == 7 => {
            Input::Resumed(Ok(jid::with_resource(&jid, "r").unwrap()))
        }
        Output::Resume { .. } => Input::EffectFailed,
        Output::Bind { jid, request, .. } => Input::Bound(Ok(jid::with_resource(
            &jid,
            &request.resource.unwrap_or("r".to_owned()),
        )
        .unwrap())),
    };
    negotiation.handle(answer);
}

/// Reads what the server says as a client does.
fn read(parser: &mut StreamParser, mut bytes: &[u8]) {
    loop {
        match parser.next(&mut bytes) {
            Ok(Some(StreamEvent::Close)) => {
                return assert!(bytes.is_empty(), "after the stream's end");
            }
            Ok(Some(_)) => {}
            Ok(None) => return assert_eq!(parser.buffered(), 0, "whole elements are sent"),
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(bytes)),
        }
    }
}
