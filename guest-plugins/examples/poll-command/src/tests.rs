//! Dialogues with the poll, and what must not work.

use std::time::Duration;

use waxwing_plugin::Element;
use waxwing_plugin::forms::{Field, Form};
use waxwing_plugin::harness::{Harness, Outcome};

use super::*;

const JULIET: &str = "juliet@localhost/balcony";
const ROMEO: &str = "romeo@localhost/orchard";

fn polls() -> Harness<Polls> {
    Harness::new().start().unwrap()
}

/// Sends a `<command/>` with these attributes.
fn send(
    polls: &mut Harness<Polls>,
    jid: &str,
    attributes: &[(&str, &str)],
    form: Option<Form>,
) -> Outcome {
    let command = attributes
        .iter()
        .fold(
            Element::new("command", COMMANDS),
            |command, (name, value)| command.attr(name, value),
        )
        .children(form.map(|form| form.to_element()));
    let iq = Element::new("iq", "jabber:client")
        .attr("type", "set")
        .attr("id", "1")
        .attr("to", "localhost")
        .child(command);
    polls.iq_from(jid, &iq.to_xml())
}

fn begin(polls: &mut Harness<Polls>, jid: &str) -> String {
    let outcome = send(polls, jid, &[("node", "poll")], None);
    attribute(&outcome, "sessionid")
}

fn step(
    polls: &mut Harness<Polls>,
    jid: &str,
    session: &str,
    action: &str,
    form: impl Into<Option<Form>>,
) -> Outcome {
    let attributes = [("node", "poll"), ("sessionid", session), ("action", action)];
    send(polls, jid, &attributes, form.into())
}

fn choice(answer: &str) -> Form {
    Form::submit().field(Field::plain("answer", answer))
}

fn attribute(outcome: &Outcome, name: &str) -> String {
    let command = outcome.payload().expect("a command");
    command.attribute(name).unwrap_or_default().to_owned()
}

/// The condition of XEP-0050 in an error, or the general one.
fn error(outcome: &Outcome) -> String {
    let error = outcome.payload().expect("an error");
    assert_eq!(error.local(), "error", "{outcome:?}");
    let own = error.elements().find(|child| child.namespace() == COMMANDS);
    let condition = own
        .or_else(|| error.elements().next())
        .expect("a condition");
    condition.local().to_owned()
}

#[test]
fn asks_confirms_and_counts() {
    let mut polls = polls();
    let first = send(
        &mut polls,
        JULIET,
        &[("node", "poll"), ("action", "execute")],
        None,
    );
    let session = attribute(&first, "sessionid");
    let expected = format!(
        "<iq type='result' id='1' from='localhost' to='{JULIET}'>\
           <command xmlns='{COMMANDS}' node='poll' sessionid='{session}' status='executing'>\
             <actions execute='next'><next/></actions>\
             <x xmlns='jabber:x:data' type='form'><title>Tea or coffee?</title>\
               <field type='list-single' var='answer' label='Tea or coffee?'><required/>\
                 <option><value>Tea</value></option><option><value>Coffee</value></option>\
               </field></x>\
           </command></iq>"
    );
    assert_eq!(first, expected.as_str());

    let second = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    let expected = format!(
        "<iq type='result' id='1' from='localhost' to='{JULIET}'>\
           <command xmlns='{COMMANDS}' node='poll' sessionid='{session}' status='executing'>\
             <actions execute='complete'><prev/><complete/></actions>\
             <x xmlns='jabber:x:data' type='form'><title>Vote for Tea?</title></x>\
           </command></iq>"
    );
    assert_eq!(second, expected.as_str());

    let end = step(&mut polls, JULIET, &session, "complete", None);
    assert_eq!(attribute(&end, "status"), "completed");
    let table = end
        .payload()
        .unwrap()
        .element("x", "jabber:x:data")
        .unwrap();
    assert!(
        table
            .to_xml()
            .contains("<value>Tea</value></field><field var='votes'><value>1<")
    );

    let again = send(
        &mut polls,
        "juliet@localhost/other",
        &[("node", "poll")],
        None,
    );
    assert_eq!(attribute(&again, "status"), "completed");
}

// seeds: P17
#[test]
fn execute_means_the_default_action_and_prev_goes_back() {
    let mut polls = polls();
    let session = begin(&mut polls, JULIET);
    let confirm = step(&mut polls, JULIET, &session, "execute", choice("Coffee"));
    assert!(format!("{confirm:?}").contains("Vote for Coffee?"));
    let back = step(&mut polls, JULIET, &session, "prev", None);
    assert!(format!("{back:?}").contains("<title>Tea or coffee?"));
    assert_eq!(
        error(&step(&mut polls, JULIET, &session, "prev", None)),
        "bad-action"
    );
    let _ = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    let end = step(&mut polls, JULIET, &session, "execute", None);
    assert_eq!(attribute(&end, "status"), "completed");
}

