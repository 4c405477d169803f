//! What the server says of itself.

use waxwing_plugin::harness::{Harness, Outcome};

use super::*;

fn ask(namespace: &str, node: &str) -> Outcome {
    let disco = Harness::<Disco>::new().feature("urn:xmpp:ping").start();
    let xml =
        format!("<iq type='get' id='d1' to='localhost'><query xmlns='{namespace}'{node}/></iq>");
    disco.unwrap().iq_from("juliet@localhost/balcony", &xml)
}

#[test]
fn tells_identities_and_features() {
    assert_eq!(
        ask(INFO, ""),
        "<iq type='result' id='d1' from='localhost' to='juliet@localhost/balcony'>\
         <query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity category='server' type='im' name='Waxwing'/>\
         <feature var='http://jabber.org/protocol/disco#info'/>\
         <feature var='http://jabber.org/protocol/disco#items'/>\
         <feature var='urn:xmpp:ping'/></query></iq>"
    );
}

const RESULT: &str = "<iq type='result' id='d1' from='juliet@localhost'";

/// What romeo gets who asks for juliet, of whom juliet has this contact.
fn asked_of_juliet(contact: Contact, namespace: &str, to: &str, node: &str) -> Outcome {
    let script = Harness::<Disco>::new().account_feature("urn:xmpp:ping");
    let mut disco = script.contact("juliet@localhost", contact).start().unwrap();
    let xml = format!("<iq type='get' id='d1' to='{to}'><query xmlns='{namespace}'{node}/></iq>");
    disco.iq_from("romeo@localhost/orchard", &xml)
}

fn romeo(subscription: Subscription) -> Contact {
    Contact {
        subscription,
        ..Contact::new("romeo@localhost")
    }
}

#[test]
fn an_account_is_shown_to_itself_and_to_those_who_receive_its_presence() {
    let shown = "<query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity category='account' type='registered'/>\
         <feature var='http://jabber.org/protocol/disco#info'/>\
         <feature var='http://jabber.org/protocol/disco#items'/>\
         <feature var='urn:xmpp:ping'/></query></iq>";
    for subscription in [Subscription::From, Subscription::Both] {
        let outcome = asked_of_juliet(romeo(subscription), INFO, "juliet@localhost", "");
        let expected = format!("{RESULT} to='romeo@localhost/orchard'>{shown}");
        assert_eq!(outcome, expected.as_str());
    }
    let mut disco = Harness::<Disco>::new()
        .account_feature("urn:xmpp:ping")
        .start()
        .unwrap();
    for to in ["", " to='juliet@localhost'"] {
        let xml = format!("<iq type='get' id='d1'{to}><query xmlns='{INFO}'/></iq>");
        let from = to.replace(" to=", " from=");
        let expected =
            format!("<iq type='result' id='d1'{from} to='juliet@localhost/balcony'>{shown}");
        assert_eq!(
            disco.iq_from("juliet@localhost/balcony", &xml),
            expected.as_str()
        );
    }
}

/// XEP-0030 §8: a stranger cannot tell an account from a JID that nobody has.
#[test]
fn a_stranger_gets_the_same_for_an_account_and_for_none() {
    let no = "<error type='cancel' code='503'>\
              <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    for subscription in [Subscription::None, Subscription::To] {
        for to in ["juliet@localhost", "nobody@localhost"] {
            let ask = |namespace: &str, node: &str| {
                asked_of_juliet(romeo(subscription), namespace, to, node)
            };
            for node in ["", " node='x'"] {
                let error = format!(
                    "<iq type='error' id='d1' from='{to}' to='romeo@localhost/orchard'>{no}"
                );
                assert_eq!(ask(INFO, node), error.as_str());
                let empty = format!(
                    "<iq type='result' id='d1' from='{to}' to='romeo@localhost/orchard'>\
                     <query xmlns='http://jabber.org/protocol/disco#items'{node}/></iq>"
                );
                assert_eq!(ask(ITEMS, node), empty.as_str());
            }
        }
    }
}

#[test]
fn has_no_items_yet() {
    assert_eq!(
        ask(ITEMS, ""),
        "<iq type='result' id='d1' from='localhost' to='juliet@localhost/balcony'>\
         <query xmlns='http://jabber.org/protocol/disco#items'/></iq>"
    );
}

/// A command acts on its caller's account, so its plugin is asked at the caller's own domain alone.
#[test]
fn lists_commands_to_accounts_of_the_domain_alone() {
    let script = Harness::<Disco>::new().hosts(&["a.example", "b.example"]);
    let mut disco = script.node(poll()).start().unwrap();
    let mut items = |to: &str| {
        let xml = format!(
            "<iq type='get' id='d1' to='{to}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>"
        );
        match disco.iq_from("juliet@a.example/balcony", &xml) {
            Outcome::Answered(answer) => {
                answer.element().unwrap().to_xml().matches("<item").count()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((items("a.example"), items("b.example")), (1, 0));
}

fn poll() -> waxwing_plugin::DiscoNode {
    waxwing_plugin::DiscoNode {
        node: "poll".to_owned(),
        parent: Some("http://jabber.org/protocol/commands".to_owned()),
        category: "automation".to_owned(),
        kind: "command-node".to_owned(),
        label: Some("Answer a question".to_owned()),
        features: vec!["http://jabber.org/protocol/commands".to_owned()],
    }
}

#[test]
fn knows_the_nodes_that_plugins_have_and_no_others() {
    let mut disco = Harness::<Disco>::new().node(poll()).start().unwrap();
    let mut ask = |namespace: &str, node: &str| {
        let xml = format!(
            "<iq type='get' id='d1' to='localhost'><query xmlns='{namespace}' node='{node}'/></iq>"
        );
        disco.iq_from("juliet@localhost/balcony", &xml)
    };
    assert_eq!(
        ask(ITEMS, "http://jabber.org/protocol/commands"),
        "<iq type='result' id='d1' from='localhost' to='juliet@localhost/balcony'>\
         <query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'>\
         <item jid='localhost' node='poll' name='Answer a question'/></query></iq>"
    );
    assert_eq!(
        ask(INFO, "poll"),
        "<iq type='result' id='d1' from='localhost' to='juliet@localhost/balcony'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='poll'>\
         <identity category='automation' type='command-node' name='Answer a question'/>\
         <feature var='http://jabber.org/protocol/commands'/></query></iq>"
    );
    for namespace in [INFO, ITEMS] {
        assert_eq!(
            ask(namespace, "any"),
            "<iq type='error' id='d1' from='localhost' to='juliet@localhost/balcony'><error type='cancel' code='404'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
    }
}
