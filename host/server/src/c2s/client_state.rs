//! What is held back from a client that says that nobody looks at it (XEP-0352), or that is away: presence and chat states, of which
//! only the last of each sender is of interest.

use std::{collections::HashMap, mem};

use waxwing_xml::{Element, ElementRef};
use waxwing_xmpp::ns;

use crate::config::bounds::Bounds;
use crate::delivery::{mailbox::Weigh as _, queued_stanza::QueuedStanza};

/// Stanzas that are held back, in their order.
#[derive(Debug, Default)]
pub(super) struct ClientStateBuffer {
    items: Vec<Option<QueuedStanza>>,
    bytes: usize,
    /// Where the last presence, or chat state, of a sender is.
    latest: HashMap<(Moment, Box<str>), usize>,
}

/// What is only of interest until the next of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Moment {
    Presence,
    ChatState,
}

impl ClientStateBuffer {
    /// Whether a stanza can wait until somebody looks.
    pub(super) fn can_wait(delivery: &QueuedStanza) -> bool {
        moment(delivery.element()).is_some()
    }

    /// Holds a stanza back. One that it takes the place of is done with.
    pub(super) fn hold(&mut self, delivery: QueuedStanza) {
        if let Some(moment) = moment(delivery.element()) {
            let from = delivery.element().attr("from").unwrap_or_default();
            let before = self
                .latest
                .insert((moment, from.into()), self.items.len())
                .and_then(|index| self.items.get_mut(index))
                .and_then(Option::take);
            if let Some(before) = before {
                self.bytes = self.bytes.saturating_sub(before.weight());
                before.delivered();
            }
        }
        self.bytes = self.bytes.saturating_add(delivery.weight());
        self.items.push(Some(delivery));
    }

    /// Whether more is held back than that, places included that newer ones took.
    pub(super) fn exceeds(&self, bounds: Bounds) -> bool {
        bounds.are_exceeded(self.bytes, self.items.len())
    }

    /// Bytes held back.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the places of those that newer ones took the place of.
    pub(super) fn tidy(&mut self) {
        let before = mem::take(self);
        before.into_iter().for_each(|delivery| self.hold(delivery));
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

impl IntoIterator for ClientStateBuffer {
    type Item = QueuedStanza;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Option<QueuedStanza>>>;

    /// What was held back, oldest first.
    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter().flatten()
    }
}

fn moment(element: &Element) -> Option<Moment> {
    if element.is("presence", ns::CLIENT) {
        let is_of_state = matches!(element.attr("type"), None | Some("unavailable"));
        return is_of_state.then_some(Moment::Presence);
    }
    let is_message = element.is("message", ns::CLIENT) && element.attr("type") != Some("error");
    let of_the_moment =
        |child: ElementRef<'_>| matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::DELAY);
    let says_nothing_else = || {
        let mut children = element.children();
        children.all(|child| of_the_moment(child) || child.is("thread", ns::CLIENT))
    };
    let has_state = || {
        element
            .children()
            .any(|child| child.ns() == ns::CHAT_STATES)
    };
    (is_message && has_state() && says_nothing_else()).then_some(Moment::ChatState)
}

#[cfg(test)]
mod tests {
    use waxwing_xml::Limits;
    use waxwing_xmpp::content::ContentNamespace;
    use waxwing_xmpp::stanza::Stanza;

    use super::*;

    fn delivery(xml: &str) -> QueuedStanza {
        let element = Element::parse(xml.as_bytes(), ns::CLIENT, &Limits::own()).unwrap();
        QueuedStanza::one(Stanza::parse(element, ContentNamespace::Client).unwrap())
    }

    fn held(client_state: ClientStateBuffer) -> Vec<String> {
        let id = |delivery: QueuedStanza| delivery.element().attr("id").unwrap().to_owned();
        client_state.into_iter().map(id).collect()
    }

    const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

    #[test]
    fn presence_and_chat_states_can_wait_and_nothing_else() {
        for (xml, can_wait) in [
            ("<presence from='a@b/c'/>", true),
            ("<presence from='a@b/c' type='unavailable'/>", true),
            ("<presence from='a@b' type='subscribe'/>", false),
            ("<presence from='a@b' type='error'/>", false),
            (&format!("<message from='a@b/c'>{TYPING}</message>"), true),
            (
                &format!("<message from='a@b/c'>{TYPING}<thread>t</thread></message>"),
                true,
            ),
            (
                &format!("<message from='a@b/c'>{TYPING}<body>hi</body></message>"),
                false,
            ),
            (
                &format!("<message type='error' from='a@b/c'>{TYPING}</message>"),
                false,
            ),
            ("<message from='a@b/c'/>", false),
            ("<message from='a@b/c'><body>hi</body></message>", false),
            (
                "<iq from='a@b/c' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
                false,
            ),
        ] {
            assert_eq!(
                ClientStateBuffer::can_wait(&delivery(xml)),
                can_wait,
                "{xml}"
            );
        }
    }

    #[test]
    fn holds_the_last_of_each_sender_in_its_place() {
        let mut client_state = ClientStateBuffer::default();
        for xml in [
            "<presence id='1' from='a@b/c'/>",
            "<presence id='2' from='a@b/d'/>",
            "<message id='3' from='a@b/c'><body>hi</body></message>",
            "<presence id='4' from='a@b/c' type='unavailable'/>",
            &format!("<message id='5' from='a@b/c'>{TYPING}</message>"),
            &format!("<message id='6' from='a@b/c'>{TYPING}</message>"),
        ] {
            client_state.hold(delivery(xml));
        }
        let bytes = client_state.bytes();
        client_state.tidy();
        assert_eq!((client_state.bytes(), client_state.len()), (bytes, 4));
        assert_eq!(held(client_state), ["2", "3", "4", "6"]);
    }

    #[test]
    fn exceeds_its_limits_by_places_and_by_bytes() {
        let mut client_state = ClientStateBuffer::default();
        let bounds = Bounds::new(100_000, 100);
        while !client_state.exceeds(bounds) {
            client_state.hold(delivery("<presence id='1' from='a@b/c'/>"));
        }
        assert_eq!(client_state.len(), 101);
        client_state.tidy();
        assert_eq!(client_state.len(), 1);
        let text = "x".repeat(100_000);
        client_state.hold(delivery(&format!(
            "<message id='2' from='a@b/c'><body>{text}</body></message>"
        )));
        assert!(client_state.exceeds(bounds));
    }
}
