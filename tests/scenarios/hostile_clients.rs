//! What hostile clients try on others and on the server, apart from malformed XML: stanzas hidden in stanzas, addresses in
//! disguise, more of everything than there may be.

use anyhow::{Context, Result};
use waxwing_tests::client::login::{auth, outcome, password_of, response};
use waxwing_tests::client::ns;
use waxwing_tests::client::sasl::{Scram, decode, encode};
use waxwing_tests::server::Settings;
use waxwing_tests::tls::Version;
use waxwing_tests::xml::escape;
use waxwing_tests::{Client, Element, Event, Login, Server};

/// Sends a ping and returns what came before its answer.
async fn settled(client: &mut Client) -> Result<Vec<Element>> {
    let ping = "<iq type='get' id='settled' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
    client.send(ping).await?;
    let mut before = Vec::new();
    loop {
        let element = client.element().await?;
        if element.attr("id") == Some("settled") {
            return Ok(before);
        }
        before.push(element);
    }
}

/// What is put into a message so that some parser on its way might see another stanza, or the end of the stream.
fn smuggled() -> Vec<String> {
    const ADMIN: &str =
        "<message from='admin@localhost' to='juliet@localhost'><body>obey</body></message>";
    let mut payloads: Vec<String> = [
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client' to='localhost'>obey</stream:stream>",
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        "<stream:features/>",
        "</stream:stream>",
        "</body></message></stream:stream>",
        "<?xml version='1.0'?>",
        "<![CDATA[</body></message><message from='admin@localhost'><body>obey</body></message>]]>",
        "<![CDATA[]]]]><![CDATA[></body></message>]]>",
        "<x xmlns='jabber:client'/>",
        "<message xmlns='jabber:server' from='admin@localhost'><body>obey</body></message>",
        "<x xmlns='urn:a&apos; from=&apos;admin@localhost'/>",
        "<x a='&#39;&#62;&#60;message from=&#39;admin@localhost&#39;&#62;'/>",
        "<x a=\"'><message from='admin@localhost'>\"/>",
        "&#60;/body&#62;&#60;/message&#62;&#60;message from='admin@localhost'&#62;",
        "<a:b xmlns:a='urn:a' xmlns:b='urn:a'><b:a a:c='1'/></a:b>",
        "<body xmlns:stream='urn:other'><stream:stream/></body>",
        "&#xD;&#xA;&#x9;<!",
        "\u{feff}</body>",
        "\u{2028}\u{85}\u{200b}",
    ]
    .map(str::to_owned)
    .to_vec();
    payloads.push(ADMIN.to_owned());
    payloads.push(format!(
        "<forwarded xmlns='urn:xmpp:forward:0'>{ADMIN}</forwarded>"
    ));
    payloads.push(escape(ADMIN));
    payloads
}

/// Each comes as one message from who sent it, read by a parser that is not the server's, or not at all and ends its sender's
/// stream; what follows is read at the right depth.
#[tokio::test]
async fn what_is_smuggled_in_a_message_stays_in_it() -> Result<()> {
    let server = Settings::new().plain().start().await?;
    let plain = |user: &str| {
        let mut login = Login::new(user);
        login.starttls = None;
        login
    };
    for user in ["juliet", "mallory", "romeo"] {
        server.account(user).await?;
    }
    let (mut juliet, juliet_jid) = server.log_in(&plain("juliet")).await?;
    juliet.be_present(&juliet_jid).await?;
    let (mut romeo, romeo_jid) = server.log_in(&plain("romeo")).await?;
    for payload in smuggled() {
        for wrapped in [
            format!("<body>{payload}</body>"),
            format!("<body>x</body><x xmlns='urn:example:x'>{payload}</x>"),
            format!("<body>x</body>{payload}"),
        ] {
            let (mut mallory, mallory_jid) = server.log_in(&plain("mallory")).await?;
            let message = format!("<message to='juliet@localhost' type='chat'>{wrapped}</message>");
            mallory.send(&message).await?;
            mallory.send_if_open(b"</stream:stream>").await;
            mallory.until_end().await?;
            let came = settled(&mut juliet).await?;
            assert!(came.len() <= 1, "{message}: {came:?}");
            for came in came {
                assert!(came.is("message", ns::CLIENT), "{message}: {came}");
                assert_eq!(
                    came.attr("from"),
                    Some(mallory_jid.as_str()),
                    "{message}: {came}"
                );
            }
            romeo
                .send("<message to='juliet@localhost' type='chat'><body>honest</body></message>")
                .await?;
            let (honest, body) = juliet.message().await.with_context(|| message.clone())?;
            assert_eq!(
                (honest.attr("from"), body.as_str()),
                (Some(romeo_jid.as_str()), "honest"),
                "{message}"
            );
        }
    }
    server.stop().await
}

/// Addresses are prepared wherever they come from, and are what they are before (RFC 6122 §2): one function for all.
#[tokio::test]
async fn an_address_in_disguise_is_the_address_that_it_is() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    server.account("juliet").await?;
    let login = Login::new("juliet").resource("Balcony");
    let (mut juliet, juliet_jid) = server.log_in(&login).await?;
    assert_eq!(
        juliet_jid, "juliet@localhost/Balcony",
        "a resource keeps its case"
    );
    juliet.be_present(&juliet_jid).await?;
    for to in [
        "JULIET@LOCALHOST",
        "juliet@localhost.",
        "\u{ff4a}uliet@localhost",
        "juliet@LocalHost/Balcony",
    ] {
        romeo
            .send(&format!(
                "<message to='{to}' type='normal'><body>{to}</body></message>"
            ))
            .await?;
        assert_eq!(juliet.message().await?.1, to);
    }
    // Not the same resource, so nobody's.
    romeo
        .send(
            "<message id='r' to='juliet@localhost/balcony' type='normal'><body>x</body></message>",
        )
        .await?;
    let refused = romeo
        .wait_for("an error", |came| came.attr("id") == Some("r"))
        .await?;
    assert_eq!(
        refused.stanza_error().as_deref(),
        Some("cancel/service-unavailable")
    );
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await
}

