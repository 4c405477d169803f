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

#[test]
fn knows_no_nodes() {
    for namespace in [INFO, ITEMS] {
        assert_eq!(
            ask(namespace, " node='any'"),
            "<iq type='error' id='d1' from='localhost' to='juliet@localhost/balcony'><error type='cancel' code='404'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
    }
}
