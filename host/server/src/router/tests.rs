//! Sessions by their mailboxes alone: who sends what, and who receives what.

use std::{
    sync::Arc,
    task::{Context as TaskContext, Waker},
};

use waxwing_xml::{Context, Element, Limits};
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::{
    jid, ns,
    stanza::{Kind, Stanza},
};

use super::{Registration, Routed, Router};
use crate::{
    config,
    delivery::{mailbox::End, queued_stanza::QueuedStanza, spool_queue::SpoolQueue},
};

fn router() -> Arc<Router> {
    let limits = config::Limits::default();
    Arc::new(Router::new(
        ["example.org".to_owned()],
        &limits,
        SpoolQueue::new().0,
    ))
}

/// Binds a resource of an account at example.org.
fn bind(router: &Arc<Router>, account: &str, resource: &str) -> Registration {
    let bare = jid::parse_bare(&format!("{account}@example.org")).unwrap();
    let handle = router.handle_for(&bare, Some(resource)).unwrap();
    router.enter(&handle, true).unwrap().unwrap()
}

fn parse(xml: &str) -> Stanza {
    let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza()).unwrap();
    Stanza::parse(element, ContentNamespace::Client).unwrap()
}

impl Registration {
    /// Sends a stanza as the session does, and returns a request that is left for the server to answer.
    fn send(&self, xml: &str) -> Option<Stanza> {
        let mut stanza = parse(xml);
        stanza.stamp_from(Arc::clone(&self.handle.from));
        match stanza.kind() {
            Kind::Message => {
                let _ = self.router.message(stanza.into());
            }
            Kind::Presence => self.router.presence(&self.handle, stanza),
            Kind::Iq => {
                if let Routed::Request(request) = self.router.iq(stanza.into()) {
                    return Some(request.into_stanza());
                }
            }
        }
        None
    }

    /// What was written to the session since it was last asked.
    fn received(&self) -> Vec<String> {
        let context = TaskContext::from_waker(Waker::noop());
        let taken = self.handle.mailbox().take(usize::MAX, context.waker());
        let write = |delivery: QueuedStanza| {
            let mut out = Vec::new();
            delivery.write(&Context::stream(ns::CLIENT), &mut out);
            delivery.delivered();
            String::from_utf8(out).unwrap()
        };
        taken.items.into_iter().map(write).collect()
    }

    fn is_told_to_end(&self) -> Option<End> {
        self.handle.mailbox().watch_end(Waker::noop())
    }
}

const UNAVAILABLE_SERVICE: &str = "<service-unavailable";

#[test]
fn delivers_a_message_to_the_full_jid_before_presence() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    romeo.send("<message to='juliet@example.org/balcony' type='chat'><body>hi</body></message>");
    assert_eq!(
        juliet.received(),
        [
            "<message to='juliet@example.org/balcony' type='chat' from='romeo@example.org/orchard'><body>hi</body></message>"
        ]
    );
}

// seeds: H16
#[test]
fn delivers_a_message_to_the_most_available_resources() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let resources = [("a", 1), ("b", 5), ("c", 5), ("d", -1)].map(|(resource, priority)| {
        let session = bind(&router, "juliet", resource);
        session.send(&format!(
            "<presence><priority>{priority}</priority></presence>"
        ));
        session
    });
    for session in &resources {
        session.received();
    }
    romeo.send("<message to='juliet@example.org'><body>hi</body></message>");
    let counts = resources.each_ref().map(|session| session.received().len());
    assert_eq!(counts, [0, 1, 1, 0]);
    romeo.send("<message to='juliet@example.org' type='headline'><body>hi</body></message>");
    let counts = resources.each_ref().map(|session| session.received().len());
    assert_eq!(counts, [1, 1, 1, 0]);
    assert!(romeo.received().is_empty());
}

