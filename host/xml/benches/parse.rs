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

/// What is measured, run so many times.
type Contender<'a> = (&'static str, Box<dyn FnMut(u32) + 'a>);

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let measure = std::env::args().any(|argument| argument == "--bench");
    let standalone = MESSAGE.replacen("<message ", STANDALONE_NS, 1);
    let element = Element::parse(MESSAGE.as_bytes(), "jabber:client", &Limits::stanza()).unwrap();
    let theirs = minidom::Element::from_reader(standalone.as_bytes()).unwrap();
    let (mut out, mut their_out) = (Vec::with_capacity(1024), Vec::with_capacity(1024));
    let mut contenders: Vec<Contender<'_>> = vec![
        ("waxwing-xml: bytes to tree", repeat(ours(MESSAGE))),
        (
            "quick-xml NsReader: events and attributes",
            repeat(|| tokenize(MESSAGE)),
        ),
        (
            "rxml and minidom: bytes to tree",
            repeat(|| minidom::Element::from_reader(standalone.as_bytes()).unwrap()),
        ),
        (
            "waxwing-xml: tree to bytes",
            repeat(|| {
                out.clear();
                element.write(&Context::stream("jabber:client"), &mut out);
                out.len()
            }),
        ),
        (
            "minidom: tree to bytes",
            repeat(|| {
                their_out.clear();
                theirs.write_to(&mut their_out).unwrap();
                their_out.len()
            }),
        ),
    ];
    println!(
        "{} bytes, best of many batches, one contender after another",
        MESSAGE.len()
    );
    let times = interleaved(&mut contenders, if measure { 400 } else { 1 }, 1000);
    let [parse, tokens, rxml, write, minidom] = times.as_slice() else {
        return;
    };
    println!(
        "parse / tokenize      {:5.2} (at most 2)",
        ratio(*parse, *tokens)
    );
    println!(
        "rxml / parse          {:5.2} (at least 3)",
        ratio(*rxml, *parse)
    );
    println!(
        "write / parse         {:5.2} (at most 0.25)",
        ratio(*write, *parse)
    );
    println!("write / minidom write {:5.2}", ratio(*write, *minidom));
    println!(
        "between stanzas a parser holds {} bytes, and {} of heap; the message's tree {}",
        size_of::<StreamParser>(),
        open().heap_bytes(),
        element.heap_bytes()
    );
    large(if measure { 20 } else { 1 });
}

fn repeat<'a, T>(mut run: impl FnMut() -> T + 'a) -> Box<dyn FnMut(u32) + 'a> {
    Box::new(move |times| {
        for _ in 0..times {
            black_box(run());
        }
    })
}

/// The best batch of each contender. They take turns, so that whatever else the machine does falls on all of them.
fn interleaved(contenders: &mut [Contender<'_>], batches: u32, times: u32) -> Vec<Duration> {
    let mut best = vec![Duration::MAX; contenders.len()];
    for _ in 0..batches {
        for ((_, run), best) in contenders.iter_mut().zip(&mut best) {
            let start = Instant::now();
            run(times);
            *best = start.elapsed().min(*best);
        }
    }
    for ((name, _), best) in contenders.iter().zip(&mut best) {
        *best /= times;
        println!("{name:45} {:>12.3} µs", best.as_secs_f64() * 1e6);
    }
    best
}

/// A message of a stream that is already open.
fn ours(message: &str) -> impl FnMut() -> StreamEvent {
    let mut parser = open();
    move || {
        let mut rest = message.as_bytes();
        parser.next(&mut rest).unwrap().unwrap()
    }
}

/// A parser after the stream header.
fn open() -> StreamParser {
    let mut parser = StreamParser::new(Limits::stanza());
    let mut header = HEADER;
    parser.next(&mut header).unwrap();
    parser
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
        let mut contenders: Vec<Contender<'_>> = vec![
            ("  at once", repeat(ours(&xml))),
            (
                "  byte by byte",
                repeat(|| {
                    let mut parser = open();
                    xml.as_bytes()
                        .chunks(1)
                        .find_map(|mut byte| parser.next(&mut byte).unwrap())
                }),
            ),
        ];
        let times = interleaved(&mut contenders, rounds, 1);
        let [whole, bytes] = times.as_slice() else {
            return;
        };
        println!(
            "  ratio {:5.1}, {:.1} ns a byte",
            ratio(*bytes, *whole),
            bytes.as_secs_f64() * 1e9 / xml.len() as f64
        );
    }
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
