//! A stanza handed to a plugin that may answer it: iq handlers and components.

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, StanzaError};
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::calls::context::Shared;
use crate::exports::{Call, Handled};
use crate::instance::plugin::Plugin;
use crate::model::effects::{After, failure};

/// What a handler answers to a request.
#[must_use]
#[derive(Debug)]
pub enum IqAnswer {
    /// No plugin serves it.
    Unhandled,
    /// A result with this payload, committed; then the server does what stands in the list.
    Result(Option<Element>, Vec<After>),
    /// An error.
    Error(StanzaError),
    /// Nothing now: it is answered later by itself, or is nothing that is answered. The server does what stands in the list.
    Done(Vec<After>),
}

impl Caller {
    /// Asks a handler, commits what it caused, then gives its answer.
    pub(crate) async fn ask_handler(
        &self,
        plugin: &Arc<Plugin>,
        scope: usize,
        about: About<'_>,
        call: impl Call<Answer = Handled>,
        stanza: &Stanza,
    ) -> IqAnswer {
        let Ok((handled, effects)) = self.call(plugin, scope, about, call).await else {
            return IqAnswer::Error(failure());
        };
        let Shared { owed, agenda, .. } = &*self.shared;
        let name = plugin.manifest.name.as_str();
        if let Handled::Later(token, seconds) = handled
            && !owed.add(agenda, token, name, stanza.clone(), seconds)
        {
            effects.roll_back(plugin);
            return IqAnswer::Error(failure());
        }
        match (self.commit(plugin, scope, effects).await, handled) {
            (Ok(after), Handled::Result(payload)) => IqAnswer::Result(payload, after),
            (Ok(_), Handled::Error(error)) => IqAnswer::Error(error),
            (Ok(_), Handled::Done) if stanza.is_request() => {
                IqAnswer::Error(StanzaError::new(Condition::ServiceUnavailable))
            }
            (Ok(after), Handled::Done | Handled::Later(..)) => IqAnswer::Done(after),
            (Err(refusal), Handled::Later(token, _)) => {
                owed.settled(agenda, token, name);
                IqAnswer::Error(refusal.into())
            }
            (Err(refusal), _) => IqAnswer::Error(refusal.into()),
        }
    }
}

impl Shared {
    /// Routes the answer to a stanza that a component was given by its event queue.
    pub(crate) fn answer_for_component(&self, stanza: &Stanza, answer: IqAnswer) {
        match answer {
            IqAnswer::Unhandled => self.component_is_gone(stanza),
            IqAnswer::Error(error) => self.answer(stanza, stanza.error_reply(&error)),
            IqAnswer::Result(payload, after) => {
                self.answer(stanza, Some(stanza.result_reply(payload)));
                self.services.follow(after);
            }
            IqAnswer::Done(after) => self.services.follow(after),
        }
    }

    /// Tells the sender of a stanza that the component is gone which it was queued for. Presence is dropped.
    pub(crate) fn component_is_gone(&self, stanza: &Stanza) {
        if stanza.kind() != waxwing_xmpp::stanza::Kind::Presence {
            let error = StanzaError::new(Condition::RemoteServerNotFound);
            self.answer(stanza, stanza.error_reply(&error));
        }
    }

    fn answer(&self, stanza: &Stanza, reply: Option<Element>) {
        if let (Some(reply), Some(asker)) = (reply, stanza.from()) {
            self.services.answer(asker, reply);
        }
    }
}