#[test]
fn answers_alike_for_unknown_accounts_and_absent_ones() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let juliet = bind(&router, "juliet", "balcony");
    for to in [
        "nobody@example.org",
        "juliet@example.org",
        "juliet@example.org/chamber",
    ] {
        romeo.send(&format!("<message id='1' to='{to}'/>"));
        let error = romeo.received().join("");
        assert!(
            error.contains(UNAVAILABLE_SERVICE) && error.contains(&format!("from='{to}'")),
            "{error}"
        );
    }
    assert!(juliet.received().is_empty());
}

#[test]
fn says_of_another_domain_that_it_was_not_found() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    for xml in [
        "<message to='juliet@example.net'/>",
        "<presence to='juliet@example.net'/>",
        "<iq type='get' id='1' to='example.net'><query xmlns='q'/></iq>",
    ] {
        assert!(romeo.send(xml).is_none());
        assert!(
            romeo
                .received()
                .join("")
                .contains("<remote-server-not-found")
        );
    }
}

#[test]
fn never_answers_an_error_or_a_result() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    for to in [
        "nobody@example.org",
        "nobody@example.org/x",
        "example.org",
        "example.net",
    ] {
        for xml in [
            format!("<message type='error' to='{to}'/>"),
            format!("<presence type='error' to='{to}'/>"),
            format!("<iq type='error' id='1' to='{to}'/>"),
            format!("<iq type='result' id='1' to='{to}'/>"),
        ] {
            assert!(romeo.send(&xml).is_none());
            assert!(romeo.received().is_empty(), "{xml}");
        }
    }
}

#[test]
fn leaves_requests_for_accounts_and_the_server_to_the_server() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let juliet = bind(&router, "juliet", "balcony");
    juliet.send("<presence/>");
    juliet.received();
    for to in [
        "",
        "to='example.org'",
        "to='juliet@example.org'",
        "to='romeo@example.org'",
    ] {
        let request = romeo.send(&format!(
            "<iq type='get' id='1' {to}><query xmlns='q'/></iq>"
        ));
        assert!(request.is_some(), "{to}");
    }
    assert!(juliet.received().is_empty());
}

#[test]
fn delivers_requests_to_a_resource_that_shares_its_presence_and_refuses_them_otherwise() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let juliet = bind(&router, "juliet", "balcony");
    let ask = "<iq type='get' id='1' to='juliet@example.org/balcony'><q xmlns='q'/></iq>";
    assert!(romeo.send(ask).is_none());
    assert!(romeo.received().join("").contains(UNAVAILABLE_SERVICE));
    assert!(juliet.received().is_empty());
    juliet.send("<presence to='romeo@example.org'/>");
    assert!(romeo.send(ask).is_none());
    assert_eq!(juliet.received().len(), 1);
    assert!(
        romeo
            .send("<iq type='get' id='2' to='juliet@example.org/chamber'><q xmlns='q'/></iq>")
            .is_none()
    );
    assert!(romeo.received().join("").contains(UNAVAILABLE_SERVICE));
}

#[test]
fn tells_an_account_of_its_own_presence() {
    let router = router();
    let (first, second) = (
        bind(&router, "juliet", "balcony"),
        bind(&router, "juliet", "chamber"),
    );
    first.send("<presence id='1'/>");
    assert_eq!(
        first.received(),
        ["<presence id='1' from='juliet@example.org/balcony' to='juliet@example.org'/>"]
    );
    assert!(second.received().is_empty(), "it is not available");
    second.send("<presence id='2'/>");
    let received = second.received();
    assert!(
        received[0].contains("id='1'") && received[1].contains("id='2'"),
        "{received:?}"
    );
    assert_eq!(first.received().len(), 1);
    second.send("<presence type='unavailable'/>");
    assert!(second.received().join("").contains("unavailable"));
    assert!(first.received().join("").contains("unavailable"));
}

