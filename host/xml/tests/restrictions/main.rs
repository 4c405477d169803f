//! The inputs that an XMPP server must not accept, each whole, split in two at every place, and byte by byte, with the
//! stream error that answers it (RFC 6120 §4.9.3, §11).

#![expect(
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by it"
)]
#![expect(clippy::format_collect, reason = "inputs are short")]

mod inputs;

use waxwing_xml::{Limit, Limits, StreamEvent, StreamParser, XmlError};

use inputs::{FIRST, INSIDE};

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";

/// What comes of the pieces: how many events, then the error, or whether the stream may end there.
fn run<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: Limits,
) -> (usize, Result<bool, XmlError>) {
    let mut parser = StreamParser::new(limits);
    let mut events = 0;
    for piece in pieces {
        let mut rest = piece;
        loop {
            match parser.next(&mut rest) {
                Ok(Some(_)) => events += 1,
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
        }
        assert!(parser.heap_bytes() <= limits.stanza_bytes * 4 + 8192);
    }
    (events, Ok(parser.finish().is_ok()))
}

/// The outcome, which has to be the same for every split in two and byte by byte.
fn outcome(bytes: &[u8], limits: Limits) -> (usize, Result<bool, XmlError>) {
    let whole = run(std::iter::once(bytes), limits);
    assert_eq!(
        run(bytes.chunks(1), limits),
        whole,
        "byte by byte: {:?}",
        String::from_utf8_lossy(bytes)
    );
    // Every place of a short input; of a long one those near its ends.
    for at in (0..bytes.len()).filter(|at| bytes.len() < 2000 || *at < 300 || bytes.len() - at < 50)
    {
        let (left, right) = bytes.split_at(at);
        assert_eq!(
            run([left, right].into_iter(), limits),
            whole,
            "split at {at}"
        );
    }
    whole
}

fn condition(bytes: &[u8]) -> &'static str {
    match outcome(bytes, Limits::stanza()).1 {
        Err(error) => error.condition(),
        Ok(true) => "complete",
        Ok(false) => "unfinished",
    }
}

#[test]
fn answers_each_input_with_its_stream_error() {
    for (name, bytes, expected) in INSIDE {
        let input = [HEADER.as_bytes(), bytes].concat();
        assert_eq!(condition(&input), *expected, "{name}");
        if *expected != "unfinished" && *expected != "bad-format" {
            let nested = [HEADER.as_bytes(), b"<message>", bytes].concat();
            assert_eq!(condition(&nested), *expected, "{name}, in a stanza");
        }
    }
    for (name, bytes, expected) in FIRST {
        assert_eq!(condition(bytes), *expected, "{name}");
    }
}

#[test]
fn accepts_what_is_strange_but_allowed() {
    for bytes in [
        "<a b = \"'>'\"\n c\t=\t'\"'/>",
        "<a>]]&gt; ]] ></a >",
        "<a><![CDATA[<&]]]]><![CDATA[>]]></a\r\n>",
        "<p:a p:b='1' b='2'><a xmlns=''/></p:a>",
        "<a xml:lang='en' xml:space='preserve' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
        "<é ü='&#x10FFFF;&#0000000000000065;'/>\n \t",
        "<a>\u{FEFF}</a>",
        "<stream:features/>",
    ] {
        let input = format!("{HEADER}{bytes}</stream:stream>\n");
        assert_eq!(condition(input.as_bytes()), "complete", "{bytes}");
    }
    assert_eq!(
        condition(b"<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?> <a/>"),
        "complete"
    );
}

