//! Parsing and writing one chat message, against what quick-xml, rxml and minidom take for the same bytes in the same run;
//! and 256 KiB byte by byte against the same at once.

#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot parse its own input has to stop"
)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use waxwing_xml::{Context, Element, Limits, StreamEvent, StreamParser};

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/// About 300 bytes.
const MESSAGE: &str = "<message from='juliet@capulet.example/balcony' to='romeo@montague.example/orchard' type='chat' \
    id='d9a1a3b4-0c11-4d1c-9a3c-71d3c1a1e0b2' xml:lang='en'><body>Art thou not Romeo, and a Montague? Neither, fair saint, \
    if thee dislike.</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>";
/// The same, with its namespace on it, for those that read no stream.
const STANDALONE_NS: &str = "<message xmlns='jabber:client' ";

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        200_000
    } else {
        10
    };
    println!("{} bytes, best of 7 rounds of {rounds}", MESSAGE.len());
    let standalone = MESSAGE.replacen("<message ", STANDALONE_NS, 1);
    let ours = time("waxwing-xml: bytes to tree", rounds, ours(MESSAGE));
    let tokens = time("quick-xml NsReader: events and attributes", rounds, || {
        tokenize(MESSAGE)
    });
    let rxml = time("rxml and minidom: bytes to tree", rounds / 4, || {
        minidom::Element::from_reader(standalone.as_bytes()).unwrap()
    });
    let element = Element::parse(MESSAGE.as_bytes(), "jabber:client", &Limits::stanza()).unwrap();
    let mut out = Vec::with_capacity(1024);
    let write = time("waxwing-xml: tree to bytes", rounds, || {
        out.clear();
        element.write(&Context::stream("jabber:client"), &mut out);
        out.len()
    });
    let theirs = minidom::Element::from_reader(standalone.as_bytes()).unwrap();
    let mut out = Vec::with_capacity(1024);
    let minidom = time("minidom: tree to bytes", rounds / 4, || {
        out.clear();
        theirs.write_to(&mut out).unwrap();
        out.len()
    });
    println!(
        "parse / tokenize      {:5.2} (at most 2)",
        ratio(ours, tokens)
    );
    println!(
        "rxml / parse          {:5.2} (at least 3)",
        ratio(rxml, ours)
    );
    println!(
        "write / minidom write {:5.2} (at most 0.25)",
        ratio(write, minidom)
    );
    println!("write / parse         {:5.2}", ratio(write, ours));
    large(rounds);
}

/// A message of a stream that is already open.
fn ours(message: &str) -> impl FnMut() -> StreamEvent {
    let mut parser = StreamParser::new(Limits::stanza());
    let mut header = HEADER;
    parser.next(&mut header).unwrap();
    move || {
        let mut rest = message.as_bytes();
        parser.next(&mut rest).unwrap().unwrap()
    }
}

fn tokenize(xml: &str) -> usize {
    let mut reader = quick_xml::NsReader::from_str(xml);
    let mut count = 0;
    loop {
        match reader.read_resolved_event().unwrap() {
            (_, quick_xml::events::Event::Eof) => return count,
            (_, quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag)) => {
                count += tag
                    .attributes()
                    .map(|attribute| black_box(attribute.unwrap()).value.len())
                    .sum::<usize>();
            }
            (_, event) => {
                black_box(event);
            }
        }
    }
}

/// 256 KiB in one text, and in many elements.
fn large(rounds: u32) {
    let text = format!(
        "<message><body>{}</body></message>",
        "romeo & juliet ".replace('&', "&amp;").repeat(13_500)
    );
    let markup = format!(
        "<iq>{}</iq>",
        "<item jid='juliet@capulet.example' name='J'/>".repeat(5_500)
    );
    let attribute = format!("<message a='{}'/>", ">".repeat(256_000));
    for (name, xml) in [
        ("text", text),
        ("elements", markup),
        ("one attribute", attribute),
    ] {
        println!("{name}: {} bytes", xml.len());
        let whole = time("  at once", rounds / 1000, ours(&xml));
        let bytes = time("  byte by byte", rounds / 10_000, || {
            let mut parser = StreamParser::new(Limits::stanza());
            let mut header = HEADER;
            parser.next(&mut header).unwrap();
            xml.as_bytes()
                .chunks(1)
                .find_map(|mut byte| parser.next(&mut byte).unwrap())
        });
        println!(
            "  ratio {:5.1}, {:.1} ns a byte",
            ratio(bytes, whole),
            bytes.as_secs_f64() * 1e9 / xml.len() as f64
        );
    }
}

/// The best of seven, so that what else the machine does counts least.
fn time<T>(name: &str, rounds: u32, mut run: impl FnMut() -> T) -> Duration {
    let rounds = rounds.max(1);
    let best = (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..rounds {
                black_box(run());
            }
            start.elapsed() / rounds
        })
        .min()
        .unwrap_or_default();
    println!("{name:45} {:>12.3} µs", best.as_secs_f64() * 1e6);
    best
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
