//! The inputs that an XMPP server must not accept, each whole, split in two at every place, and byte by byte, with the
//! stream error that answers it (RFC 6120 §4.9.3, §11). Long because it is mostly two tables of inputs.

#![expect(
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by it"
)]
#![expect(clippy::format_collect, reason = "inputs are short")]

use waxwing_xml::{Limit, Limits, StreamEvent, StreamParser, XmlError};

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

/// After the header, as a whole or as a part of a stanza.
const INSIDE: &[(&str, &[u8], &str)] = &[
    ("comment", b"<!-- x -->", "restricted-xml"),
    ("processing instruction", b"<?x y?>", "restricted-xml"),
    (
        "declaration in the middle",
        b"<?xml version='1.0'?>",
        "restricted-xml",
    ),
    ("doctype in the middle", b"<!DOCTYPE a>", "restricted-xml"),
    ("entity", b"<a>&foo;</a>", "restricted-xml"),
    (
        "entity in an attribute",
        b"<a b='&foo;'/>",
        "restricted-xml",
    ),
    ("other declaration", b"<!ELEMENT a>", "not-well-formed"),
    ("stray byte before a tag", b"<a>\xEB</a>", "not-well-formed"),
    ("stray byte in a name", b"<a\xEB/>", "not-well-formed"),
    ("stray byte in a value", b"<a b='\xEB'/>", "not-well-formed"),
    ("overlong encoding", b"<a>\xC0\xBC</a>", "not-well-formed"),
    ("surrogate", b"<a>\xED\xA0\x80</a>", "not-well-formed"),
    (
        "beyond unicode",
        b"<a>\xF4\x90\x80\x80</a>",
        "not-well-formed",
    ),
    (
        "character cut by a tag",
        b"<a>\xC3<b/>\xA9</a>",
        "not-well-formed",
    ),
    ("nul", b"<a>\0</a>", "not-well-formed"),
    ("control character", b"<a>\x01</a>", "not-well-formed"),
    (
        "control character in a value",
        b"<a b='\x01'/>",
        "not-well-formed",
    ),
    ("U+FFFF", b"<a>\xEF\xBF\xBF</a>", "not-well-formed"),
    (
        "U+FFFE in a value",
        b"<a b='\xEF\xBF\xBE'/>",
        "not-well-formed",
    ),
    ("reference to nul", b"<a>&#0;</a>", "not-well-formed"),
    (
        "reference to a control character",
        b"<a>&#1;</a>",
        "not-well-formed",
    ),
    (
        "reference to a surrogate",
        b"<a>&#xD800;</a>",
        "not-well-formed",
    ),
    (
        "reference to U+FFFE",
        b"<a b='&#xFFFE;'/>",
        "not-well-formed",
    ),
    (
        "reference beyond unicode",
        b"<a>&#x110000;</a>",
        "not-well-formed",
    ),
    (
        "reference to 2^32 and more",
        b"<a>&#4294967361;</a>",
        "not-well-formed",
    ),
    ("reference without digits", b"<a>&#;</a>", "not-well-formed"),
    ("reference with a sign", b"<a>&#+65;</a>", "not-well-formed"),
    (
        "reference with capital X",
        b"<a>&#X41;</a>",
        "not-well-formed",
    ),
    ("reference without name", b"<a>&;</a>", "not-well-formed"),
    ("attribute twice", b"<a b='1' b='1'/>", "not-well-formed"),
    (
        "attribute twice by two prefixes",
        b"<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
        "not-well-formed",
    ),
    (
        "attribute twice among many",
        b"<a c='' d='' e='' f='' g='' h='' i='' j='' k='' l='' m='' n='' o='' d=''/>",
        "not-well-formed",
    ),
    (
        "declaration twice",
        b"<a xmlns:x='u' xmlns:x='u'/>",
        "not-well-formed",
    ),
    (
        "default declared twice",
        b"<a xmlns='u' xmlns='v'/>",
        "not-well-formed",
    ),
    ("undeclared element prefix", b"<z:a/>", "not-well-formed"),
    (
        "undeclared attribute prefix",
        b"<a z:b=''/>",
        "not-well-formed",
    ),
    (
        "prefix out of scope",
        b"<a xmlns:z='u'/><z:b/>",
        "not-well-formed",
    ),
    ("prefix undeclared", b"<a xmlns:p=''/>", "not-well-formed"),
    (
        "xmlns bound",
        b"<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
    ),
    (
        "xml bound to another",
        b"<a xmlns:xml='u'/>",
        "not-well-formed",
    ),
    (
        "xml's namespace by another prefix",
        b"<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        "not-well-formed",
    ),
    (
        "xml's namespace as default",
        b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
        "not-well-formed",
    ),
    (
        "namespace of declarations",
        b"<a xmlns:x='http://www.w3.org/2000/xmlns/'/>",
        "not-well-formed",
    ),
    ("element named by xmlns", b"<xmlns:a/>", "not-well-formed"),
    ("digit first", b"<1a/>", "not-well-formed"),
    ("tag in a tag", b"<a<b/>", "not-well-formed"),
    ("two colons", b"<a:b:c/>", "not-well-formed"),
    ("empty prefix", b"<:a/>", "not-well-formed"),
    ("empty local name", b"<p:/>", "not-well-formed"),
    ("digit after the colon", b"<p:1/>", "not-well-formed"),
    ("no name", b"<></>", "not-well-formed"),
    ("space before the name", b"< a/>", "not-well-formed"),
    ("space in the empty tag's end", b"<a/ >", "not-well-formed"),
    (
        "attributes without space",
        b"<a b='1'c='2'/>",
        "not-well-formed",
    ),
    ("attribute without value", b"<a b/>", "not-well-formed"),
    ("attribute without quotes", b"<a b=1/>", "not-well-formed"),
    (
        "attribute on an end tag",
        b"<a></a b='1'>",
        "not-well-formed",
    ),
    ("markup in a value", b"<a b='<x/>'/>", "not-well-formed"),
    ("bare & in a value", b"<a b='&'/>", "not-well-formed"),
    ("bare & in text", b"<a>& </a>", "not-well-formed"),
    ("]]> in text", b"<a>]]></a>", "not-well-formed"),
    ("]]> in longer text", b"<a>x]]]]>y</a>", "not-well-formed"),
    ("other end tag", b"<a></b>", "not-well-formed"),
    (
        "other prefix on the end tag",
        b"<p:a xmlns:q='urn:p'></q:a>",
        "not-well-formed",
    ),
    (
        "control character in a namespace",
        b"<a xmlns='urn\x01a'/>",
        "not-well-formed",
    ),
    ("end of another stream", b"</stream>", "not-well-formed"),
    ("two roots", b"</stream:stream><a/>", "not-well-formed"),
    (
        "text after the end",
        b"</stream:stream>x",
        "not-well-formed",
    ),
    ("text between stanzas", b"<a/>x", "bad-format"),
    (
        "prefix on a stanza",
        b"<c:message xmlns:c='jabber:client'/>",
        "bad-namespace-prefix",
    ),
    ("unfinished", b"<a>", "unfinished"),
    ("unfinished tag", b"<a", "unfinished"),
];

