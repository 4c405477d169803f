//! Pings to the server and to whom they do not belong.

use waxwing_plugin::harness::{Harness, Outcome};

use super::*;

const JULIET: &str = "juliet@localhost/balcony";

fn ping(to: &str, kind: &str) -> Outcome {
    let mut ping = Harness::<Ping>::new().start().unwrap();
    let xml = format!("<iq type='{kind}' id='p1'{to}><ping xmlns='urn:xmpp:ping'/></iq>");
    ping.iq_from(JULIET, &xml)
}

#[test]
fn answers_for_the_server_and_the_senders_own_account() {
    assert_eq!(
        ping(" to='localhost'", "get"),
        "<iq type='result' id='p1' from='localhost' to='juliet@localhost/balcony'/>"
    );
    assert_eq!(
        ping(" to='juliet@localhost'", "get"),
        "<iq type='result' id='p1' from='juliet@localhost' to='juliet@localhost/balcony'/>"
    );
    assert_eq!(
        ping("", "get"),
        "<iq type='result' id='p1' to='juliet@localhost/balcony'/>"
    );
}

#[test]
fn answers_for_nobody_else() {
    for to in [
        "romeo@localhost",
        "romeo@localhost/x",
        "juliet@localhost/balcony",
        "elsewhere.example",
    ] {
        assert_eq!(
            ping(&format!(" to='{to}'"), "get"),
            Outcome::NotAsked,
            "{to}"
        );
    }
    assert_eq!(ping(" to='localhost'", "set"), Outcome::NotAsked);
}
