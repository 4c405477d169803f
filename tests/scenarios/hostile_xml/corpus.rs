//! The inputs, and the conditions that may answer them.

use std::fmt::Write as _;

use waxwing_tests::client::header;

use super::bystander::BYSTANDER;

/// What is sent on an open stream, and which conditions are right answers.
pub(super) struct Hostile {
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) conditions: &'static [&'static str],
}

const FORBIDDEN: &[&str] = &["restricted-xml", "not-well-formed"];
const MALFORMED: &[&str] = &["not-well-formed"];
const ENCODING: &[&str] = &["not-well-formed", "unsupported-encoding"];
const NAMESPACES: &[&str] = &["not-well-formed", "bad-namespace-prefix"];
const TOO_MUCH: &[&str] = &["policy-violation"];

fn case(
    what: &'static str,
    bytes: impl Into<Vec<u8>>,
    conditions: &'static [&'static str],
) -> Hostile {
    Hostile {
        what,
        bytes: bytes.into(),
        conditions,
    }
}

/// `inner` in a message to the bystander.
fn within(inner: &[u8]) -> Vec<u8> {
    let head = format!("<message to='{BYSTANDER}'><body>");
    [head.as_bytes(), inner, b"</body></message>"].concat()
}

pub(super) fn forbidden() -> Vec<Hostile> {
    vec![
        case(
            "a document type",
            "<!DOCTYPE x [<!ENTITY a 'b'>]>",
            FORBIDDEN,
        ),
        case("a comment", "<!-- quiet -->", FORBIDDEN),
        case(
            "a comment in a stanza",
            within(b"<!-- quiet -->"),
            FORBIDDEN,
        ),
        case("a processing instruction", "<?php echo 1 ?>", FORBIDDEN),
        case(
            "a second XML declaration",
            "<?xml version='1.0'?>",
            FORBIDDEN,
        ),
        case("an undeclared entity", within(b"&lol;"), FORBIDDEN),
        case(
            "an undeclared entity in an attribute",
            "<message id='&lol;'/>",
            FORBIDDEN,
        ),
    ]
}

pub(super) fn characters() -> Vec<Hostile> {
    vec![
        case("bytes that are no UTF-8", within(b"\xEB</body>"), ENCODING),
        case(
            "bytes that are no UTF-8 in a name",
            b"<a\xEB/>".to_vec(),
            ENCODING,
        ),
        case("an overlong encoding", within(b"\xC0\xBC"), ENCODING),
        case("an encoded surrogate", within(b"\xED\xA0\x80"), ENCODING),
        case("a NUL", within(b"\0"), MALFORMED),
        case("a control character", within(b"\x01"), MALFORMED),
        case("U+FFFF", within("\u{FFFF}".as_bytes()), MALFORMED),
        case("a reference to NUL", within(b"&#0;"), MALFORMED),
        case(
            "a reference to a control character",
            within(b"&#1;"),
            MALFORMED,
        ),
        case("a reference to a surrogate", within(b"&#xD800;"), MALFORMED),
        case("a reference to U+FFFE", within(b"&#xFFFE;"), MALFORMED),
        case(
            "a control character in a namespace",
            b"<a xmlns='urn:a\x01b'/>".to_vec(),
            MALFORMED,
        ),
    ]
}

pub(super) fn syntax() -> Vec<Hostile> {
    vec![
        case("a name that begins with a digit", "<1a/>", MALFORMED),
        case("a tag in a tag", "<a<b/>", MALFORMED),
        case("two colons", "<a:b:c xmlns:a='urn:a'/>", NAMESPACES),
        case("an element without a name", "<></>", MALFORMED),
        case("attributes that touch", "<a b='1'c='2'/>", MALFORMED),
        case("a tag in an attribute", "<a b='<x/>'/>", MALFORMED),
        case("an attribute without quotes", "<a b=1/>", MALFORMED),
        case("the end of CDATA in text", within(b"]]>"), MALFORMED),
        case("a bare ampersand", within(b"fish & chips"), FORBIDDEN),
        case(
            "a bare ampersand in an attribute",
            "<message id='a&b'/>",
            FORBIDDEN,
        ),
        case("crossed tags", "<a><b></a></b>", MALFORMED),
        case("an attribute twice", "<a b='1' b='2'/>", MALFORMED),
        case(
            "an attribute twice by two prefixes",
            "<a xmlns:p='urn:p' xmlns:q='urn:p' p:b='1' q:b='2'/>",
            NAMESPACES,
        ),
        case("an undeclared prefix", "<p:a/>", NAMESPACES),
        case(
            "an undeclared prefix of an attribute",
            "<a p:b='1'/>",
            NAMESPACES,
        ),
        case("a prefix bound to nothing", "<a xmlns:p=''/>", NAMESPACES),
        case(
            "the prefix xmlns bound",
            "<a xmlns:xmlns='urn:x'/>",
            NAMESPACES,
        ),
        case(
            "the prefix xml bound to another namespace",
            "<a xmlns:xml='urn:x'/>",
            NAMESPACES,
        ),
    ]
}

