use waxwing_xml::{Element, Limits};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::jid;

use super::*;
use crate::model::manifest::Manifest;

const SECRET: &str = "wherefore art thou";

fn stanza() -> Stanza {
    let id = "i".repeat(10_000);
    let xml = format!(
        "<message xmlns='jabber:client' to='juliet@localhost/b' type='chat' id='{id}'><body>{SECRET}</body><x xmlns='urn:example:x'/></message>"
    );
    let mut stanza = Stanza::parse(
        Element::parse(xml.as_bytes(), "jabber:client", &Limits::stanza()).unwrap(),
        ContentNamespace::Client,
    )
    .unwrap();
    stanza.stamp_from(jid::parse("romeo@localhost/o").unwrap());
    stanza
}

fn tell(tracers: &Tracers, stanza: &Stanza) {
    let effects = Effects::default();
    let call = Traced {
        export: Export::inbound,
        about: About::Stanza(stanza),
        outcome: Ok(Outcome::Pass),
        effects: Some(&effects),
        cpu: Duration::from_micros(7),
        waited: Duration::ZERO,
        wall: Duration::from_micros(9),
    };
    if tracers.is_any() {
        tracers.tell(&Manifest::nobody(), &call);
    }
}

async fn next(trace: &mut Trace) -> TraceLine {
    trace.next().await.expect("it goes on")
}

#[tokio::test]
async fn tells_who_and_what_but_no_bodies_and_nothing_without_end() {
    let tracers = Arc::<Tracers>::default();
    let mut trace = Trace::new(Arc::clone(&tracers), false);
    tell(&tracers, &stanza());
    let line = serde_json::to_value(next(&mut trace).await).unwrap();
    assert_eq!(line["export"], "inbound");
    assert_eq!(line["outcome"], "pass");
    assert_eq!(line["stanza"]["kind"], "message");
    assert_eq!(line["stanza"]["type"], "chat");
    assert_eq!(line["stanza"]["from"], "romeo@localhost/o");
    assert_eq!(line["stanza"]["to"], "juliet@localhost/b");
    let payloads = serde_json::json!(["body", "{urn:example:x}x"]);
    assert_eq!(line["stanza"]["payloads"], payloads);
    assert_eq!(line["cpu_us"], 7.0);
    let text = line.to_string();
    assert!(!text.contains(SECRET), "{text}");
    assert!(text.len() < 1_000, "{text}");
}

#[tokio::test]
async fn tells_all_of_a_stanza_to_those_who_want_it() {
    let tracers = Arc::<Tracers>::default();
    let mut trace = Trace::new(Arc::clone(&tracers), true);
    tell(&tracers, &stanza());
    let line = serde_json::to_value(next(&mut trace).await).unwrap();
    let xml = line["stanza"]["xml"].as_str().unwrap();
    assert!(xml.contains(SECRET), "{xml}");
}

#[tokio::test]
async fn keeps_so_many_for_a_slow_watcher_and_counts_the_rest() {
    let tracers = Arc::<Tracers>::default();
    let mut trace = Trace::new(Arc::clone(&tracers), false);
    for _ in 0..BACKLOG + 44 {
        tell(&tracers, &stanza());
    }
    for _ in 0..BACKLOG {
        assert!(matches!(next(&mut trace).await, TraceLine::Call(_)));
    }
    assert_eq!(next(&mut trace).await, TraceLine::Missed { missed: 44 });
    tell(&tracers, &stanza());
    assert!(matches!(next(&mut trace).await, TraceLine::Call(_)));
}

#[tokio::test]
async fn nobody_watches_any_more_when_the_last_has_left() {
    let tracers = Arc::<Tracers>::default();
    assert!(!tracers.is_any());
    let (first, second) = (
        Trace::new(Arc::clone(&tracers), false),
        Trace::new(Arc::clone(&tracers), false),
    );
    drop(first);
    assert!(tracers.is_any());
    assert_eq!(tracers.count(), 1);
    drop(second);
    assert!(!tracers.is_any());
}

#[test]
fn a_peer_is_an_account_or_a_neighbourhood_whatever_its_resource_or_address() {
    let quarantine = Quarantine::new(0, Instant::now());
    let from = |jid: &str| {
        let mut stanza = stanza();
        stanza.stamp_from(jid::parse(jid).unwrap());
        About::Stanza(&stanza).peer(&quarantine)
    };
    assert_eq!(from("a@localhost/1"), from("a@localhost/2"));
    assert_ne!(from("a@localhost/1"), from("b@localhost/1"));
    let at = |address: &str| {
        let stream = PreAuthStream {
            id: String::new(),
            host: String::new(),
            tls: None,
            direct_tls: false,
            requests: 0,
            address: address.parse().unwrap(),
        };
        About::Stream(&stream, None).peer(&quarantine)
    };
    assert_eq!(at("2001:db8::1"), at("2001:db8::2:3"));
    assert_ne!(at("2001:db8::1"), at("2001:db8:1::1"));
    assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    assert_eq!(at("192.0.2.1"), at("::ffff:192.0.2.1"));
}
