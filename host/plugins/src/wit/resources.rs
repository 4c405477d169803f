//! The resources that guests hold handles to: a stanza lent for a call, elements, and drafts of changed stanzas. Their
//! methods are the import `stanzas`.
#![expect(
    unreachable_pub,
    reason = "the generated bindings re-export the types of the resources"
)]

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::stanza::{Kind, Stanza};

/// A stanza lent to a guest for a call. A clone for the next hook's is one count more.
#[derive(Clone)]
pub struct HostStanza(Arc<Lent>);

struct Lent {
    stanza: Stanza,
    host: Arc<str>,
}

impl HostStanza {
    /// A stanza that is handled on behalf of a served domain.
    pub(crate) fn new(stanza: Stanza, host: Arc<str>) -> Self {
        Self(Arc::new(Lent { stanza, host }))
    }

    pub(crate) fn stanza(&self) -> &Stanza {
        &self.0.stanza
    }

    pub(crate) fn host(&self) -> &Arc<str> {
        &self.0.host
    }

    /// The stanza, without a copy if no other hook has it.
    pub(crate) fn into_stanza(self) -> Stanza {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.stanza.clone(), |lent| lent.stanza)
    }

    /// The bare JID of the account on whose behalf the stanza is handled.
    pub(crate) fn account(&self) -> Option<String> {
        let jid = self.stanza().from().or_else(|| self.stanza().to())?;
        Some(jid.to_bare().to_string())
    }
}

/// An element that a guest holds.
pub struct HostElement(pub(crate) Element);

/// A changed copy of a stanza that a guest prepares.
pub struct HostDraft {
    pub(crate) kind: Kind,
    pub(crate) element: Element,
}
