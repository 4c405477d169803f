//! The harness itself: what it does as the host does.

use std::time::Duration;

use waxwing_plugin::harness::{Harness, Outcome, Xml, plain_stream, tls_stream};
use waxwing_plugin::metrics::Figure;
use waxwing_plugin::prelude::*;

/// Remembers, counts and makes accounts, and panics when a message or request says so.
struct Probe {
    hosts: Vec<String>,
}

impl Plugin for Probe {
    fn manifest() -> Manifest {
        Manifest::new("probe", "1.0.0", "does what it is told")
            .ask("accounts")
            .feature("urn:probe")
            .setting(Setting::text("word", "a word").default("'plain'"))
            .setting(Setting::texts("words", "more"))
            .inbound(InboundFilter::messages().of_types(&["chat"]))
            .inbound(
                InboundFilter::presences()
                    .with_payload("urn:probe", "x")
                    .fail_open(),
            )
            .iq(IqFilter::set("urn:probe", "x")
                .to_own_server()
                .to_own_account())
            .pre_auth("urn:probe", "x")
    }

    fn init(scope: Scope) -> Result<Self, String> {
        if config::text("word").as_deref() == Some("wrong") {
            return Err("word is `wrong`".to_owned());
        }
        Ok(Self { hosts: scope.hosts })
    }
}

impl Probe {
    fn act(word: &str) {
        memory::put("kept", word.as_bytes(), Some(60)).unwrap();
        memory::add("counted", 1, None).unwrap();
        metrics::count("acts", 1).unwrap();
        assert!(metrics::set("acts", 1).is_err() && metrics::count("Acts", 1).is_err());
        let _ = accounts::create("localhost", word, "secret");
        assert_ne!(word, "panic", "as told");
    }
}

impl Inbound for Probe {
    fn filter(&self, stanza: &Stanza) -> Verdict {
        match stanza.body().as_deref() {
            Some("drop") => Verdict::Drop,
            Some("bounce") => Verdict::Bounce(ErrorCondition::Forbidden.into()),
            Some("change") => {
                let draft = Draft::new(stanza);
                draft.append("<mark xmlns='urn:probe'/>").unwrap();
                assert!(draft.set_attribute("from", Some("me@localhost")).is_err());
                draft.set_attribute("type", Some("headline")).unwrap();
                Verdict::Replace(draft)
            }
            Some("answer") => Verdict::Answer(None),
            Some(word) => {
                Self::act(word);
                Verdict::Pass
            }
            None => panic!("no body"),
        }
    }
}

impl IqHandler for Probe {
    fn handle(&self, request: &Stanza) -> Answer {
        let text = request
            .payload(&Name::new("urn:probe", "x"))
            .map(|x| x.text());
        Self::act(&text.unwrap_or_default());
        Ok(Some(
            Element::new("done", "urn:probe").text(&self.hosts.join(",")),
        ))
    }
}

impl PreAuth for Probe {
    fn features(&self, on: &PreAuthStream) -> Vec<Element> {
        vec![Element::new("offer", "urn:probe").attr("tls", &on.tls.is_some().to_string())]
    }

    fn handle(&self, on: &PreAuthStream, _: &Stanza) -> Answer {
        Ok(Some(
            Element::new("seen", "urn:probe").attr_if("address", on.address.as_deref()),
        ))
    }
}

fn probe() -> Harness<Probe> {
    Harness::new().start().unwrap()
}

fn say(word: &str) -> String {
    format!("<message to='romeo@localhost' type='chat' id='7'><body>{word}</body></message>")
}