fn sizes() -> Vec<Hostile> {
    let numbered = |pattern: &str| {
        (0..10_000)
            .map(|number| pattern.replace('#', &number.to_string()))
            .collect::<String>()
    };
    vec![
        case(
            "65 levels",
            format!("<message>{}", "<a>".repeat(65)),
            TOO_MUCH,
        ),
        case(
            "10,000 levels",
            format!("<message>{}", "<a>".repeat(10_000)),
            TOO_MUCH,
        ),
        case(
            "10,000 attributes",
            format!("<message {}/>", numbered(" a#='1'")),
            TOO_MUCH,
        ),
        case(
            "10,000 namespaces",
            format!("<message {}/>", numbered(" xmlns:a#='u'")),
            TOO_MUCH,
        ),
        case(
            "a name of 1 MiB",
            format!("<{}/>", "a".repeat(1 << 20)),
            TOO_MUCH,
        ),
        case(
            "an attribute without end",
            format!("<message id='{}", "a".repeat(1 << 20)),
            TOO_MUCH,
        ),
        case(
            "text without end",
            format!("<message><body>{}", "a".repeat(1 << 20)),
            TOO_MUCH,
        ),
        case(
            "CDATA without end",
            format!("<message><body><![CDATA[{}", "a".repeat(1 << 20)),
            TOO_MUCH,
        ),
        case(
            "white space without end in a tag",
            format!("<message {}", " ".repeat(1 << 20)),
            TOO_MUCH,
        ),
        case(
            "a million children",
            format!("<message>{}", "<a/>".repeat(1 << 20)),
            TOO_MUCH,
        ),
    ]
}

pub(super) fn all() -> Vec<Hostile> {
    [forbidden(), characters(), syntax(), sizes()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is sent instead of the beginning of a stream.
pub(super) fn beginnings() -> Vec<Hostile> {
    let header = header("localhost");
    let bare = header.trim_start_matches("<?xml version='1.0'?>");
    let utf16: Vec<u8> = header.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        case(
            "XML 1.1",
            format!("<?xml version='1.1'?>{bare}"),
            &["restricted-xml", "not-well-formed", "unsupported-version"],
        ),
        case(
            "ISO-8859-1",
            format!("<?xml version='1.0' encoding='ISO-8859-1'?>{bare}"),
            &["unsupported-encoding", "restricted-xml"],
        ),
        case("UTF-16", utf16, ENCODING),
        case(
            "UTF-16 with a byte order mark",
            [b"\xFF\xFE".as_slice(), b"<\0"].concat(),
            ENCODING,
        ),
        case("a byte order mark", format!("\u{FEFF}{header}"), MALFORMED),
        case(
            "a document type",
            format!("<?xml version='1.0'?><!DOCTYPE x>{bare}"),
            FORBIDDEN,
        ),
        case("a billion laughs", laughs(bare), FORBIDDEN),
        case("a comment", format!("<!-- -->{bare}"), FORBIDDEN),
        case(
            "a processing instruction",
            format!("<?a b?>{bare}"),
            FORBIDDEN,
        ),
        case("text", format!("hello{bare}"), MALFORMED),
        case(
            "HTTP",
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            MALFORMED,
        ),
        case(
            "rubbish",
            vec![0x17, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00],
            MALFORMED,
        ),
        case(
            "a name without end",
            format!("<{}", "s".repeat(1 << 20)),
            TOO_MUCH,
        ),
    ]
}

fn laughs(bare: &str) -> String {
    let mut entities = String::from("<!ENTITY l0 'ha'>");
    for (below, this) in (0..29).zip(1..30) {
        // Writing to a string cannot fail.
        let _ = write!(entities, "<!ENTITY l{this} '&l{below};&l{below};'>");
    }
    format!(
        "<?xml version='1.0'?><!DOCTYPE x [{entities}]>{}",
        bare.replace("xml:lang='en'", "id='&l29;'")
    )
}
