//! Behaviours 21 to 28: stanzas of any kind (RFC 6120 §8, §10).

use anyhow::Result;
use waxwing_tests::client::ns;
use waxwing_tests::server::Settings;
use waxwing_tests::{Login, Server};

use super::{dialogues, settled};

/// §8.1.2.1
#[tokio::test]
async fn behaviour_21_the_server_says_who_a_stanza_is_from() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    server.account("romeo").await?;
    for (stanza, close) in [
        ("message", "<body>x</body></message>"),
        ("presence", "</presence>"),
    ] {
        for forged in [
            "admin@localhost",
            "localhost",
            "juliet@localhost",
            "romeo@localhost/other",
            "@",
            "",
        ] {
            let (mut romeo, romeo_jid) = server.log_in(&Login::new("romeo")).await?;
            romeo
                .send(&format!(
                    "<{stanza} from='{forged}' to='{juliet_jid}'>{close}"
                ))
                .await?;
            romeo.send_if_open(b"</stream:stream>").await;
            // §4.9.3.9, or an answer to an address that is none; or it was overridden.
            romeo.until_end().await?;
            for came in settled(&mut juliet).await? {
                assert_eq!(
                    came.attr("from"),
                    Some(romeo_jid.as_str()),
                    "{forged}: {came}"
                );
            }
        }
    }
    server.stop().await?;
    // What the server says itself is from its domain, or from the account by its bare JID; a request about subscriptions is
    // from the bare JID.
    dialogues(&["message_15", "iq_09", "iq_08", "subscription_01"]).await
}

/// §8.2.3: one payload, an id that comes back, one answer, and none to answers.
#[tokio::test]
async fn behaviour_23_requests_have_one_payload_and_one_answer() -> Result<()> {
    let server = Server::new().await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let strange = "&lt;&amp;'&quot; é ".replace('\'', "&apos;");
    juliet
        .send(&format!(
            "<iq type='get' id='{strange}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await?;
    let answer = juliet.element().await?;
    assert_eq!(answer.attr("id"), Some("<&'\" é "), "{answer}");
    juliet
        .send("<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    let answer = juliet.element().await?;
    assert_eq!(
        answer.stanza_error().as_deref(),
        Some("modify/bad-request"),
        "{answer}"
    );
    assert!(settled(&mut juliet).await?.is_empty());
    server.stop().await?;
    dialogues(&["iq_03", "iq_06", "iq_07", "iq_08", "iq_11"]).await
}

/// §8.3.1: no error answers an error, and what is refused is not sent back when it is too large or forbidden.
#[tokio::test]
async fn behaviour_24_errors_are_not_answered_and_echo_no_payload() -> Result<()> {
    let server = Settings::new()
        .config("[limits]\nstanza_bytes = 20000")
        .start()
        .await?;
    let (mut juliet, _) = server.session("juliet").await?;
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in [
        "",
        "to='localhost'",
        "to='nobody@localhost'",
        "to='nobody@localhost/x'",
        "to='nowhere.invalid'",
        "to='@'",
    ] {
        for stanza in ["message", "presence", "iq"] {
            juliet
                .send(&format!(
                    "<{stanza} type='error' id='e' {to}>{error}</{stanza}>"
                ))
                .await?;
        }
        assert!(
            settled(&mut juliet)
                .await?
                .iter()
                .all(|came| came.name != "message" || to.is_empty()),
            "{to}"
        );
    }
    // Within the limit, and still no copy of it in the answer.
    let large = "x".repeat(15_000);
    juliet
        .send(&format!(
            "<message id='l' type='groupchat' to='nobody@localhost'><body>{large}</body></message>"
        ))
        .await?;
    let answer = juliet.element().await?;
    assert_eq!(answer.attr("id"), Some("l"));
    assert!(
        answer.to_string().len() < 1_000,
        "{} bytes",
        answer.to_string().len()
    );
    // Too large: the stream ends, and shows nothing of it.
    juliet
        .send_if_open(
            format!("<message to='nobody@localhost'><body>{large}{large}</body></message>")
                .as_bytes(),
        )
        .await;
    let ended = juliet.element().await?;
    assert!(
        ended.child("policy-violation", ns::STREAM_ERRORS).is_some(),
        "{ended}"
    );
    assert!(!juliet.transcript().contains("xxxxxxxx"));
    server.stop().await?;
    dialogues(&["message_05", "iq_06"]).await
}

/// §10.1
#[tokio::test]
async fn behaviour_25_order_is_kept_between_two_by_either_address() -> Result<()> {
    dialogues(&["message_13"]).await?;
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    let (mut juliet, juliet_jid) = server.session("juliet").await?;
    juliet.be_present(&juliet_jid).await?;
    let mut all = String::new();
    for number in 0..300 {
        let to = if number % 3 == 0 {
            "juliet@localhost"
        } else {
            &juliet_jid
        };
        all.push_str(&format!(
            "<message type='chat' to='{to}'><body>{number}</body></message>"
        ));
    }
    romeo.send(&all).await?;
    for number in 0..300 {
        assert_eq!(juliet.message().await?.1, number.to_string());
    }
    server.stop().await
}

/// §10.3.1, §10.3.3
#[tokio::test]
async fn behaviour_26_what_has_no_address_is_for_the_own_account() -> Result<()> {
    dialogues(&["message_09", "iq_09"]).await
}

/// §10.5.1, §10.5.2: the server has no use for a message to itself, and says so once, but never to an error.
#[tokio::test]
async fn a_message_to_the_domain_is_answered_once() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    for to in ["localhost", "localhost/somewhere"] {
        for (kind, answered) in [
            ("", 1..=1),
            ("type='normal'", 1..=1),
            ("type='chat'", 1..=1),
            ("type='groupchat'", 0..=1),
            ("type='headline'", 0..=1),
            ("type='error'", 0..=0),
        ] {
            let message = format!("<message to='{to}' id='m' {kind}><body>x</body></message>");
            romeo.send(&message).await?;
            let answers = settled(&mut romeo).await?;
            assert!(answered.contains(&answers.len()), "{message}: {answers:?}");
            for answer in answers {
                assert_eq!(answer.attr("from"), Some(to), "{answer}");
                assert_eq!(answer.attr("id"), Some("m"), "{answer}");
                assert!(answer.stanza_error().is_some(), "{answer}");
            }
        }
    }
    server.stop().await
}

/// §10.5.1, §10.5.2: the same of presence, which need not be answered at all, and brings nothing into the roster.
#[tokio::test]
async fn presence_to_the_domain_ends_no_stream_and_makes_no_contact() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, jid) = server.session("romeo").await?;
    romeo.be_present(&jid).await?;
    for to in ["localhost", "localhost/somewhere"] {
        for (kind, most) in [
            ("", 1),
            ("type='unavailable'", 1),
            ("type='subscribe'", 1),
            ("type='subscribed'", 1),
            ("type='unsubscribe'", 1),
            ("type='unsubscribed'", 1),
            ("type='probe'", 1),
            ("type='error'", 0),
        ] {
            let presence = format!("<presence to='{to}' {kind}/>");
            romeo.send(&presence).await?;
            let answers = settled(&mut romeo).await?;
            assert!(answers.len() <= most, "{presence}: {answers:?}");
        }
    }
    let query = format!("<query xmlns='{}'/>", ns::ROSTER);
    let answer = romeo.iq("get", "", &query).await?;
    let roster = answer.child("query", ns::ROSTER);
    assert!(
        roster.is_some_and(|roster| roster.children.is_empty()),
        "{answer}"
    );
    server.stop().await
}