#[test]
fn says_unavailable_once_for_a_session_that_is_lost() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    let other = bind(&router, "romeo", "garden");
    other.send("<presence/>");
    other.received();
    romeo.send("<presence/>");
    romeo.send("<presence to='juliet@example.org/balcony'/>");
    other.received();
    juliet.received();
    drop(romeo);
    let unavailable = |to: &str| {
        format!("<presence from='romeo@example.org/orchard' type='unavailable' to='{to}'/>")
    };
    assert_eq!(other.received(), [unavailable("romeo@example.org")]);
    assert_eq!(
        juliet.received(),
        [unavailable("juliet@example.org/balcony")]
    );
}

#[test]
fn owes_no_unavailable_presence_after_a_directed_one() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    romeo.send("<presence to='juliet@example.org/balcony'/>");
    romeo.send("<presence to='juliet@example.org/balcony' type='unavailable'/>");
    assert_eq!(juliet.received().len(), 2);
    drop(romeo);
    assert!(juliet.received().is_empty());
}

#[test]
fn ends_the_session_whose_resource_is_taken() {
    let router = router();
    let (old, other) = (
        bind(&router, "juliet", "balcony"),
        bind(&router, "juliet", "chamber"),
    );
    other.send("<presence/>");
    old.send("<presence/>");
    other.received();
    let new = bind(&router, "juliet", "balcony");
    assert_eq!(old.is_told_to_end(), Some(End::Conflict));
    assert!(
        other.received().join("").contains("unavailable"),
        "said before the new session speaks"
    );
    new.send("<presence/>");
    assert_eq!(other.received().len(), 1);
    drop(old);
    assert!(other.received().is_empty(), "said only once");
    other.send("<message to='juliet@example.org/balcony'/>");
    assert!(new.received().join("").contains("<message"));
}

#[test]
fn answers_for_what_a_lost_session_did_not_get() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    juliet.send("<presence to='romeo@example.org/orchard'/>");
    romeo.send("<message id='m' to='juliet@example.org/balcony' type='chat'/>");
    romeo.send("<iq id='i' type='get' to='juliet@example.org/balcony'><q xmlns='q'/></iq>");
    romeo.send("<message id='h' to='juliet@example.org/balcony' type='headline'/>");
    drop(juliet);
    let mut answers = romeo.received();
    answers.retain(|answer| !answer.starts_with("<presence"));
    assert_eq!(answers.len(), 2, "{answers:?}");
    for (answer, id) in answers.iter().zip(["id='m'", "id='i'"]) {
        assert!(
            answer.contains(id) && answer.contains(UNAVAILABLE_SERVICE),
            "{answer}"
        );
    }
}

#[test]
fn gives_what_a_lost_session_did_not_get_to_another_that_takes_it() {
    let router = router();
    let (romeo, lost) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    let other = bind(&router, "juliet", "chamber");
    other.send("<presence/>");
    other.received();
    romeo.send("<message to='juliet@example.org/balcony' type='chat'/>");
    drop(lost);
    assert_eq!(other.received().len(), 1);
    assert!(romeo.received().is_empty());
}

#[test]
fn answers_once_when_all_copies_are_lost() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let copies = ["a", "b"].map(|resource| {
        let session = bind(&router, "juliet", resource);
        session.send("<presence/>");
        session
    });
    romeo.send("<message to='juliet@example.org'/>");
    let [first, second] = copies;
    drop(first);
    assert!(romeo.received().is_empty(), "the other may get it");
    drop(second);
    assert_eq!(romeo.received().len(), 1);
}

#[test]
fn ends_a_session_that_does_not_read_and_answers_for_it() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    let text = "x".repeat(64 * 1024);
    let message = format!("<message to='juliet@example.org/balcony'><body>{text}</body></message>");
    let fits = config::Limits::default().outbound_bytes as usize / text.len();
    for _ in 0..=fits {
        romeo.send(&message);
    }
    assert_eq!(juliet.is_told_to_end(), Some(End::Overflow));
    let refused = romeo.received().len();
    assert!(refused > 0, "what did not fit comes back at once");
    drop(juliet);
    assert_eq!(
        refused + romeo.received().len(),
        fits + 1,
        "and the rest when it has ended"
    );
}