#[test]
fn compares_xml_by_what_it_means() {
    let one = Xml::from("<a xmlns='urn:a' x='1' y='2'><b/>t</a>");
    assert_eq!(one, "<p:a y=\"2\" x='1' xmlns:p='urn:a'><p:b></p:b>t</p:a>");
    for other in [
        "<a xmlns='urn:b' x='1' y='2'><b/>t</a>",
        "<a xmlns='urn:a' x='1'><b/>t</a>",
        "<a xmlns='urn:a' x='1' y='2'>t<b/></a>",
        "<a",
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn does_not_ask_for_what_no_filter_matches() {
    let mut probe = probe();
    let not_asked = [
        "<message to='romeo@localhost'><body>normal</body></message>",
        "<presence/>",
        "<iq type='get' id='1'><x xmlns='urn:probe'/></iq>",
    ];
    for xml in not_asked {
        assert_eq!(probe.inbound(xml), Outcome::NotAsked, "{xml}");
    }
    let unserved = [
        "<iq type='get' id='1' to='localhost'><x xmlns='urn:probe'/></iq>",
        "<iq type='set' id='1' to='romeo@localhost'><x xmlns='urn:probe'/></iq>",
        "<iq type='set' id='1' to='juliet@localhost/x'><x xmlns='urn:probe'/></iq>",
        "<iq type='set' id='1' to='elsewhere'><x xmlns='urn:probe'/></iq>",
        "<iq type='set' id='1' to='localhost'><x xmlns='urn:other'/></iq>",
        "<iq type='set' id='1' to='localhost'><x xmlns='urn:probe'/><x xmlns='urn:probe'/></iq>",
    ];
    for xml in unserved {
        assert_eq!(
            probe.iq_from("juliet@localhost/x", xml),
            Outcome::NotAsked,
            "{xml}"
        );
    }
    for to in ["", " to='juliet@localhost'", " to='localhost'"] {
        let xml = format!("<iq type='set' id='1'{to}><x xmlns='urn:probe'>a</x></iq>");
        let outcome = probe.iq_from("juliet@localhost/x", &xml);
        let done = outcome.payload().unwrap();
        assert_eq!(done.to_xml(), "<done xmlns='urn:probe'>localhost</done>");
    }
    assert!(matches!(probe.inbound("<message"), Outcome::Malformed(_)));
}

#[test]
fn each_verdict_becomes_what_the_host_makes_of_it() {
    let mut probe = probe();
    assert_eq!(probe.inbound(&say("pass")), Outcome::Passed);
    assert_eq!(probe.inbound(&say("drop")), Outcome::Dropped);
    assert_eq!(
        probe.inbound(&say("bounce")),
        "<message type='error' id='7' from='romeo@localhost' to='juliet@localhost/balcony'><error type='auth' code='403'>\
         <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    assert_eq!(
        probe.inbound(&say("change")),
        "<message to='romeo@localhost' from='juliet@localhost/balcony' type='headline' id='7'><body>change</body>\
         <mark xmlns='urn:probe'/></message>"
    );
    assert!(matches!(
        probe.inbound(&say("answer")),
        Outcome::Trapped(..)
    ));
}

#[test]
fn effects_are_carried_out_only_if_the_call_returned() {
    let mut probe = probe();
    assert_eq!(probe.inbound(&say("romeo")), Outcome::Passed);
    assert_eq!(probe.password("romeo@localhost"), Some("secret"));
    assert_eq!(probe.remembered(), 2);
    assert_eq!(probe.figure("acts"), Some(Figure::Counter(1)));
    probe.pass(Duration::from_mins(1));
    assert_eq!(probe.remembered(), 1, "the counter stays");

    let Outcome::Trapped(words, answer) = probe.inbound(&say("panic")) else {
        panic!("it did not trap");
    };
    assert!(words.contains("as told"));
    assert_eq!(probe.figure("acts"), Some(Figure::Counter(1)));
    assert_eq!(
        answer.unwrap(),
        "<message type='error' id='7' from='romeo@localhost' to='juliet@localhost/balcony'><error type='wait' code='500'>\
         <internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
    );
    assert_eq!(probe.accounts(), ["romeo@localhost"]);
    assert_eq!(probe.remembered(), 1);
    // The next call has a new instance.
    assert_eq!(probe.inbound(&say("mercutio")), Outcome::Passed);
}

#[test]
fn a_hook_that_fails_open_lets_the_stanza_go() {
    let outcome = probe().inbound("<presence><x xmlns='urn:probe'/></presence>");
    assert!(matches!(outcome, Outcome::Trapped(_, None)));
}

#[test]
fn streams_show_their_address_only_by_grant() {
    let mut probe = probe();
    let xml = "<iq type='get' id='1'><x xmlns='urn:probe'/></iq>";
    let answer = probe.pre_auth(&tls_stream("c", "localhost"), xml);
    assert_eq!(
        answer,
        "<iq type='result' id='1'><seen xmlns='urn:probe'/></iq>"
    );
    let offered = probe.features(&plain_stream("c", "localhost"));
    assert_eq!(offered, ["<offer xmlns='urn:probe' tls='false'/>"]);
    let other = "<iq type='get' id='1'><y xmlns='urn:probe'/></iq>";
    assert_eq!(
        probe.pre_auth(&tls_stream("c", "localhost"), other),
        Outcome::NotAsked
    );
}

#[test]
fn the_configuration_is_checked_against_the_manifest() {
    let start = |key: &str, word: &str| Harness::<Probe>::new().config(key, word).start().err();
    assert_eq!(
        start("wrod", "x").as_deref(),
        Some("unknown key `wrod` in the configuration of plugin `probe`")
    );
    assert!(start("words", "x").is_some());
    assert_eq!(start("word", "wrong").as_deref(), Some("word is `wrong`"));
    assert_eq!(start("word", "right"), None);
}

#[test]
fn without_the_grant_there_are_no_accounts() {
    let mut probe = Harness::<Probe>::new().refuse("accounts").start().unwrap();
    assert_eq!(probe.inbound(&say("romeo")), Outcome::Passed);
    assert!(probe.accounts().is_empty());
}

/// Hands its number on; refuses one that it does not know.
struct Heir(std::cell::Cell<u8>);

impl Plugin for Heir {
    fn manifest() -> Manifest {
        Manifest::new("heir", "1.0.0", "hands a number on").iq(IqFilter::get(
            "urn:example:heir",
            "query",
        )
        .to_own_server())
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self(std::cell::Cell::new(0)))
    }

    fn save(&self) -> Vec<u8> {
        vec![self.0.get()]
    }

    fn restore(&self, from: &str, state: &[u8]) -> Result<(), String> {
        match state {
            [number] if *number < 2 && from == "1.0.0" => self.0.set(*number),
            _ => return Err("too much".to_owned()),
        }
        Ok(())
    }
}

impl IqHandler for Heir {
    fn handle(&self, _: &Stanza) -> Answer {
        self.0.set(self.0.get().saturating_add(1));
        let number = self.0.get().to_string();
        Ok(Some(Element::new("n", "urn:example:heir").text(&number)))
    }
}

#[test]
fn a_reload_hands_over_or_leaves_the_old_instance() {
    let mut heir = Harness::<Heir>::new().start().unwrap();
    let next = |heir: &mut Harness<Heir>| {
        let query = "<iq type='get' id='1' to='localhost'><query xmlns='urn:example:heir'/></iq>";
        format!("{:?}", heir.iq_from("juliet@localhost/balcony", query))
    };
    assert!(next(&mut heir).contains(">1<"));
    heir.reload().unwrap();
    assert!(next(&mut heir).contains(">2<"));
    assert_eq!(heir.reload(), Err("too much".to_owned()));
    assert!(next(&mut heir).contains(">3<"));
}

struct ToAccounts;

impl Plugin for ToAccounts {
    fn manifest() -> Manifest {
        let to = Recipients::OTHER_ACCOUNT | Recipients::FULL;
        let filter = InboundFilter::messages().only_to(to);
        Manifest::new("to-accounts", "1.0.0", "judges messages to others").inbound(filter)
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Inbound for ToAccounts {
    fn filter(&self, _: &Stanza) -> Verdict {
        Verdict::Drop
    }
}

#[test]
fn an_inbound_filter_is_narrowed_by_the_class_of_addressee() {
    let script = Harness::<ToAccounts>::new().hosts(&["localhost", "other.localhost"]);
    let mut harness = script.start().unwrap();
    for (to, expected) in [
        ("romeo@localhost", Outcome::Dropped),
        ("romeo@localhost/orchard", Outcome::Dropped),
        ("juliet@localhost", Outcome::NotAsked),
        ("localhost", Outcome::NotAsked),
        ("other.localhost", Outcome::NotAsked),
        ("romeo@verona.example", Outcome::NotAsked),
    ] {
        let outcome = harness.inbound(&format!("<message to='{to}'/>"));
        assert_eq!(outcome, expected, "{to}");
    }
}
