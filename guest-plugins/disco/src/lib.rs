//! XEP-0030: Service Discovery, of the server itself: what it is and which features the host and its plugins registered.
use waxwing_plugin::prelude::*;

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

struct Disco;

impl Plugin for Disco {
    fn manifest() -> Manifest {
        Manifest::new(
            "disco",
            env!("CARGO_PKG_VERSION"),
            "tells what the server is and can do",
        )
        .xep(30, "2.5.0")
        .feature(INFO)
        .feature(ITEMS)
        .iq(IqFilter::get(INFO, "query").to_server())
        .iq(IqFilter::get(ITEMS, "query").to_server())
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl IqHandler for Disco {
    fn handle(&self, request: &Stanza) -> Answer {
        if let Some(query) = request.payload(&Name::new(INFO, "query")) {
            return without_node(&query).map(|()| Some(info(&request.host())));
        }
        let Some(query) = request.payload(&Name::new(ITEMS, "query")) else {
            return Err(ErrorCondition::BadRequest.into());
        };
        without_node(&query).map(|()| Some(Element::new("query", ITEMS)))
    }
}

/// No node is registered with the server: naming one is asking for what is not there (XEP-0030 §3.2).
fn without_node(query: &waxwing_plugin::Parsed) -> Result<(), StanzaError> {
    match query.attribute("node") {
        Some(_) => Err(ErrorCondition::ItemNotFound.into()),
        None => Ok(()),
    }
}

fn info(host: &str) -> Element {
    let identities = disco::identities(host).into_iter().map(|identity| {
        let element = Element::new("identity", INFO)
            .attr("category", &identity.category)
            .attr("type", &identity.kind);
        match identity.label {
            Some(label) => element.attr("name", &label),
            None => element,
        }
    });
    let features = disco::features(host)
        .into_iter()
        .map(|feature| Element::new("feature", INFO).attr("var", &feature));
    Element::new("query", INFO)
        .children(identities)
        .children(features)
}

waxwing_plugin::plugin!(Disco: IqHandler);

#[cfg(test)]
mod tests;