// seeds: P17
#[test]
fn cancelling_ends_the_session_by_action_or_by_form() {
    let mut polls = polls();
    let session = begin(&mut polls, JULIET);
    let canceled = step(&mut polls, JULIET, &session, "cancel", None);
    let expected = format!(
        "<iq type='result' id='1' from='localhost' to='{JULIET}'>\
           <command xmlns='{COMMANDS}' node='poll' sessionid='{session}' status='canceled'/></iq>"
    );
    assert_eq!(canceled, expected.as_str());
    assert_eq!(
        error(&step(&mut polls, JULIET, &session, "next", choice("Tea"))),
        "session-expired"
    );

    let session = begin(&mut polls, JULIET);
    let canceled = step(&mut polls, JULIET, &session, "next", Some(Form::cancel()));
    assert_eq!(attribute(&canceled, "status"), "canceled");
}

// seeds: P17
#[test]
fn a_stolen_session_id_is_of_no_use() {
    let mut polls = polls();
    let session = begin(&mut polls, JULIET);
    for thief in [ROMEO, "juliet@localhost/other"] {
        for action in ["next", "cancel", "prev", "execute"] {
            let outcome = step(&mut polls, thief, &session, action, choice("Coffee"));
            assert_eq!(error(&outcome), "bad-sessionid");
        }
    }
    let own = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    assert_eq!(attribute(&own, "status"), "executing");
}

// seeds: P17
#[test]
fn session_ids_are_long_and_never_the_same() {
    let mut polls = polls();
    let ids: std::collections::BTreeSet<_> = (0..50).map(|_| begin(&mut polls, JULIET)).collect();
    assert_eq!(ids.len(), 50);
    assert!(ids.iter().all(|id| id.len() == 32));
}

#[test]
fn refuses_what_it_does_not_know() {
    let mut polls = polls();
    for others in [&[("node", "other")][..], &[]] {
        assert_eq!(
            send(&mut polls, JULIET, others, None),
            Outcome::NotAsked,
            "that is no business of this plugin"
        );
    }
    let session = begin(&mut polls, JULIET);
    assert_eq!(
        error(&step(&mut polls, JULIET, &session, "dance", None)),
        "malformed-action"
    );
    assert_eq!(
        error(&step(
            &mut polls,
            JULIET,
            &session,
            "complete",
            choice("Tea")
        )),
        "bad-action"
    );
    assert_eq!(
        error(&step(&mut polls, JULIET, "made-up", "next", choice("Tea"))),
        "bad-sessionid"
    );
    assert_eq!(
        error(&send(
            &mut polls,
            JULIET,
            &[("node", "poll"), ("action", "next")],
            None
        )),
        "bad-sessionid"
    );
    for form in [
        None,
        Some(choice("Cocoa")),
        Some(Form::submit()),
        Some(Form::result()),
    ] {
        assert_eq!(
            error(&step(&mut polls, JULIET, &session, "next", form)),
            "bad-payload"
        );
    }
    let valid = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    assert_eq!(attribute(&valid, "status"), "executing");
}

// seeds: P17
#[test]
fn sessions_expire_and_are_forgotten() {
    let mut polls = polls();
    let session = begin(&mut polls, JULIET);
    polls.pass(Duration::from_secs(599));
    let valid = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    assert_eq!(attribute(&valid, "status"), "executing");
    polls.pass(Duration::from_mins(10));
    assert_eq!(
        error(&step(&mut polls, JULIET, &session, "complete", None)),
        "session-expired"
    );
    polls.pass(Duration::from_mins(10));
    assert_eq!(
        error(&step(&mut polls, JULIET, &session, "complete", None)),
        "bad-sessionid"
    );
    assert_eq!(polls.remembered(), 0);
}

#[test]
fn one_client_cannot_fill_the_memory() {
    let mut polls = polls();
    let first = begin(&mut polls, JULIET);
    for _ in 0..4 {
        begin(&mut polls, JULIET);
    }
    assert_eq!(
        error(&step(&mut polls, JULIET, &first, "next", choice("Tea"))),
        "session-expired"
    );
    assert_eq!(polls.remembered(), 1);
}

#[test]
fn a_dialogue_survives_the_instance() {
    let mut polls = polls();
    let session = begin(&mut polls, JULIET);
    polls.forget_instance();
    let next = step(&mut polls, JULIET, &session, "next", choice("Tea"));
    assert_eq!(attribute(&next, "status"), "executing");
}

#[test]
fn needs_something_to_choose_from() {
    let started = Harness::<Polls>::new().config("answers", ["Tea"]).start();
    assert_eq!(
        started.err().as_deref(),
        Some("answers has less than two; give at least two to choose from")
    );
}

#[test]
fn with_admins_only_nobody_else_votes() {
    let mut polls: Harness<Polls> = Harness::new()
        .config("admins_only", true)
        .admin("localhost", "Juliet@localhost")
        .start()
        .unwrap();
    assert!(!begin(&mut polls, JULIET).is_empty());
    let refused = send(&mut polls, ROMEO, &[("node", "poll")], None);
    assert_eq!(error(&refused), "forbidden");
}
