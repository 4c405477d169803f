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
