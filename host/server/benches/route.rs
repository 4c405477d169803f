//! Routing a message, from the sender's stamped stanza to the receiver's mailbox and out of it, among more and more sessions:
//! `cargo bench -p waxwing-server --bench route`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends where something is wrong, and prints its figures"
)]

use std::hint::black_box;
use std::time::Instant;

use waxwing_server::Routing;
use waxwing_xml::{Element, Limits};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::stanza::Stanza;

/// That of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DOMAIN: &str = "montague.example";
const SESSIONS: [usize; 4] = [1, 100, 10_000, 100_000];
const ROUNDS: usize = 9;
const MESSAGES: usize = 100_000;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let measure = std::env::args().any(|argument| argument == "--bench");
    for sessions in SESSIONS {
        if !measure && sessions > 100 {
            break;
        }
        let jids: Vec<String> = (0..sessions)
            .map(|number| format!("user{number}@{DOMAIN}/orchard"))
            .collect();
        let routing = Routing::to(DOMAIN, jids.iter().map(String::as_str)).expect("full JIDs");
        let messages: Vec<Stanza> = jids.iter().map(|to| message(to)).collect();
        let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| round(&routing, &messages)).collect();
        rounds.sort_by(f64::total_cmp);
        let [least, .., most] = rounds.as_slice() else {
            continue;
        };
        let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        println!(
            "among {sessions:>7} sessions {median:>6.0} ns a message (rounds: {least:.0} to {most:.0})"
        );
    }
}

/// Messages to everybody in turn; nanoseconds for each.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "figures for people"
)]
fn round(routing: &Routing, messages: &[Stanza]) -> f64 {
    let begun = Instant::now();
    let everybody = messages.iter().enumerate().cycle();
    for (receiver, message) in everybody.take(MESSAGES) {
        let came = routing.pass(black_box(message.clone()), receiver);
        assert!(came, "it did not come to its receiver");
    }
    begun.elapsed().as_nanos() as f64 / MESSAGES as f64
}

fn message(to: &str) -> Stanza {
    let xml = format!(
        "<message xmlns='jabber:client' from='juliet@capulet.example/balcony' to='{to}' type='chat' id='m1'>\
        <body>Art thou not Romeo, and a Montague?</body></message>"
    );
    let element = Element::parse(xml.as_bytes(), "jabber:client", &Limits::stanza());
    Stanza::parse(element.expect("well-formed"), ContentNamespace::Client).expect("a stanza")
}