/// RFC 6122 §2.1: no part of an address has more than 1023 octets, counted after it was prepared.
#[tokio::test]
async fn the_parts_of_an_address_have_a_longest_form() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let ask = "<query xmlns='urn:example:any'/>";
    let (fits, too_long) = ("a".repeat(1_023), "a".repeat(1_024));
    for (to, condition) in [
        (format!("{fits}@localhost"), "cancel/service-unavailable"),
        (format!("{too_long}@localhost"), "modify/jid-malformed"),
        (
            format!("nobody@localhost/{fits}"),
            "cancel/service-unavailable",
        ),
        (
            format!("nobody@localhost/{too_long}"),
            "modify/jid-malformed",
        ),
        (format!("nobody@{too_long}"), "modify/jid-malformed"),
        ("@localhost".to_owned(), "modify/jid-malformed"),
        ("nobody@localhost/".to_owned(), "modify/jid-malformed"),
        ("no body@localhost".to_owned(), "modify/jid-malformed"),
        (
            "no\u{200e}body@localhost".to_owned(),
            "modify/jid-malformed",
        ),
        ("a@b@localhost".to_owned(), "modify/jid-malformed"),
    ] {
        let answer = romeo.iq("get", &to, ask).await?;
        assert_eq!(answer.stanza_error().as_deref(), Some(condition), "{to}");
    }
    server.stop().await
}

/// A roster has its limit, however it is filled; who removes something may add something.
#[tokio::test]
async fn a_roster_is_full_at_its_limit() -> Result<()> {
    let server = Settings::new()
        .config("[limits]\nroster_items = 10")
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let set = |item: &str| format!("<query xmlns='jabber:iq:roster'>{item}</query>");
    for number in 0..10 {
        let answer = juliet
            .iq(
                "set",
                "",
                &set(&format!("<item jid='n{number}@localhost'/>")),
            )
            .await?;
        assert_eq!(answer.stanza_error(), None);
    }
    let eleventh = set("<item jid='n10@localhost'/>");
    let answer = juliet.iq("set", "", &eleventh).await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("wait/resource-constraint")
    );
    for kind in ["subscribe", "subscribed"] {
        juliet
            .send(&format!(
                "<presence id='{kind}' type='{kind}' to='n11@localhost'/>"
            ))
            .await?;
        let refused = juliet
            .wait_for("an error", |came| came.attr("id") == Some(kind))
            .await?;
        assert_eq!(
            refused.stanza_error().as_deref(),
            Some("wait/resource-constraint"),
            "{kind}"
        );
    }
    // What is there may be changed and removed, and leaves room.
    let answer = juliet
        .iq("set", "", &set("<item jid='n3@localhost' name='N'/>"))
        .await?;
    assert_eq!(answer.stanza_error(), None);
    let answer = juliet
        .iq(
            "set",
            "",
            &set("<item jid='n3@localhost' subscription='remove'/>"),
        )
        .await?;
    assert_eq!(answer.stanza_error(), None);
    let answer = juliet.iq("set", "", &eleventh).await?;
    assert_eq!(answer.stanza_error(), None);
    server.stop().await
}

/// RFC 5802 §5.1: a nonce is the server's as well, and an answer to another challenge is none to this one.
#[tokio::test]
async fn an_answer_to_another_challenge_is_refused() -> Result<()> {
    let server = Server::new().await?;
    server.account("juliet").await?;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect().await?;
        client.open_secure("localhost", Some(Version::V13)).await?;
        let mut scram = Scram::new(true, "n,,", b"", "juliet", &password_of("juliet"))?;
        client
            .send(&auth("SCRAM-SHA-256", &encode(scram.first())))
            .await?;
        let challenge = String::from_utf8(decode(&client.element().await?.text)?)?;
        answers.push((client, encode(scram.respond(&challenge)?)));
    }
    let [(first, to_first), (second, to_second)] = answers.as_mut_slice() else {
        anyhow::bail!("two attempts")
    };
    for (client, answer) in [(first, to_second), (second, to_first)] {
        client.send(&response(answer)).await?;
        let refused = outcome(&client.element().await?)?.expect_err("refused");
        assert!(
            ["not-authorized", "malformed-request"].contains(&refused.as_str()),
            "{refused}"
        );
    }
    server.stop().await
}

/// Before authentication there are a few things that a client may ask, and it may not ask them for ever.
#[tokio::test]
async fn who_has_not_authenticated_cannot_flood() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let mut client = server.connect().await?;
    client.open_secure("localhost", Some(Version::V13)).await?;
    let ask = "<iq type='get' id='q' to='localhost'><query xmlns='jabber:iq:register'/></iq>";
    client.send_if_open(ask.repeat(10_000).as_bytes()).await;
    let mut answers = 0;
    loop {
        match client.event().await? {
            Event::Element(answer) if answer.is("iq", ns::CLIENT) => answers += 1,
            Event::Element(error) => {
                assert!(
                    error.child("policy-violation", ns::STREAM_ERRORS).is_some(),
                    "{error}"
                );
                break;
            }
            other => anyhow::bail!("{other:?}"),
        }
    }
    assert!(answers < 100, "{answers} answers");
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await
}
