//! The export `inbound`.

use std::time::Duration;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use super::{Call, Export, Outcome};
use crate::bindings::exports::waxwing::plugin::inbound::Verdict;
use crate::convert::stanza_error;
use crate::fault::Fault;
use crate::imports::stanzas::{HostStanza, payload};
use crate::instance::Instance;
use crate::limits::HOOK_CPU;

/// `filter`.
pub(crate) struct Filter(pub(crate) HostStanza);

/// What a hook decided, checked.
pub(crate) enum Judgement {
    Pass,
    Replace(Stanza),
    Drop,
    Bounce(StanzaError),
    Answer(Option<Element>),
}

impl Call for Filter {
    type Answer = Judgement;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        self.0.account()
    }

    fn export(&self) -> Export {
        Export::inbound
    }

    fn outcome(judgement: &Judgement) -> Outcome {
        match judgement {
            Judgement::Pass => Outcome::Pass,
            Judgement::Replace(_) => Outcome::Replace,
            Judgement::Drop => Outcome::Drop,
            Judgement::Bounce(error) => Outcome::Bounce(error.condition),
            Judgement::Answer(_) => Outcome::Answer,
        }
    }

    async fn make(self, instance: &mut Instance) -> Result<Judgement, Fault> {
        let is_request = self.0.stanza.is_request();
        let handle = instance.lend(self.0)?;
        let guest = instance.guests.inbound()?;
        let verdict = guest.call_filter(&mut instance.store, handle).await?;
        judge(verdict, is_request, instance)
    }
}

fn judge(verdict: Verdict, is_request: bool, instance: &mut Instance) -> Result<Judgement, Fault> {
    Ok(match verdict {
        Verdict::Pass => Judgement::Pass,
        Verdict::Drop => Judgement::Drop,
        Verdict::Bounce(error) => Judgement::Bounce(stanza_error(error)?),
        Verdict::Replace(draft) => {
            let draft = instance.store.data_mut().resources.delete(draft);
            let draft = draft.map_err(|error| Fault::Answer(error.to_string()))?;
            let stanza = Stanza::parse(draft.element);
            Judgement::Replace(
                stanza.map_err(|_| Fault::Answer("the draft is no valid stanza".to_owned()))?,
            )
        }
        Verdict::Answer(_) if !is_request => {
            return Err(Fault::Answer(
                "only an iq request can be answered".to_owned(),
            ));
        }
        Verdict::Answer(xml) => Judgement::Answer(payload(xml.as_deref())?),
    })
}
