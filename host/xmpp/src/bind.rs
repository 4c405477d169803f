//! Resource binding (RFC 6120 §7): what a client asks for, and what it is told, apart from the iq that carries both.

use crate::error::Condition;
use crate::jid::{self, FullJid};
use crate::ns;
use crate::stanza::{IqType, Stanza};
use waxwing_xml::Element;

/// A wish for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindRequest {
    /// The prepared resourcepart that the client asks for. None: the server takes one of its own, by
    /// [`crate::stream::random_resource`].
    pub resource: Option<String>,
}

impl BindRequest {
    /// Reads the iq that asks for binding (RFC 6120 §7.6, §7.7). Its payload is `<bind/>`.
    ///
    /// An empty `<resource/>` leaves the choice to the server: clients that have none to ask for send it. One that cannot be
    /// prepared does so too (§7.7.2.1: the server SHOULD make it conform rather than refuse it). Parts of it are not kept,
    /// since two clients that differ in an emoji alone would then take each other's place.
    ///
    /// # Errors
    /// Bad-request for an iq that is no set.
    pub fn read(request: &Stanza) -> Result<Self, Condition> {
        if request.iq_type() != Some(IqType::Set) {
            return Err(Condition::BadRequest);
        }
        let resource = request
            .payload()
            .and_then(|bind| bind.child("resource", ns::BIND))
            .and_then(|resource| jid::prepare_resource(&resource.text()).ok());
        Ok(Self { resource })
    }
}

/// What a client is told whose resource is bound.
pub fn bound(jid: &FullJid) -> Element {
    let address = Element::builder("jid", ns::BIND).text(jid.as_str()).build();
    Element::builder("bind", ns::BIND).child(address).build()
}
