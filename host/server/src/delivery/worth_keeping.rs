//! Which messages are stored for an account that is offline.

use waxwing_xmpp::{
    ns,
    stanza::{MessageType, Stanza, Type},
};

/// Whether a message may go into the spool. One that carries nothing but chat states (XEP-0085) may not (XEP-0160 §3), nor one
/// whose sender forbids it (XEP-0334).
pub(crate) fn is_worth_keeping(stanza: &Stanza) -> bool {
    let element = stanza.element();
    let hint = |name| element.child(name, ns::HINTS).is_some();
    if hint("no-store") || hint("no-permanent-store") {
        return false;
    }
    let of_the_moment = |ns: &str| ns == ns::CHAT_STATES || ns == ns::HINTS;
    let mut children = element.children();
    hint("store") || children.any(|child| !of_the_moment(child.ns()) && child.name() != "thread")
}

/// Whether a message may be put into the spool while it is on its way: what it says lasts, and another session of its account could be
/// given it.
pub(crate) fn can_be_spooled(stanza: &Stanza) -> bool {
    let lasts = matches!(
        stanza.typed(),
        Type::Message(MessageType::Chat | MessageType::Normal)
    );
    lasts && is_worth_keeping(stanza)
}
