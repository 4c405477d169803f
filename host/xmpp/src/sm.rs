//! Stream management (XEP-0198): what is said about it, and the counting of stanzas modulo 2^32.

use crate::error::{Condition, StreamCondition, StreamError};
use crate::ns;
use waxwing_xml::Element;

/// Asks the peer what it has handled.
pub const REQUEST: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

/// An element of stream management that a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nonza {
    /// Stanzas are counted from here on (§3).
    Enable(Enable),
    /// A session whose connection was lost is to go on (§5).
    Resume(Resume),
    /// What has been handled? (§4)
    Request,
    /// So many stanzas have been handled (§4).
    Ack(u32),
}

/// A wish for stream management.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enable {
    /// The stream is to be resumable.
    pub resume: bool,
    /// For so many seconds, if the client has a wish.
    pub max: Option<u32>,
}

/// A wish to resume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The id that the session was given. It is a secret of its account.
    pub previd: String,
    /// How many stanzas the client has handled.
    pub handled: u32,
}

/// Why a session does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotResumed {
    /// What the client is told.
    pub condition: Condition,
    /// How many of its stanzas were handled, where that is known.
    pub handled: Option<u32>,
}

impl From<Condition> for NotResumed {
    fn from(condition: Condition) -> Self {
        Self {
            condition,
            handled: None,
        }
    }
}

impl Nonza {
    /// Reads an element in the namespace of stream management.
    ///
    /// # Errors
    /// What is to be said of an element that is not one of these: the stream cannot go on, since nobody knows what was
    /// counted.
    pub fn read(element: &Element) -> Result<Self, StreamError> {
        let number = |name| {
            let value = element.attr(name)?;
            value.trim().parse::<u32>().ok()
        };
        match element.name() {
            "r" => Ok(Self::Request),
            "a" => number("h")
                .map(Self::Ack)
                .ok_or_else(|| malformed("an ack needs the attribute h")),
            "enable" => Ok(Self::Enable(Enable {
                resume: matches!(element.attr("resume"), Some("true" | "1")),
                max: number("max"),
            })),
            "resume" => match (element.attr("previd"), number("h")) {
                (Some(previd), Some(handled)) => Ok(Self::Resume(Resume {
                    previd: previd.to_owned(),
                    handled,
                })),
                _ => Err(malformed("a resumption needs the attributes previd and h")),
            },
            _ => Err(StreamCondition::UnsupportedStanzaType.into()),
        }
    }
}

fn malformed(text: &str) -> StreamError {
    StreamError::new(StreamCondition::BadFormat).with_text(text)
}

/// Stanzas are counted from here on. The id and the seconds are there if the stream can be resumed.
pub fn enabled(resumable: Option<(&str, u32)>) -> Element {
    let enabled = Element::builder("enabled", ns::SM);
    match resumable {
        None => enabled.build(),
        Some((id, seconds)) => enabled
            .attr("id", id)
            .attr("resume", "true")
            .attr("max", &seconds.to_string())
            .build(),
    }
}

/// The session goes on; so many of the client's stanzas were handled.
pub fn resumed(previd: &str, handled: u32) -> Element {
    Element::builder("resumed", ns::SM)
        .attr("h", &handled.to_string())
        .attr("previd", previd)
        .build()
}

/// It does not.
pub fn failed(why: &NotResumed) -> Element {
    let condition = Element::builder(why.condition.name(), ns::STANZA_ERRORS).build();
    let mut failed = Element::builder("failed", ns::SM);
    if let Some(handled) = why.handled {
        failed = failed.attr("h", &handled.to_string());
    }
    failed.child(condition).build()
}

/// So many of the client's stanzas were handled.
pub fn ack(handled: u32) -> Element {
    Element::builder("a", ns::SM)
        .attr("h", &handled.to_string())
        .build()
}

/// How many of the `outstanding` stanzas that were sent after `last` a new count of `handled` covers; counts go on at 0 after
/// 2^32-1.
///
/// # Errors
/// The end of the stream: the peer says that it has handled what it was not sent, or takes back what it said.
pub fn newly_handled(last: u32, handled: u32, outstanding: usize) -> Result<usize, StreamError> {
    let count = usize::try_from(handled.wrapping_sub(last)).unwrap_or(usize::MAX);
    if count <= outstanding {
        return Ok(count);
    }
    let sent = u32::try_from(outstanding).map_or(last, |count| last.wrapping_add(count));
    let too_high = Element::builder("handled-count-too-high", ns::SM)
        .attr("h", &handled.to_string())
        .attr("send-count", &sent.to_string())
        .build();
    let error = StreamError::new(StreamCondition::UndefinedCondition).with_application(too_high);
    Err(error.with_text("you acknowledge what you were not sent"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use waxwing_xml::Limits;

    fn read(xml: &str) -> Result<Nonza, StreamError> {
        Nonza::read(&Element::parse(xml.as_bytes(), ns::SM, &Limits::stanza()).unwrap())
    }

    #[test]
    fn reads_what_a_client_says() {
        assert_eq!(read("<r/>"), Ok(Nonza::Request));
        assert_eq!(read("<a h='4294967295'/>"), Ok(Nonza::Ack(u32::MAX)));
        let enable = |resume, max| Ok(Nonza::Enable(Enable { resume, max }));
        assert_eq!(read("<enable/>"), enable(false, None));
        assert_eq!(
            read("<enable resume='1' max='60'/>"),
            enable(true, Some(60))
        );
        assert_eq!(
            read("<enable resume='true' max='soon'/>"),
            enable(true, None)
        );
        let resume = Resume {
            previd: "x".to_owned(),
            handled: 7,
        };
        assert_eq!(
            read("<resume previd='x' h='7'/>"),
            Ok(Nonza::Resume(resume))
        );
    }

    #[test]
    fn refuses_what_cannot_be_counted() {
        for xml in [
            "<a/>",
            "<a h='-1'/>",
            "<a h='4294967296'/>",
            "<a h='one'/>",
            "<resume h='1'/>",
            "<resume previd='x'/>",
        ] {
            let error = read(xml).unwrap_err();
            assert_eq!(error.condition, StreamCondition::BadFormat, "{xml}");
        }
        let error = read("<sometimes/>").unwrap_err();
        assert_eq!(error.condition, StreamCondition::UnsupportedStanzaType);
    }

    #[test]
    fn counts_beyond_the_largest_number() {
        assert_eq!(newly_handled(0, 0, 0), Ok(0));
        assert_eq!(newly_handled(3, 5, 2), Ok(2));
        assert_eq!(newly_handled(u32::MAX, 0, 1), Ok(1));
        assert_eq!(newly_handled(u32::MAX - 1, 2, 9), Ok(4));
    }

    #[test]
    fn refuses_a_count_of_what_was_not_sent() {
        for (last, handled, outstanding) in [
            (0, 1, 0),
            (5, 8, 2),
            (5, 4, 3),
            (u32::MAX, 5, 5),
            (2, u32::MAX, 9),
        ] {
            let error = newly_handled(last, handled, outstanding).unwrap_err();
            assert_eq!(error.condition, StreamCondition::UndefinedCondition);
            let application = error.application.unwrap();
            assert!(application.is("handled-count-too-high", ns::SM));
            assert_eq!(application.attr("h"), Some(handled.to_string().as_str()));
        }
    }
}
