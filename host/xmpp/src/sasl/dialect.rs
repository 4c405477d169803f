//! How the messages of an exchange are wrapped in elements.

use super::{Failure, Mechanism, base64};
use crate::ns;
use waxwing_xml::Element;

/// The elements through which SASL is offered and spoken. The machine of a stream reads and writes SASL through this alone.
///
/// [`Sasl1`] is the only one that is spoken so far. SASL2 (XEP-0388) is another: its elements are other ones in another
/// namespace, and its first message and its success carry more.
pub trait Dialect {
    /// The feature that offers mechanisms.
    fn offer(&self, mechanisms: &[Mechanism]) -> Element;

    /// The name of the mechanism that the first element asks for.
    fn mechanism<'e>(&self, first: &'e Element) -> Option<&'e str>;

    /// The message that the first element brings; None where the client waits to be asked for it.
    ///
    /// # Errors
    /// Incorrect-encoding or malformed-request.
    fn initial_response(&self, first: &Element) -> Result<Option<Vec<u8>>, Failure>;

    /// The message of a later element.
    ///
    /// # Errors
    /// As [`Dialect::initial_response`].
    fn response(&self, element: &Element) -> Result<Vec<u8>, Failure>;

    /// Asks for the client's next message, with one of ours unless the client speaks first.
    fn challenge(&self, message: Option<&[u8]>) -> Element;

    /// The end of an exchange that went well, with the mechanism's last message.
    fn success(&self, message: Option<&[u8]>) -> Element;

    /// The end of one that did not.
    fn failure(&self, failure: Failure) -> Element;
}

/// SASL as RFC 6120 §6.4 speaks it.
#[derive(Debug, Clone, Copy)]
pub struct Sasl1;

impl Dialect for Sasl1 {
    fn offer(&self, mechanisms: &[Mechanism]) -> Element {
        let names = mechanisms.iter().map(|mechanism| {
            Element::builder("mechanism", ns::SASL)
                .text(mechanism.name())
                .build()
        });
        Element::builder("mechanisms", ns::SASL)
            .children(names)
            .build()
    }

    fn mechanism<'e>(&self, first: &'e Element) -> Option<&'e str> {
        first.attr("mechanism")
    }

    fn initial_response(&self, first: &Element) -> Result<Option<Vec<u8>>, Failure> {
        base64::initial_response(&text(first)?)
    }

    fn response(&self, element: &Element) -> Result<Vec<u8>, Failure> {
        base64::response(&text(element)?)
    }

    fn challenge(&self, message: Option<&[u8]>) -> Element {
        with_message("challenge", message)
    }

    fn success(&self, message: Option<&[u8]>) -> Element {
        with_message("success", message)
    }

    fn failure(&self, failure: Failure) -> Element {
        let condition = Element::builder(failure.name(), ns::SASL).build();
        Element::builder("failure", ns::SASL)
            .child(condition)
            .build()
    }
}

fn with_message(name: &str, message: Option<&[u8]>) -> Element {
    let element = Element::builder(name, ns::SASL);
    match message {
        None => element.build(),
        Some(message) => element.text(&base64::encode(message)).build(),
    }
}

/// The character data of an element, which has no children.
fn text(element: &Element) -> Result<String, Failure> {
    if element.children().next().is_some() {
        return Err(Failure::MalformedRequest);
    }
    Ok(element.text().into_owned())
}
