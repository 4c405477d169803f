//! XEP-0030: Service Discovery, of the server and of accounts: identities, and the features that the host and its plugins registered.
use waxwing_plugin::prelude::*;

mod account;

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
        .account_feature(INFO)
        .account_feature(ITEMS)
        .ask("roster")
        .iq(everywhere(INFO))
        .iq(everywhere(ITEMS))
        .iq(IqFilter::set(COMMANDS, "command").to_any_server())
    }

    fn init(_: Scope) -> Result<Self, String> {
        Ok(Self)
    }
}

/// Queries to domains and, on behalf of accounts, to bare JIDs.
fn everywhere(namespace: &str) -> IqFilter {
    let filter = IqFilter::get(namespace, "query").to_any_server();
    filter.to_own_account().to_other_accounts()
}

impl IqHandler for Disco {
    fn handle(&self, request: &Stanza) -> Answer {
        let account = account::addressed(request);
        if let Some(query) = request.payload(&Name::new(INFO, "query")) {
            let node = query.attribute("node");
            return match account {
                Some(account) => account::info(&account, node.as_deref(), request),
                None => info(&request.host(), node.as_deref()),
            };
        }
        let Some(query) = request.payload(&Name::new(ITEMS, "query")) else {
            return Err(unknown());
        };
        let node = query.attribute("node");
        match account {
            Some(account) => account::items(&account, node.as_deref(), request),
            None => items(&request.host(), node.as_deref(), request),
        }
    }
}

fn info(host: &str, node: Option<&str>) -> Answer {
    match node {
        None => Ok(Some(host_info(host))),
        Some(node) => node_info(host, node).map(Some).ok_or_else(unknown),
    }
}

fn items(host: &str, node: Option<&str>, request: &Stanza) -> Answer {
    if node == Some(COMMANDS) && !is_at(host, request) {
        return Ok(Some(items_query(node)));
    }
    let items = disco::items(host, node).ok_or_else(unknown)?;
    Ok(Some(items_query(node).children(items.iter().map(item))))
}

fn items_query(node: Option<&str>) -> Element {
    Element::new("query", ITEMS).attr_if("node", node)
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
    let info = disco::info(host, node)?;
    let query = Element::new("query", INFO).attr("node", node);
    let features = info.features.iter();
    Some(
        query
            .child(identity(&info.identity))
            .children(features.map(|name| feature(name))),
    )
}

fn feature(name: &str) -> Element {
    Element::new("feature", INFO).attr("var", name)
}

fn identity(identity: &disco::Identity) -> Element {
    Element::new("identity", INFO)
        .attr("category", &identity.category)
        .attr("type", &identity.kind)
        .attr_if("name", identity.label.as_deref())
}

fn host_info(host: &str) -> Element {
    let identities = disco::identities(host);
    Element::new("query", INFO)
        .children(identities.iter().map(identity))
        .children(disco::features(host).iter().map(|name| feature(name)))
}

waxwing_plugin::plugin!(Disco: IqHandler);

#[cfg(test)]
mod tests;
