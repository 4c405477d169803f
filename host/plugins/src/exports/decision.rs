//! What a hook may decide about a stanza, checked. Each hook point allows some of it.

use wasmtime::component::Resource;
use waxwing_xml::Element;
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::outcome::Outcome;
use crate::wit::resources::HostDraft;
use crate::wit::xml::payload;

/// What a hook decided. Nearly always that is `Pass`: what comes with the others is in a box, so that this is small.
pub(crate) enum Decision {
    Pass,
    Replace(Box<Stanza>),
    Drop,
    Bounce(Box<StanzaError>),
    Answer(Option<Element>),
    /// The plugin takes care of the stanza.
    Handled,
}

impl Decision {
    pub(crate) const fn outcome(&self) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Replace(_) => Outcome::Replace,
            Self::Drop => Outcome::Drop,
            Self::Bounce(error) => Outcome::Bounce(error.condition),
            Self::Answer(_) => Outcome::Answer,
            Self::Handled => Outcome::Done,
        }
    }
}

/// The verdict `replace`. The guest loses the draft.
pub(super) fn replaced(
    draft: Resource<HostDraft>,
    instance: &mut Instance,
) -> Result<Decision, Fault> {
    let draft = instance.store.data_mut().resources.delete(draft);
    let draft = draft.map_err(|error| Fault::Answer(error.to_string()))?;
    let stanza = Stanza::parse(draft.element, ContentNamespace::Client);
    let stanza = stanza.map_err(|_| Fault::Answer("the draft is no valid stanza".to_owned()))?;
    Ok(Decision::Replace(Box::new(stanza)))
}

/// The verdict `answer`, which only a request may get.
pub(super) fn answered(xml: Option<&str>, is_request: bool) -> Result<Decision, Fault> {
    if !is_request {
        let why = "only an iq request can be answered";
        return Err(Fault::Answer(why.to_owned()));
    }
    Ok(Decision::Answer(payload(xml)?))
}
