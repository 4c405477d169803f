//! What a hook costs, beside bare wasmtime in the same run: `cargo bench -p waxwing-plugins --bench dispatch`. Needs the built guests
//! (`WAXWING_GUESTS`).
//!
//! Bare is a `call_async` of the same guest function in one store, the stanza's handle made before and used again. Ours is
//! everything: the filter, an instance from the pool, the call, its effects, its verdict. Then what guests write a second ([`writes`]).
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench ends where something is wrong, and prints its figures"
)]

mod bare;
mod host;
mod writes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use waxwing_plugins::{ChainRun, HookVerdict, Recipient, Shard};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::stanza::Stanza;

/// That of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds, of which the median counts.
const ROUNDS: usize = 15;
const CALLS: u32 = 20_000;

const MESSAGE: &str = "<message xmlns='jabber:client' from='romeo@localhost/orchard' to='juliet@localhost' type='chat' id='m1'>\
    <body>But, soft! what light through yonder window breaks? It is the east, and Juliet is the sun.</body>\
    <active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>";

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == host::COMPILE) {
        waxwing_plugins::compile_child(arguments).expect("the component compiles");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(measure());
    runtime.block_on(writes::measure());
}

async fn measure() {
    let message = message(MESSAGE);

    let mut empty = bare::Bare::load(&guest("inbound-pass")).await;
    let mut reading = bare::Bare::load(&guest("reads-two")).await;
    let one = host::platform(&[("reads-two", &guest("reads-two"))]).await;
    let passing = host::platform(&[("inbound-pass", &guest("inbound-pass"))]).await;
    let idle = message_of_another_type();

    let mut figures = BTreeMap::new();
    for _ in 0..ROUNDS {
        let bares = [
            ("1 bare, empty", &mut empty),
            ("2 bare, two fields", &mut reading),
        ];
        for (name, bare) in bares {
            bare.lend(&message);
            let begun = Instant::now();
            for _ in 0..CALLS {
                bare.call().await;
            }
            note(&mut figures, name, begun.elapsed());
        }
        let begun = Instant::now();
        for _ in 0..CALLS {
            reading.call_here();
        }
        note(
            &mut figures,
            "3 bare on the caller's stack, two fields",
            begun.elapsed(),
        );
        for (name, shard) in [
            ("4 ours, empty", &passing.shard),
            ("5 ours, two fields", &one.shard),
        ] {
            let begun = Instant::now();
            for _ in 0..CALLS {
                judge(shard, &message).await;
            }
            note(&mut figures, name, begun.elapsed());
        }
        let begun = Instant::now();
        for _ in 0..CALLS {
            assert!(!wants(&one.shard, &idle));
        }
        note(
            &mut figures,
            "6 one hook that does not match",
            begun.elapsed(),
        );
    }
    one.end().await;
    passing.end().await;
    let ten = host::platform(&[("ten-hooks", &guest("ten-hooks"))]).await;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            assert!(!wants(&ten.shard, &message));
        }
        note(
            &mut figures,
            "7 ten hooks that do not match",
            begun.elapsed(),
        );
    }
    ten.end().await;
    report(figures);
}

fn guest(name: &str) -> PathBuf {
    let guests = std::env::var_os("WAXWING_GUESTS").expect("WAXWING_GUESTS");
    PathBuf::from(guests).join(format!("fixtures/{name}.wasm"))
}

async fn judge(shard: &Shard, message: &Stanza) {
    assert!(shard.wants_inbound(message, Recipient::OtherAccount));
    let verdict = match shard.inbound(message.clone(), Recipient::OtherAccount) {
        ChainRun::Ready(verdict) => verdict,
        ChainRun::Pending(verdict) => verdict.await,
    };
    assert!(matches!(verdict, HookVerdict::Pass(_)), "{verdict:?}");
}

fn wants(shard: &Shard, stanza: &Stanza) -> bool {
    shard.wants_inbound(std::hint::black_box(stanza), Recipient::OtherAccount)
}

fn message(xml: &str) -> Stanza {
    let limits = waxwing_xml::Limits::stanza();
    let element = waxwing_xml::Element::parse(xml.as_bytes(), "jabber:client", &limits);
    Stanza::parse(element.expect("well-formed"), ContentNamespace::Client).expect("a stanza")
}

fn message_of_another_type() -> Stanza {
    message(&MESSAGE.replace("type='chat'", "type='headline'"))
}

type Figures = BTreeMap<&'static str, Vec<f64>>;

fn note(figures: &mut Figures, name: &'static str, elapsed: Duration) {
    let nanos = elapsed.as_secs_f64() * 1e9 / f64::from(CALLS);
    figures.entry(name).or_default().push(nanos);
}

fn report(figures: Figures) {
    let mut medians = BTreeMap::new();
    for (name, mut rounds) in figures {
        rounds.sort_by(f64::total_cmp);
        let median = rounds[rounds.len() / 2];
        println!(
            "{name:<34} {median:>8.0} ns   (rounds: {:.0} to {:.0})",
            rounds[0],
            rounds[ROUNDS.saturating_sub(1)]
        );
        medians.insert(name, median);
    }
    let of = |name: &str| medians[name];
    println!(
        "a hook beside bare:                {:.2} (asked: at most 1.5)",
        of("5 ours, two fields") / of("2 bare, two fields")
    );
    println!(
        "a filter that does not match:      {:.2} of an empty bare call (asked: at most 0.25)",
        of("6 one hook that does not match") / of("1 bare, empty")
    );
    println!(
        "ten that do not match:             {:.2} of an empty bare call (asked: less than 1)",
        of("7 ten hooks that do not match") / of("1 bare, empty")
    );
}