/// From the first byte.
const FIRST: &[(&str, &[u8], &str)] = &[
    (
        "document type",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "restricted-xml",
    ),
    (
        "document type after the declaration",
        b"<?xml version='1.0'?><!DOCTYPE a>",
        "restricted-xml",
    ),
    ("xml 1.1", b"<?xml version='1.1'?><a/>", "restricted-xml"),
    (
        "latin 1",
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        "unsupported-encoding",
    ),
    (
        "no version",
        b"<?xml encoding='UTF-8'?><a/>",
        "not-well-formed",
    ),
    (
        "declaration out of order",
        b"<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
        "not-well-formed",
    ),
    (
        "standalone no",
        b"<?xml version='1.0' standalone='no'?><a/>",
        "restricted-xml",
    ),
    (
        "utf-16, little end first",
        b"\xFF\xFE<\0a\0",
        "unsupported-encoding",
    ),
    (
        "utf-16, big end first",
        b"\xFE\xFF\0<\0a",
        "unsupported-encoding",
    ),
    (
        "utf-16 without mark",
        b"<\0a\0/\0>\0",
        "unsupported-encoding",
    ),
    (
        "utf-16 without mark, big end first",
        b"\0<\0a",
        "unsupported-encoding",
    ),
    ("U+FEFF first", b"\xEF\xBB\xBF<a/>", "not-well-formed"),
    (
        "declaration after white space",
        b"\n<?xml version='1.0'?><a/>",
        "restricted-xml",
    ),
    (
        "another instruction first",
        b"<?xmlx?><a/>",
        "restricted-xml",
    ),
    ("text first", b"x<a/>", "not-well-formed"),
    ("end tag first", b"</a>", "not-well-formed"),
    ("cdata first", b"<![CDATA[ ]]><a/>", "not-well-formed"),
];

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
