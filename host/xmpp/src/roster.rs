//! Rosters on the wire (RFC 6121 §2): what a client asks, checked, and what it is told.

use std::collections::HashSet;

use waxwing_xml::{Element, ElementRef};

use crate::error::{Condition, ErrorType, StanzaError};
use crate::jid::{self, BareJid};
use crate::ns;
use crate::stanza::{IqType, Stanza};
use crate::subscription::State;

/// The longest name of an item, and of a group, in bytes.
pub const MAX_NAME: usize = 512;
/// Most groups of an item: with the names' lengths, what keeps a whole roster at some megabytes.
pub const MAX_GROUPS: usize = 16;

/// A contact in a roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Whom it is about.
    pub contact: BareJid,
    /// What the user calls the contact.
    pub name: Option<String>,
    /// The groups it is in, without duplicates.
    pub groups: Vec<String>,
    /// What there is between the two. A request of the contact is not shown.
    pub state: State,
}

/// What a client asks of its roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// All of it, or what changed since the version that the client has (§2.6.2).
    Get {
        /// The version, if the client said one.
        version: Option<String>,
    },
    /// To add or change an item (§2.3, §2.4): its name and its groups.
    Set {
        /// Whom it is about.
        contact: BareJid,
        /// The new name.
        name: Option<String>,
        /// The new groups.
        groups: Vec<String>,
    },
    /// To remove an item (§2.5).
    Remove {
        /// Whom it is about.
        contact: BareJid,
    },
}

impl Request {
    /// What an iq asks of the roster of its sender; `None` if it is about something else.
    ///
    /// # Errors
    /// What §2.3.3 has for each fault: `bad-request`, `not-acceptable`, and `jid-malformed` for what is no address.
    pub fn of(stanza: &Stanza) -> Option<Result<Self, StanzaError>> {
        let query = stanza.payload()?;
        if !query.is("query", ns::ROSTER) {
            return None;
        }
        match stanza.iq_type()? {
            IqType::Get => Some(get(query)),
            IqType::Set => Some(set(query)),
            IqType::Result | IqType::Error => None,
        }
    }
}

fn get(query: ElementRef<'_>) -> Result<Request, StanzaError> {
    // A get that has an item wants something else than it says (§2.1.3: the query is empty).
    if query.children().next().is_some() {
        return Err(refusal(Condition::BadRequest));
    }
    let version = query.attr("ver").map(str::to_owned);
    Ok(Request::Get { version })
}

fn set(query: ElementRef<'_>) -> Result<Request, StanzaError> {
    let mut items = query.children();
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(refusal(Condition::BadRequest));
    };
    if !item.is("item", ns::ROSTER) {
        return Err(refusal(Condition::BadRequest));
    }
    let contact = item
        .attr("jid")
        .ok_or_else(|| refusal(Condition::BadRequest))?;
    let contact = jid::parse(contact).map_err(|_| refusal(Condition::JidMalformed))?;
    let contact = contact.to_bare();
    if item.attr("subscription") == Some("remove") {
        return Ok(Request::Remove { contact });
    }
    let name = item.attr("name").filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.len() > MAX_NAME) {
        return Err(refusal(Condition::NotAcceptable));
    }
    Ok(Request::Set {
        contact,
        name: name.map(str::to_owned),
        groups: groups(item)?,
    })
}

fn groups(item: ElementRef<'_>) -> Result<Vec<String>, StanzaError> {
    let mut groups = Vec::new();
    let mut seen = HashSet::new();
    for group in item
        .children()
        .filter(|child| child.is("group", ns::ROSTER))
    {
        let group = group.text().into_owned();
        if group.is_empty() || group.len() > MAX_NAME || groups.len() >= MAX_GROUPS {
            return Err(refusal(Condition::NotAcceptable));
        }
        if !seen.insert(group.clone()) {
            return Err(refusal(Condition::BadRequest));
        }
        groups.push(group);
    }
    Ok(groups)
}

fn refusal(condition: Condition) -> StanzaError {
    StanzaError::new(condition).with_type(ErrorType::Modify)
}

impl Item {
    /// The item as it is written (§2.1.2).
    pub fn to_element(&self) -> Element {
        let mut item = Element::builder("item", ns::ROSTER).attr("jid", self.contact.as_str());
        if let Some(name) = &self.name {
            item = item.attr("name", name);
        }
        item = item.attr("subscription", subscription(self.state));
        if self.state.pending_out {
            item = item.attr("ask", "subscribe");
        }
        if self.state.approved {
            item = item.attr("approved", "true");
        }
        let group = |name: &String| Element::builder("group", ns::ROSTER).text(name).build();
        item.children(self.groups.iter().map(group)).build()
    }
}

/// The item that says that a contact is no longer there (§2.5.2).
pub fn removed(contact: &BareJid) -> Element {
    Element::builder("item", ns::ROSTER)
        .attr("jid", contact.as_str())
        .attr("subscription", "remove")
        .build()
}