/// §13.10.2
#[tokio::test]
async fn behaviour_28_who_is_away_looks_like_who_is_not_there() -> Result<()> {
    let server = Server::new().await?;
    let (mut romeo, _) = server.session("romeo").await?;
    // There, but nothing that a stranger may know of.
    let (mut juliet, _) = server.session("juliet").await?;
    juliet.send("<presence/>").await?;
    server.account("nurse").await?;
    let mut answers = Vec::new();
    for user in ["juliet", "nurse", "nobody"] {
        let mut of_user = Vec::new();
        for to in [
            format!("{user}@localhost"),
            format!("{user}@localhost/balcony"),
        ] {
            for payload in [
                "<ping xmlns='urn:xmpp:ping'/>",
                "<query xmlns='urn:example:any'/>",
                "<vCard xmlns='vcard-temp'/>",
            ] {
                for kind in ["get", "set"] {
                    let answer = romeo.iq(kind, &to, payload).await?;
                    of_user.push((
                        answer.stanza_error(),
                        answer.attr("from").map(|from| from.replace(user, "?")),
                    ));
                }
            }
            romeo
                .send(&format!("<presence type='probe' to='{to}'/>"))
                .await?;
            let answers = settled(&mut romeo).await?;
            of_user.extend(answers.iter().map(|answer| {
                let kind = answer.attr("type").map(str::to_owned);
                (
                    kind,
                    answer.attr("from").map(|from| from.replace(user, "?")),
                )
            }));
        }
        answers.push(of_user);
    }
    assert_eq!(
        answers[0], answers[2],
        "who is there, and who does not exist"
    );
    assert_eq!(
        answers[1], answers[2],
        "who is away, and who does not exist"
    );
    server.stop().await
}
