//! What a server must refuse to read (RFC 6120 sections 11.1, 11.3, 11.6 and 13.12): before TLS, and from a logged-in
//! client. Each input ends its stream with an error that names what is wrong, and leaves the process as it was.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use waxwing_tests::client::{header, ns};
use waxwing_tests::{Client, Event, Login, Server};

/// What is sent on an open stream, and which conditions are right answers.
struct Hostile {
    what: &'static str,
    bytes: Vec<u8>,
    conditions: &'static [&'static str],
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

/// `inner` in a message.
fn within(inner: &[u8]) -> Vec<u8> {
    [
        b"<message to='localhost'><body>",
        inner,
        b"</body></message>",
    ]
    .concat()
}

fn forbidden() -> Vec<Hostile> {
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

fn characters() -> Vec<Hostile> {
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

fn syntax() -> Vec<Hostile> {
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

fn all() -> Vec<Hostile> {
    [forbidden(), characters(), syntax(), sizes()]
        .into_iter()
        .flatten()
        .collect()
}

/// Sends the input and checks the answer. An end without words counts only where more was sent than a server has to read.
async fn judge(mut client: Client, hostile: &Hostile) -> Result<()> {
    client.send_if_open(&hostile.bytes).await;
    let answer = client.stream_error().await;
    let condition = match answer {
        Ok(condition) => condition,
        Err(_)
            if hostile.bytes.len() > 100_000 && !client.transcript().contains("<stream:error") =>
        {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    ensure!(
        hostile.conditions.contains(&condition.as_str()),
        "answered by {condition}, not one of {:?}",
        hostile.conditions
    );
    Ok(())
}

/// The process is as it was before the inputs: alive, quiet, and of about the same size.
async fn judge_server(server: Server, resident_before: u64) -> Result<()> {
    let (client, _) = server.log_in(&Login::new("juliet")).await?;
    client.close().await?;
    let resident = server.resident_kib()?;
    ensure!(
        resident.saturating_sub(resident_before) < 64 * 1024,
        "grew from {resident_before} to {resident} KiB"
    );
    let log = server.log();
    ensure!(
        !log.contains(" ERROR "),
        "a client's mistake is no error of the server: {log}"
    );
    server.stop().await
}

/// A server with one account that has served a session, and its memory.
async fn warm_server() -> Result<(Server, u64)> {
    let server = Server::new().await?;
    let (client, _) = server.session("juliet").await?;
    client.close().await?;
    let resident = server.resident_kib()?;
    Ok((server, resident))
}

/// Also row N8 of the checklist.
#[tokio::test]
async fn every_hostile_input_before_tls_ends_its_stream_and_nothing_else() -> Result<()> {
    let (server, resident) = warm_server().await?;
    for hostile in all() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        judge(client, &hostile)
            .await
            .with_context(|| format!("{} before TLS", hostile.what))?;
    }
    judge_server(server, resident).await
}

/// Also row N8 of the checklist.
#[tokio::test]
async fn every_hostile_input_of_a_logged_in_client_ends_its_stream_and_nothing_else() -> Result<()>
{
    let (server, resident) = warm_server().await?;
    for hostile in all() {
        let (client, _) = server.log_in(&Login::new("juliet")).await?;
        judge(client, &hostile)
            .await
            .with_context(|| format!("{} of a logged-in client", hostile.what))?;
    }
    judge_server(server, resident).await
}

/// The same inputs a byte at a time: what is refused does not depend on how the network cuts it.
#[tokio::test]
async fn hostile_inputs_are_refused_byte_by_byte_too() -> Result<()> {
    let (server, resident) = warm_server().await?;
    for hostile in [forbidden(), characters(), syntax()].into_iter().flatten() {
        let mut client = server.connect().await?;
        client.open("localhost").await?;
        for byte in &hostile.bytes {
            client.send_if_open(&[*byte]).await;
        }
        let condition = client.stream_error().await.with_context(|| hostile.what)?;
        assert!(
            hostile.conditions.contains(&condition.as_str()),
            "{}: {condition}",
            hostile.what
        );
    }
    judge_server(server, resident).await
}

/// What may not stand at the beginning of a stream.
#[tokio::test]
async fn every_hostile_beginning_of_a_stream_is_refused() -> Result<()> {
    let (server, resident) = warm_server().await?;
    let header = header("localhost");
    let bare = header.trim_start_matches("<?xml version='1.0'?>");
    let utf16: Vec<u8> = header.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let beginnings = [
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
            vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00],
            MALFORMED,
        ),
        case(
            "a name without end",
            format!("<{}", "s".repeat(1 << 20)),
            TOO_MUCH,
        ),
    ];
    for hostile in beginnings {
        let mut client = server.connect().await?;
        client.send_if_open(&hostile.bytes).await;
        let condition = match client.stream_error().await {
            Ok(condition) => condition,
            Err(_) if hostile.bytes.len() > 100_000 => continue,
            Err(error) => return Err(error.context(hostile.what)),
        };
        assert!(
            hostile.conditions.contains(&condition.as_str()),
            "{}: {condition}",
            hostile.what
        );
        assert!(
            client.transcript().contains("<stream:stream"),
            "{}: the header comes before the error",
            hostile.what
        );
    }
    judge_server(server, resident).await
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

/// RFC 6120 section 13.12: there is a limit, it is at least 10,000 bytes, and what is under it passes.
#[tokio::test]
async fn a_stanza_may_be_large_but_not_too_large() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let large = "x".repeat(200_000);
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>{large}</body></message>"
        ))
        .await?;
    assert_eq!(juliet.message().await?.1.len(), large.len());
    let too_large = "x".repeat(300_000);
    romeo
        .send_if_open(
            format!("<message to='{juliet_jid}' type='chat'><body>{too_large}</body></message>")
                .as_bytes(),
        )
        .await;
    assert_eq!(romeo.stream_error().await?, "policy-violation");
    assert!(juliet.is_silent().await);
    server.stop().await
}

