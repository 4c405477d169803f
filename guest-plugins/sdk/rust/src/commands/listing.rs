//! Commands in service discovery (XEP-0050 §2.1, §2.2).

use super::command::Caller;
use super::{COMMANDS, Commands};
use crate::forms::DATA;
use crate::{Answer, Element, ErrorCondition, Name, Stanza};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

impl Commands {
    pub(super) fn discover(&self, request: &Stanza, caller: &Caller) -> Answer {
        let node_of = |namespace| {
            let query = request.payload(&Name::new(namespace, "query"))?;
            query.attribute("node")
        };
        let jid = request.recipient().unwrap_or_else(|| request.host());
        if node_of(ITEMS).as_deref() == Some(COMMANDS) {
            return Ok(Some(self.items(&jid, caller)));
        }
        match node_of(INFO) {
            Some(node) => self.info(&node, caller).map(Some),
            None => Err(ErrorCondition::ItemNotFound.into()),
        }
    }

    /// The commands that the caller may use, as items of the node [`COMMANDS`] at that JID.
    pub fn items(&self, jid: &str, caller: &Caller) -> Element {
        let permitted = self.list.iter().filter(|command| command.permits(caller));
        let item = |node: &str, label: &str| {
            Element::new("item", ITEMS)
                .attr("jid", jid)
                .attr("node", node)
                .attr("name", label)
        };
        Element::new("query", ITEMS)
            .attr("node", COMMANDS)
            .children(permitted.map(|command| item(command.node(), command.label())))
    }

    /// What a command's node is, or the list's.
    pub fn info(&self, node: &str, caller: &Caller) -> Result<Element, crate::StanzaError> {
        let feature = |var| Element::new("feature", INFO).attr("var", var);
        let identity = Element::new("identity", INFO).attr("category", "automation");
        let identity = match self.find(node) {
            _ if node == COMMANDS => identity.attr("type", "command-list"),
            Some(command) if command.permits(caller) => identity
                .attr("type", "command-node")
                .attr("name", command.label()),
            Some(_) => return Err(ErrorCondition::Forbidden.into()),
            None => return Err(ErrorCondition::ItemNotFound.into()),
        };
        Ok(Element::new("query", INFO)
            .attr("node", node)
            .child(identity)
            .child(feature(COMMANDS))
            .child(feature(DATA)))
    }
}
