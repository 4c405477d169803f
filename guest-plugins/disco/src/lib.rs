//! XEP-0030: Service Discovery, of the server itself: what it is and which features the host and its plugins registered.
use waxwing_plugin::prelude::*;

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// Commands (XEP-0050): those that exist are asked of their plugins, so that only unknown ones come here.
const COMMANDS: &str = "http://jabber.org/protocol/commands";

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
        .iq(IqFilter::get(INFO, "query").to_any_server())
        .iq(IqFilter::get(ITEMS, "query").to_any_server())
        .iq(IqFilter::set(COMMANDS, "command").to_any_server())
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

impl IqHandler for Disco {
    fn handle(&self, request: &Stanza) -> Answer {
        let host = request.host();
        if let Some(query) = request.payload(&Name::new(INFO, "query")) {
            return match query.attribute("node") {
                None => Ok(Some(info(&host))),
                Some(node) => node_info(&host, &node).map(Some).ok_or_else(unknown),
            };
        }
        let Some(query) = request.payload(&Name::new(ITEMS, "query")) else {
            return Err(unknown());
        };
        let node = query.attribute("node");
        if node.as_deref() == Some(COMMANDS) && !is_at(&host, request) {
            return Ok(Some(Element::new("query", ITEMS).attr("node", COMMANDS)));
        }
        let items = disco::items(&host, node.as_deref()).ok_or_else(unknown)?;
        let query = Element::new("query", ITEMS).attr_if("node", node.as_deref());
        Ok(Some(query.children(items.iter().map(item))))
    }
}

/// Whether the sender's account is at this domain: commands serve no others (XEP-0050 §2.2 lists what the requester may
/// execute).
fn is_at(host: &str, request: &Stanza) -> bool {
    let sender = request.sender();
    sender.is_some_and(|sender| waxwing_plugin::jid::domain(&sender) == host)
}

/// Naming a node that nobody registered is asking for what is not there (XEP-0030 §3.2).
fn unknown() -> StanzaError {
    ErrorCondition::ItemNotFound.into()
}

fn item(item: &disco::Item) -> Element {
    Element::new("item", ITEMS)
        .attr("jid", &item.jid)
        .attr_if("node", item.node.as_deref())
        .attr_if("name", item.label.as_deref())
}

fn node_info(host: &str, node: &str) -> Option<Element> {
    let info = disco::node(host, node)?;
    let query = Element::new("query", INFO).attr("node", node);
    let features = info.features.iter();
    Some(
        query
            .child(identity(&info.identity))
            .children(features.map(|feature| Element::new("feature", INFO).attr("var", feature))),
    )
}

fn identity(identity: &disco::Identity) -> Element {
    Element::new("identity", INFO)
        .attr("category", &identity.category)
        .attr("type", &identity.kind)
        .attr_if("name", identity.label.as_deref())
}

fn info(host: &str) -> Element {
    let identities = disco::identities(host);
    let features = disco::features(host)
        .into_iter()
        .map(|feature| Element::new("feature", INFO).attr("var", &feature));
    Element::new("query", INFO)
        .children(identities.iter().map(identity))
        .children(features)
}

waxwing_plugin::plugin!(Disco: IqHandler);

#[cfg(test)]
mod tests;
