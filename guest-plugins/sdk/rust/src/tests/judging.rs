//! Hooks of presence and of rosters, asked as the host asks them.

use waxwing_plugin::harness::{Harness, Outcome};
use waxwing_plugin::prelude::*;

/// Lets nobody write a status, and panics over one that says so; knows what it may not show.
struct Judge;

const JULIET: (&str, u64) = ("juliet@localhost/balcony", 7);

impl Plugin for Judge {
    fn manifest() -> Manifest {
        Manifest::new("judge", "1.0.0", "judges presence and rosters")
            .ask("roster")
            .presence(PresenceFilter::available().and_ends())
            .presence(PresenceFilter::unavailable().with_payload("jabber:client", "status"))
            .roster_hook(RosterFilter::shows())
            .roster_hook(RosterFilter::updates().with_strangers())
            .roster_hook(RosterFilter::removals().fail_open())
            .roster_hook(RosterFilter::outbound(&[SubscriptionAction::Subscribe]))
            .roster_hook(RosterFilter::inbound(&[
                SubscriptionAction::Subscribe,
                SubscriptionAction::Subscribed,
            ]))
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Presence for Judge {
    fn filter(&self, presence: &Stanza, id: u64, step: PresenceStep) -> PresenceVerdict {
        let status = Name::new("jabber:client", "status");
        let text = presence.payload(&status).map(|status| status.text());
        let draft = Draft::new(presence);
        match text.as_deref() {
            None => return PresenceVerdict::Pass,
            Some("drop") => return PresenceVerdict::Drop,
            Some("panic") => panic!("{step:?} of {id}"),
            Some("turn") => draft.set_attribute("type", Some("unavailable")).unwrap(),
            Some(_) => {}
        }
        draft.remove(&status);
        PresenceVerdict::Replace(draft)
    }

    fn ended(&self, session: &str, id: u64) {
        memory::put("ended", format!("{session} {id}").as_bytes(), None).unwrap();
    }
}

impl RosterHook for Judge {
    fn show(&self, account: &str, contacts: &[Contact]) -> Option<Vec<Contact>> {
        let change = roster::remove_contact(account, "tybalt@localhost");
        assert!(matches!(
            change,
            Err(roster::RosterError::NotAllowedInThisCall)
        ));
        let mut shown = contacts.to_vec();
        shown.retain(|contact| !contact.jid.starts_with("tybalt@"));
        Some(shown)
    }

    fn update(&self, _: &str, contact: &str, _: &RosterItemUpdate) -> RosterEdit {
        RosterEdit::Replace(RosterItemUpdate {
            name: Some(contact.to_owned()),
            groups: Vec::new(),
        })
    }

    fn remove(&self, _: &str, contact: &str) -> Result<(), StanzaError> {
        assert_ne!(contact, "panic@localhost", "as told");
        Err(ErrorCondition::Forbidden.into())
    }

    fn outbound(
        &self,
        _: &str,
        contact: &str,
        _: SubscriptionAction,
        presence: &Stanza,
    ) -> OutboundVerdict {
        assert_eq!(presence.recipient().as_deref(), Some(contact));
        OutboundVerdict::Drop
    }

    fn inbound(
        &self,
        _: &str,
        contact: &str,
        _: SubscriptionAction,
        presence: &Stanza,
    ) -> InboundVerdict {
        assert_eq!(presence.sender().as_deref(), Some(contact));
        InboundVerdict::Drop
    }
}

waxwing_plugin::plugin!(Judge: Presence, RosterHook);

fn judge() -> Harness<Judge> {
    Harness::new().start().unwrap()
}

#[test]
fn presence_is_judged_by_its_step() {
    let mut judge = judge();
    let of = |status: &str| format!("<presence><status>{status}</status></presence>");
    let mut say = |step, xml: &str| judge.presence(JULIET, step, xml);
    assert_eq!(say(PresenceStep::Initial, "<presence/>"), Outcome::Passed);
    assert_eq!(
        say(PresenceStep::Update, &of("hello")),
        "<presence from='juliet@localhost/balcony'/>"
    );
    assert_eq!(say(PresenceStep::Update, &of("drop")), Outcome::Dropped);
    for status in ["panic", "turn"] {
        let trapped = say(PresenceStep::Initial, &of(status));
        assert!(
            matches!(trapped, Outcome::Trapped(_, Some(_))),
            "{trapped:?}"
        );
    }
    let gone = "<presence type='unavailable'/>";
    assert_eq!(say(PresenceStep::Unavailable, gone), Outcome::NotAsked);
    let gone = "<presence type='unavailable'><status>panic</status></presence>";
    let trapped = say(PresenceStep::Unavailable, gone);
    assert!(matches!(trapped, Outcome::Trapped(_, None)), "{trapped:?}");
    // What is no such step is the script's fault.
    for (step, xml) in [
        (PresenceStep::Initial, gone),
        (PresenceStep::Update, "<presence to='romeo@localhost'/>"),
    ] {
        let malformed = say(step, xml);
        assert!(matches!(malformed, Outcome::Malformed(_)), "{malformed:?}");
    }
    assert!(judge.presence_ended(JULIET.0, JULIET.1));
    assert_eq!(judge.remembered(), 1);
}

#[test]
fn rosters_are_judged_where_the_manifest_says() {
    let mut judge = judge();
    let contacts = ["nurse@localhost", "tybalt@localhost"].map(Contact::new);
    let shown = judge.shown_roster("juliet@localhost", &contacts).unwrap();
    assert!(matches!(shown.as_slice(), [nurse] if nurse.jid == "nurse@localhost"));
    let label = RosterItemUpdate {
        name: None,
        groups: Vec::new(),
    };
    let mut update = |contact: &str| {
        judge
            .updating_contact("juliet@localhost", contact, &label)
            .unwrap()
    };
    assert!(matches!(update("nurse@localhost"), RosterEdit::Pass));
    assert!(matches!(
        update("paris@verona.example"),
        RosterEdit::Replace(_)
    ));
    let mut remove = |contact: &str| judge.removing_contact("juliet@localhost", contact).unwrap();
    assert!(remove("nurse@localhost").is_err());
    // It fails open.
    assert!(remove("panic@localhost").is_ok());
    let (juliet, nurse) = ("juliet@localhost", "nurse@localhost");
    for (word, is_asked) in [
        (SubscriptionAction::Subscribe, true),
        (SubscriptionAction::Unsubscribe, false),
    ] {
        let said = judge.judge_outbound(juliet, nurse, word).unwrap();
        assert_eq!(matches!(said, OutboundVerdict::Drop), is_asked);
        let heard = judge.judge_inbound(juliet, nurse, word).unwrap();
        assert_eq!(matches!(heard, InboundVerdict::Drop), is_asked);
    }
}
