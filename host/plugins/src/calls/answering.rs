//! A stanza handed to a plugin that may answer it: iq handlers and components.

use waxwing_xml::Element;
use waxwing_xmpp::error::{Condition, StanzaError};
use waxwing_xmpp::stanza::{Kind, Stanza};

use crate::accounting::trace::About;
use crate::calls::caller::Caller;
use crate::calls::context::Context;
use crate::exports::Call;
use crate::instance::host_services::HostServices;
use crate::instance::loaded::Loaded;
use crate::instance::local_effects::roll_back;
use crate::model::effects::failure;
use crate::model::follow_up::FollowUp;
use crate::model::handled::Handled;

/// What a handler answers to a request.
#[must_use]
#[derive(Debug)]
pub enum IqAnswer {
    /// No plugin serves it.
    Unhandled,
    /// A result with this payload, committed; then the server does what stands in the list.
    Result(Option<Element>, Vec<FollowUp>),
    /// An error.
    Error(StanzaError),
    /// Nothing now: it is answered later by itself, or is nothing that is answered. The server does what stands in the
    /// list.
    Done(Vec<FollowUp>),
}

impl Caller {
    /// Asks a handler, commits what it caused, then gives its answer.
    pub(crate) async fn ask_handler(
        &self,
        plugin: &Loaded,
        scope: usize,
        about: About<'_>,
        call: impl Call<Answer = Handled>,
        stanza: &Stanza,
    ) -> IqAnswer {
        let Ok((handled, effects)) = self.call(plugin, scope, about, call).await else {
            return IqAnswer::Error(failure());
        };
        let HostServices {
            deferred,
            timer_queue,
            ..
        } = &*self.context.services;
        let name = plugin.manifest.name.as_str();
        if let Handled::Later(token, seconds) = handled
            && !deferred.add(timer_queue, token, name, stanza.clone(), seconds)
        {
            roll_back(effects, plugin);
            return IqAnswer::Error(failure());
        }
        match (self.commit(plugin, scope, effects).await, handled) {
            (Ok(follow_ups), Handled::Result(payload)) => IqAnswer::Result(payload, follow_ups),
            (Ok(_), Handled::Error(error)) => IqAnswer::Error(error),
            (Ok(_), Handled::Done) if stanza.is_request() => {
                IqAnswer::Error(StanzaError::new(Condition::ServiceUnavailable))
            }
            (Ok(follow_ups), Handled::Done | Handled::Later(..)) => IqAnswer::Done(follow_ups),
            (Err(refusal), Handled::Later(token, _)) => {
                deferred.take(timer_queue, token, name);
                IqAnswer::Error(refusal.into())
            }
            (Err(refusal), _) => IqAnswer::Error(refusal.into()),
        }
    }
}

/// Routes the answer to a stanza that a component got by its event queue.
pub(crate) fn answer_for_component(context: &Context, stanza: &Stanza, answer: IqAnswer) {
    match answer {
        IqAnswer::Unhandled => component_is_gone(context, stanza),
        IqAnswer::Error(error) => send_answer(context, stanza, stanza.error_reply(&error)),
        IqAnswer::Result(payload, follow_ups) => {
            send_answer(context, stanza, Some(stanza.result_reply(payload)));
            context.server().apply_follow_ups(follow_ups);
        }
        IqAnswer::Done(follow_ups) => context.server().apply_follow_ups(follow_ups),
    }
}

/// Answers a stanza that was queued for a component which is gone. Presence is dropped.
pub(crate) fn component_is_gone(context: &Context, stanza: &Stanza) {
    if stanza.kind() != Kind::Presence {
        let error = StanzaError::new(Condition::RemoteServerNotFound);
        send_answer(context, stanza, stanza.error_reply(&error));
    }
}

fn send_answer(context: &Context, stanza: &Stanza, reply: Option<Element>) {
    if let (Some(reply), Some(asker)) = (reply, stanza.from()) {
        context.server().answer(asker, reply);
    }
}