#[test]
fn answers_probes_of_own_and_other_accounts() {
    let router = router();
    let (romeo, juliet) = (
        bind(&router, "romeo", "orchard"),
        bind(&router, "juliet", "balcony"),
    );
    let chamber = bind(&router, "juliet", "chamber");
    chamber.send("<presence id='c'/>");
    for to in ["juliet@example.org", "nobody@example.org"] {
        romeo.send(&format!("<presence type='probe' id='1' to='{to}'/>"));
        let wanted = format!(
            "<presence from='{to}' to='romeo@example.org/orchard' type='unsubscribed' id='1'/>"
        );
        assert_eq!(romeo.received(), [wanted]);
    }
    juliet.send("<presence type='probe' to='juliet@example.org'/>");
    assert!(juliet.received().join("").contains("id='c'"));
}

/// Two resources of equal priority, one of which is still given what waited: what comes meanwhile goes behind that.
#[test]
fn what_others_are_given_too_waits_behind_the_spool() {
    let router = router();
    let romeo = bind(&router, "romeo", "orchard");
    let [ready, late] = ["ready", "late"].map(|resource| {
        let session = bind(&router, "juliet", resource);
        session.send("<presence/>");
        session
    });
    ready.received();
    late.received();
    late.handle.replay_offline();
    let say = |to: &str, body: &str| {
        let to = format!("juliet@example.org{to}");
        romeo.send(&format!(
            "<message to='{to}' type='chat'><body>{body}</body></message>"
        ));
    };
    let bodies = |session: &Registration| {
        let between = |message: String| {
            let (_, body) = message.split_once("<body>")?;
            Some(body.split_once('<')?.0.to_owned())
        };
        let received = session.received().into_iter();
        // Presence has none.
        received.filter_map(between).collect::<Vec<_>>()
    };
    say("", "second");
    assert_eq!(bodies(&ready), ["second"]);
    // Its own waits behind what is held, and not in the spool.
    say("/late", "third");
    let waited = "<message type='chat'><body>first</body></message>";
    router.give_to(&late.handle, parse(waited));
    assert!(
        !router.is_replay_complete(&late.handle),
        "nobody has looked yet"
    );
    assert_eq!(bodies(&late), ["first"]);
    assert!(router.is_replay_complete(&late.handle));
    say("", "fourth");
    assert_eq!(bodies(&late), ["second", "third", "fourth"]);
    assert_eq!(bodies(&ready), ["fourth"]);

    // One that ends before it is done gives back what nobody else has.
    late.handle.replay_offline();
    say("", "fifth");
    say("/late", "sixth");
    drop(late);
    assert_eq!(bodies(&ready), ["fifth", "sixth"]);
}

/// A session that another thread ends while it tells others that it is available: that it is over is the last word.
#[test]
fn presence_of_a_session_that_was_ended_meanwhile_is_taken_back() {
    let router = router();
    let [one, other] = ["one", "other"].map(|resource| {
        let session = bind(&router, "romeo", resource);
        session.send("<presence/>");
        session
    });
    other.received();
    router.broadcast_unavailable(&one.handle, None);
    let late = "<presence from='romeo@example.org/one' to='romeo@example.org'/>";
    router.announce(&one.handle, &parse(late), false);
    let heard = other.received();
    let types: Vec<_> = heard
        .iter()
        .map(|presence| presence.contains("type='unavailable'"))
        .collect();
    assert_eq!(types, [true, false, true], "{heard:?}");
}

#[test]
fn a_priority_is_a_small_integer_or_none() {
    for (text, wanted) in [
        ("-128", -128),
        ("127", 127),
        (" 5 ", 5),
        ("128", 0),
        ("-129", 0),
        ("high", 0),
        ("1.5", 0),
        ("", 0),
    ] {
        let xml = format!("<presence><priority>{text}</priority></presence>");
        assert_eq!(super::presence::priority(&parse(&xml)), wanted, "{text:?}");
    }
    assert_eq!(super::presence::priority(&parse("<presence/>")), 0);
}