/// The payload of a result or push, with its version if there is one (§2.1.1).
pub fn query(version: Option<&str>, items: impl IntoIterator<Item = Element>) -> Element {
    let mut query = Element::builder("query", ns::ROSTER);
    if let Some(version) = version {
        query = query.attr("ver", version);
    }
    query.children(items).build()
}

/// The value of the attribute `subscription` (§2.1.2.5).
pub fn subscription(state: State) -> &'static str {
    match (state.to, state.from) {
        (false, false) => "none",
        (true, false) => "to",
        (false, true) => "from",
        (true, true) => "both",
    }
}

#[cfg(test)]
mod tests {
    use waxwing_xml::Limits;

    use super::*;
    use crate::content::ContentNamespace;

    fn asked(kind: &str, query: &str) -> Result<Request, StanzaError> {
        let xml = format!(
            "<iq xmlns='jabber:client' type='{kind}' id='r'><query xmlns='jabber:iq:roster'{query}</query></iq>"
        );
        let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::stanza()).unwrap();
        Request::of(&Stanza::parse(element, ContentNamespace::Client).unwrap()).unwrap()
    }

    fn contact() -> BareJid {
        jid::parse_bare("nurse@example.com").unwrap()
    }

    #[test]
    fn a_get_may_have_a_version_and_nothing_else() {
        let version = |version: Option<&str>| {
            let version = version.map(str::to_owned);
            Ok(Request::Get { version })
        };
        assert_eq!(asked("get", ">"), version(None));
        assert_eq!(asked("get", " ver=''>"), version(Some("")));
        assert_eq!(asked("get", " ver='14'>"), version(Some("14")));
        let refused = asked("get", "><item jid='a@b'/>").unwrap_err();
        assert_eq!(refused.condition, Condition::BadRequest);
    }

    #[test]
    fn a_set_has_the_name_and_groups_of_one_bare_address() {
        let set = asked(
            "set",
            "><item jid='Nurse@example.com/x' name='Nurse' subscription='both' ask='subscribe'>\
             <group>Servants</group><other xmlns='urn:x'/><group>servants</group></item>",
        );
        assert_eq!(
            set,
            Ok(Request::Set {
                contact: contact(),
                name: Some("Nurse".to_owned()),
                groups: vec!["Servants".to_owned(), "servants".to_owned()],
            })
        );
        let removed = asked(
            "set",
            "><item jid='nurse@example.com' subscription='remove'/>",
        );
        assert_eq!(removed, Ok(Request::Remove { contact: contact() }));
    }

    /// H20, and §2.3.3.
    #[test]
    fn each_fault_of_a_set_has_its_error() {
        let long = "x".repeat(MAX_NAME + 1);
        let item = |more: &str| format!("><item jid='nurse@example.com'{more}</item>");
        let many: Vec<_> = (0..=MAX_GROUPS)
            .map(|number| format!("<group>{number}</group>"))
            .collect();
        let many = many.concat();
        for (query, condition) in [
            (">".to_owned(), Condition::BadRequest),
            ("><item/>".to_owned(), Condition::BadRequest),
            ("><thing jid='a@b'/>".to_owned(), Condition::BadRequest),
            (
                "><item jid='a@b'/><item jid='c@d'/>".to_owned(),
                Condition::BadRequest,
            ),
            ("><item jid='@b'/>".to_owned(), Condition::JidMalformed),
            (
                item("><group>a</group><group>a</group>"),
                Condition::BadRequest,
            ),
            (item("><group/>"), Condition::NotAcceptable),
            (
                item(&format!("><group>{long}</group>")),
                Condition::NotAcceptable,
            ),
            (item(&format!(" name='{long}'>")), Condition::NotAcceptable),
            (item(&format!(">{many}")), Condition::NotAcceptable),
        ] {
            let refused = asked("set", &query).unwrap_err();
            assert_eq!(refused.condition, condition, "{query}");
            assert_eq!(refused.kind, ErrorType::Modify, "{query}");
        }
    }

    #[test]
    fn an_item_is_written_with_what_the_user_may_know() {
        let state = State {
            from: true,
            pending_out: true,
            pending_in: true,
            approved: true,
            ..State::default()
        };
        let item = Item {
            contact: contact(),
            name: Some("Nurse".to_owned()),
            groups: vec!["Servants".to_owned()],
            state,
        };
        let expected = Element::parse(
            b"<item jid='nurse@example.com' name='Nurse' subscription='from' ask='subscribe' approved='true'>\
              <group>Servants</group></item>",
            ns::ROSTER,
            &Limits::stanza(),
        );
        assert_eq!(item.to_element(), expected.unwrap());
        assert_eq!(removed(&contact()).attr("subscription"), Some("remove"));
    }
}
