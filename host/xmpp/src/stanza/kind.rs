//! The three kinds of stanza and their types.

use crate::content::ContentNamespace;
use crate::error::StreamCondition;
use waxwing_xml::ElementRef;

/// A kind of stanza (RFC 6120 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `<message/>`.
    Message,
    /// `<presence/>`.
    Presence,
    /// `<iq/>`.
    Iq,
}

impl Kind {
    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Presence => "presence",
            Self::Iq => "iq",
        }
    }

    /// The kind of a first-level element of a stream with that content, or the stream error that answers it.
    ///
    /// The content namespace of another kind of stream is invalid-namespace (RFC 6120 §4.8.3); all else that is no stanza is
    /// unsupported-stanza-type (§4.8.4).
    pub fn of(element: ElementRef<'_>, content: ContentNamespace) -> Result<Self, StreamCondition> {
        match ContentNamespace::from_name(element.ns()) {
            Some(found) if found == content => {
                Self::from_name(element.name()).ok_or(StreamCondition::UnsupportedStanzaType)
            }
            Some(_) => Err(StreamCondition::InvalidNamespace),
            None => Err(StreamCondition::UnsupportedStanzaType),
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Message, Self::Presence, Self::Iq]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The type of a message (RFC 6121 §5.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Outside a conversation. Also a message without a type or of an unknown one.
    Normal,
    /// In a conversation of two.
    Chat,
    /// In a room.
    Groupchat,
    /// An alert that expects no reply.
    Headline,
    /// An error that answers a message.
    Error,
}

/// The type of a presence (RFC 6121 §4.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PresenceType {
    /// No type: available.
    Available,
    /// No longer available.
    Unavailable,
    /// Asks for a subscription.
    Subscribe,
    /// Grants one.
    Subscribed,
    /// Ends one's own.
    Unsubscribe,
    /// Refuses or takes one back.
    Unsubscribed,
    /// A server asks for current presence.
    Probe,
    /// An error that answers a presence.
    Error,
}

/// The type of an iq (RFC 6120 §8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IqType {
    /// Asks.
    Get,
    /// Orders.
    Set,
    /// Answers.
    Result,
    /// Answers that it failed.
    Error,
}

/// A kind of stanza with its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// A message.
    Message(MessageType),
    /// A presence.
    Presence(PresenceType),
    /// An iq.
    Iq(IqType),
}

impl Type {
    /// The type that an attribute's value names; None where its kind must be answered with bad-request.
    pub fn of(kind: Kind, name: Option<&str>) -> Option<Self> {
        match kind {
            Kind::Message => Some(Self::Message(message(name))),
            Kind::Presence => presence(name).map(Self::Presence),
            Kind::Iq => iq(name?).map(Self::Iq),
        }
    }

    /// The kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::Presence(_) => Kind::Presence,
            Self::Iq(_) => Kind::Iq,
        }
    }

    /// The value of the attribute, with the default of RFC 6121 filled in: `normal`, or `available`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message(MessageType::Normal) => "normal",
            Self::Message(MessageType::Chat) => "chat",
            Self::Message(MessageType::Groupchat) => "groupchat",
            Self::Message(MessageType::Headline) => "headline",
            Self::Presence(PresenceType::Available) => "available",
            Self::Presence(PresenceType::Unavailable) => "unavailable",
            Self::Presence(PresenceType::Subscribe) => "subscribe",
            Self::Presence(PresenceType::Subscribed) => "subscribed",
            Self::Presence(PresenceType::Unsubscribe) => "unsubscribe",
            Self::Presence(PresenceType::Unsubscribed) => "unsubscribed",
            Self::Presence(PresenceType::Probe) => "probe",
            Self::Iq(IqType::Get) => "get",
            Self::Iq(IqType::Set) => "set",
            Self::Iq(IqType::Result) => "result",
            Self::Message(MessageType::Error)
            | Self::Presence(PresenceType::Error)
            | Self::Iq(IqType::Error) => "error",
        }
    }

    /// Whether it is an error, which is never answered.
    pub fn is_error(self) -> bool {
        matches!(
            self,
            Self::Message(MessageType::Error)
                | Self::Presence(PresenceType::Error)
                | Self::Iq(IqType::Error)
        )
    }
}

fn message(name: Option<&str>) -> MessageType {
    match name {
        Some("chat") => MessageType::Chat,
        Some("groupchat") => MessageType::Groupchat,
        Some("headline") => MessageType::Headline,
        Some("error") => MessageType::Error,
        _ => MessageType::Normal,
    }
}

fn presence(name: Option<&str>) -> Option<PresenceType> {
    Some(match name {
        None => PresenceType::Available,
        Some("unavailable") => PresenceType::Unavailable,
        Some("subscribe") => PresenceType::Subscribe,
        Some("subscribed") => PresenceType::Subscribed,
        Some("unsubscribe") => PresenceType::Unsubscribe,
        Some("unsubscribed") => PresenceType::Unsubscribed,
        Some("probe") => PresenceType::Probe,
        Some("error") => PresenceType::Error,
        Some(_) => return None,
    })
}

fn iq(name: &str) -> Option<IqType> {
    Some(match name {
        "get" => IqType::Get,
        "set" => IqType::Set,
        "result" => IqType::Result,
        "error" => IqType::Error,
        _ => return None,
    })
}
