//! What becomes of messages with and without the words.

use waxwing_plugin::harness::{Harness, Outcome};

use super::*;

fn filter(action: &str, xml: &str) -> Outcome {
    let filter = Harness::<WordFilter>::new()
        .config("words", ["Banana", "straße"])
        .config("action", action)
        .start();
    filter.unwrap().inbound(xml)
}

#[test]
fn masks_whole_words_in_every_language_of_bodies_and_subjects() {
    assert_eq!(
        filter(
            "mask",
            "<message to='romeo@localhost' type='chat'><subject>A BANANA, no bananas</subject><body>none</body>\
             <body xml:lang='de'>Die Straße!</body><html xmlns='http://jabber.org/protocol/xhtml-im'/><thread>t</thread></message>"
        ),
        "<message from='juliet@localhost/balcony' to='romeo@localhost' type='chat'>\
         <subject>A ******, no bananas</subject><body>none</body><body xml:lang='de'>Die ******!</body><thread>t</thread></message>"
    );
}

#[test]
fn drops_or_bounces_as_it_is_told() {
    let message = "<message to='romeo@localhost' id='w1'><body>banana</body></message>";
    assert_eq!(filter("drop", message), Outcome::Dropped);
    assert_eq!(
        filter("bounce", message),
        "<message type='error' id='w1' from='romeo@localhost' to='juliet@localhost/balcony'><error type='modify'>\
         <policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>the message contains words that are not allowed here</text>\
         </error></message>"
    );
}

#[test]
fn lets_everything_else_go() {
    for action in ["drop", "bounce", "mask"] {
        assert_eq!(
            filter(action, "<message><body>bananas!</body></message>"),
            Outcome::Passed
        );
        assert_eq!(filter(action, "<message/>"), Outcome::Passed);
    }
    let error = "<message type='error'><body>banana</body></message>";
    assert_eq!(filter("drop", error), Outcome::NotAsked);
    let presence = "<presence><status>banana</status></presence>";
    assert_eq!(filter("drop", presence), Outcome::NotAsked);
}

#[test]
fn refuses_an_action_that_it_does_not_know() {
    let started = Harness::<WordFilter>::new()
        .config("action", "burn")
        .start();
    let why = started.err();
    assert_eq!(
        why.as_deref(),
        Some("action is `burn`; use `drop`, `bounce` or `mask`")
    );
}