fn too_big(input: &str, limits: Limits) -> Limit {
    match outcome(format!("{HEADER}{input}").as_bytes(), limits).1 {
        Err(XmlError::TooBig(limit)) => limit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ends_a_stream_that_passes_a_limit() {
    let limits = Limits::pre_auth();
    let names = |count: usize, name: &str| {
        (0..count)
            .map(|at| format!(" {name}{at}=''"))
            .collect::<String>()
    };
    let namespaces = (0..33)
        .map(|at| format!(" xmlns:n{at}='u'"))
        .collect::<String>();
    assert_eq!(
        too_big(
            &"<a>".repeat(65),
            Limits {
                elements: 100,
                ..limits
            }
        ),
        Limit::Depth
    );
    assert_eq!(
        too_big(&format!("<a>{}", "<b/>".repeat(32)), limits),
        Limit::Elements
    );
    assert_eq!(
        too_big(&format!("<a{}/>", names(33, "b")), limits),
        Limit::Attributes
    );
    assert_eq!(
        too_big(&format!("<a{namespaces}/>"), limits),
        Limit::Namespaces
    );
    assert_eq!(
        too_big(&format!("<{}/>", "a".repeat(257)), limits),
        Limit::NameBytes
    );
    for (begun, filler) in ENDLESS {
        let input = format!("{begun}{}", filler.repeat(12_000));
        assert_eq!(
            too_big(&input, limits),
            Limit::StanzaBytes,
            "{begun} and {filler} without end"
        );
    }
}

/// Beginnings, and what goes on without end.
const ENDLESS: [(&str, &str); 11] = [
    ("<a b='", ">"),
    ("<a b=\"", "'"),
    ("<a>", "x"),
    ("<a>", "\r"),
    ("<a>", "]"),
    ("<a", "a"),
    ("<a ", " "),
    ("", "\n"),
    ("<a><![CDATA[", "]"),
    ("<a>&#", "0"),
    ("</a", " "),
];

#[test]
fn holds_no_more_than_the_limit_of_what_never_ends() {
    for limits in [Limits::pre_auth(), Limits::stanza()] {
        for (begun, filler) in ENDLESS {
            for piece in [1, 700, usize::MAX] {
                let mut parser = StreamParser::new(limits);
                let input = format!("{HEADER}{begun}{}", filler.repeat(limits.stanza_bytes + 10));
                let mut most = 0;
                let failed = input
                    .as_bytes()
                    .chunks(piece.min(input.len()))
                    .any(|mut rest| {
                        loop {
                            let result = parser.next(&mut rest);
                            most = most.max(parser.heap_bytes());
                            match result {
                                Ok(Some(_)) => {}
                                Ok(None) => break false,
                                Err(_) => break true,
                            }
                        }
                    });
                assert!(failed, "{begun}");
                assert!(
                    most <= limits.stanza_bytes + 8192,
                    "{begun} and {filler} in pieces of {piece}: {most} bytes"
                );
                assert_eq!(parser.heap_bytes(), 0, "an error keeps nothing");
            }
        }
    }
}

#[test]
fn holds_four_times_the_limit_of_the_densest_markup() {
    for limits in [
        Limits::pre_auth(),
        Limits::stanza(),
        Limits {
            elements: usize::MAX,
            ..Limits::stanza()
        },
    ] {
        for dense in ["<a/>", "<a b='' c=''/>", "<a>x</a>x", "<a xmlns='b'/>"] {
            let mut parser = StreamParser::new(limits);
            let input = format!("{HEADER}<r>{}", dense.repeat(limits.stanza_bytes));
            let mut rest = input.as_bytes();
            assert!(matches!(parser.next(&mut rest), Ok(Some(_))));
            let error = rest.chunks(100).find_map(|mut piece| {
                assert!(
                    parser.heap_bytes() <= limits.stanza_bytes * 4 + 8192,
                    "{dense}: {}",
                    parser.heap_bytes()
                );
                parser.next(&mut piece).err()
            });
            assert!(
                matches!(error, Some(XmlError::TooBig(_))),
                "{dense}: {error:?}"
            );
        }
    }
}

#[test]
fn bounds_the_header_as_well() {
    let endless = format!("<stream:stream {}", "a".repeat(20_000));
    assert_eq!(
        outcome(endless.as_bytes(), Limits::pre_auth()).1,
        Err(XmlError::TooBig(Limit::StanzaBytes))
    );
}

#[test]
fn counts_each_stanza_by_itself() {
    let mut parser = StreamParser::new(Limits::pre_auth());
    let mut header = HEADER.as_bytes();
    assert!(matches!(
        parser.next(&mut header),
        Ok(Some(StreamEvent::Open(_)))
    ));
    let stanza = format!("<a>{}</a>", "x".repeat(9_000));
    for _ in 0..5 {
        let mut rest = stanza.as_bytes();
        assert!(matches!(
            parser.next(&mut rest),
            Ok(Some(StreamEvent::Element(_)))
        ));
        assert_eq!(parser.buffered(), 0);
    }
}
