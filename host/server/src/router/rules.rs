//! Who is given a stanza for a local account (RFC 6121 §8.5), as pure functions.
//!
//! Where the standard leaves a choice: messages to the account go to its most available resources, ties included; what
//! nobody takes is kept, or comes back as service-unavailable, as for an account that does not exist (RFC 6120 §13.10.2);
//! headlines are dropped rather than answered.

use waxwing_xmpp::stanza::{IqType, MessageType, PresenceType};

/// What the address of a stanza for a local account hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressMatch {
    /// The account itself, by its bare JID.
    Account,
    /// A resource that is there.
    Resource,
    /// A resource that is not there.
    NoResource,
}

/// What is done with a stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// The addressed resource gets it.
    Resource,
    /// The available resources of the highest priority get it.
    MostAvailable,
    /// All available resources whose priority is not negative get it.
    NonNegative,
    /// All available resources get it.
    Available,
    /// The server answers on behalf of the account.
    Account,
    /// It is kept until a resource becomes available (XEP-0160); where that cannot be, it is bounced.
    Keep,
    /// It goes back to the sender as service-unavailable.
    Bounce,
    /// It is dropped, in silence.
    Ignore,
}

/// For a message, where `best` is the highest priority among the account's available resources (RFC 6121 §8.5.4, table 1).
pub(crate) fn message(kind: MessageType, address: AddressMatch, best: Option<i8>) -> Verdict {
    let taken = best.is_some_and(|priority| priority >= 0);
    match (kind, address) {
        (_, AddressMatch::Resource) => Verdict::Resource,
        (MessageType::Headline, AddressMatch::Account) if taken => Verdict::NonNegative,
        (MessageType::Headline | MessageType::Error, _) => Verdict::Ignore,
        (MessageType::Chat, _) | (MessageType::Normal, AddressMatch::Account) if taken => {
            Verdict::MostAvailable
        }
        (MessageType::Chat, _) | (MessageType::Normal, AddressMatch::Account) => Verdict::Keep,
        (MessageType::Normal | MessageType::Groupchat, _) => Verdict::Bounce,
    }
}

/// For a presence stanza (RFC 6121 §8.5.2.1.2, §8.5.3.1, §8.5.3.2.2). Without rosters nobody can be subscribed: requests are
/// dropped in silence, as for an account that does not exist (§8.5.1), and probes are answered by the account.
pub(crate) fn presence(kind: PresenceType, address: AddressMatch) -> Verdict {
    match (kind, address) {
        (
            PresenceType::Available | PresenceType::Unavailable | PresenceType::Error,
            AddressMatch::Resource,
        ) => Verdict::Resource,
        (PresenceType::Available | PresenceType::Unavailable, AddressMatch::Account) => {
            Verdict::Available
        }
        (PresenceType::Probe, _) => Verdict::Account,
        _ => Verdict::Ignore,
    }
}

/// For an iq (RFC 6121 §8.5.2.1.3, §8.5.3.1, §8.5.3.2.3).
pub(crate) fn iq(kind: IqType, address: AddressMatch) -> Verdict {
    match (kind, address) {
        (_, AddressMatch::Resource) => Verdict::Resource,
        (IqType::Get | IqType::Set, AddressMatch::Account) => Verdict::Account,
        (IqType::Get | IqType::Set, AddressMatch::NoResource) => Verdict::Bounce,
        (IqType::Result | IqType::Error, _) => Verdict::Ignore,
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