/// Before authentication the limit is far lower: 10,000 bytes.
#[tokio::test]
async fn an_unauthenticated_peer_has_a_small_limit() -> Result<()> {
    let server = Server::new().await?;
    let mut client = server.connect().await?;
    client.open("localhost").await?;
    client
        .send_if_open(
            format!(
                "<iq type='set' id='1'><q xmlns='urn:x'>{}</q></iq>",
                "x".repeat(20_000)
            )
            .as_bytes(),
        )
        .await;
    assert_eq!(client.stream_error().await?, "policy-violation");
    server.stop().await
}

/// Prosody, CVE-2026-43506: connections that never authenticate leave nothing behind.
#[tokio::test]
async fn unauthenticated_connections_leave_no_memory_behind() -> Result<()> {
    let (server, _) = warm_server().await?;
    let round = async || {
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = server.connect().await?;
            client.open("localhost").await?;
            client
                .send(&format!("<message><body>{}", "x".repeat(8_000)))
                .await?;
            clients.push(client);
        }
        anyhow::Ok(())
    };
    round().await?;
    let resident = server.resident_kib()?;
    for _ in 0..5 {
        round().await?;
    }
    judge_server(server, resident).await
}

/// A connection cut in the middle of a stanza ends that session, and delivers nothing.
#[tokio::test]
async fn half_a_stanza_is_no_stanza() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    let (mut romeo, _) = server.session("romeo").await?;
    romeo
        .send(&format!(
            "<message to='{juliet_jid}' type='chat'><body>half"
        ))
        .await?;
    romeo.shut_down().await?;
    romeo.until_end().await?;
    assert!(juliet.is_silent().await);
    server.stop().await
}

/// XEP-0138 led to several holes; it is not there, and asking for it changes nothing.
#[tokio::test]
async fn compression_is_refused() -> Result<()> {
    let server = Server::new().await?;
    let (mut client, _) = server.session("juliet").await?;
    client.send("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>").await?;
    match client.event().await? {
        Event::Element(answer) => assert!(
            answer.name == "failure" || answer.is("error", ns::STREAMS),
            "{answer}"
        ),
        other => anyhow::bail!("{other:?}"),
    }
    server.stop().await
}
