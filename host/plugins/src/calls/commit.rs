//! What a call caused is committed when it has returned, and then carried out.

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::error::StanzaError;
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::units::count;
use crate::calls::announcements;
use crate::calls::context::Context;
use crate::instance::local_effects::{apply_local, roll_back};
use crate::instance::plugin::Plugin;
use crate::model::effects::{AccountEffect, Caused, Effects, LaterAnswer, Outgoing, Refusal};
use crate::model::follow_up::FollowUp;
use crate::model::services::{SentStanza, Services};

/// Commits what a call caused, whose changes to accounts need no veto, and carries it out. Gives what the server is to
/// do after the call was answered.
pub(crate) async fn commit(
    context: &Context,
    plugin: &Plugin,
    scope: usize,
    mut effects: Effects,
) -> Result<Vec<FollowUp>, Refusal> {
    if effects.is_local() {
        apply_local(&mut effects, plugin);
        return Ok(Vec::new());
    }
    if let Err(refusal) = commit_lasting(&mut effects, context.server()).await {
        roll_back(effects, plugin);
        return Err(refusal);
    }
    apply_local(&mut effects, plugin);
    Ok(release(context, plugin, scope, effects))
}

/// Commits what has to last: the plugin's data, then accounts, in their order. The plugin's own data comes first, since
/// it may be refused, by a quota; accounts were reserved. What a provider did is done; of an account that it removed
/// the server's own record goes too.
pub(crate) async fn commit_lasting(
    effects: &mut Effects,
    server: &dyn Services,
) -> Result<(), Refusal> {
    let Some(caused) = effects.caused_mut() else {
        return Ok(());
    };
    if let Some(batch) = caused.writes.take() {
        server.plugin_data()?.commit(batch).await?;
    }
    let Caused {
        accounts,
        provided,
        follow_ups,
        ..
    } = caused;
    for (index, effect) in accounts.iter().enumerate() {
        let is_provided = provided.contains(&index);
        match effect {
            AccountEffect::Remove { account } => {
                server.remove_account(account).await?;
                follow_ups.push(FollowUp::EndSessions {
                    account: account.clone(),
                });
            }
            AccountEffect::Create { account, .. } if is_provided => {
                server.adopt_account(account).await?;
            }
            AccountEffect::SetPassword { .. } if is_provided => {}
            AccountEffect::Create { account, password } => {
                server.create_account(account, password).await?;
            }
            AccountEffect::SetPassword { account, password } => {
                server.set_password(account, password).await?;
            }
        }
    }
    Ok(())
}

/// Carries out what a call caused, once all of it that lasts is committed. Gives what the server is to do afterwards.
pub(crate) fn release(
    context: &Context,
    plugin: &Plugin,
    scope: usize,
    effects: Effects,
) -> Vec<FollowUp> {
    let services = &context.services;
    let effects = effects.into_caused();
    let name = plugin.manifest.name.as_str();
    let depth = effects.depth.saturating_add(1);
    let scope = plugin.scopes.get(scope);
    let host = scope.and_then(|scope| scope.hosts.first());
    let host: Arc<str> = services.host(host.map_or("", String::as_str));
    for effect in &effects.accounts {
        announcements::account(context, effect.event(), effect.account().as_str(), depth);
    }
    for event in &effects.published {
        announcements::published(context, plugin, event, &host, depth);
    }
    let timers = &services.timers;
    timers.apply(&services.timer_queue, name, &host, effects.timers);
    plugin.counters.sent.add(count(effects.sends.len()));
    for outgoing in effects.sends {
        let Outgoing {
            stanza,
            bypasses_hooks,
            asked,
        } = outgoing;
        if let (Some(asked), Some(id)) = (&asked, stanza.id()) {
            services.sent.add(&services.timer_queue, id, asked, name);
        }
        services.server.route(SentStanza {
            stanza,
            bypasses_hooks,
        });
    }
    for LaterAnswer { token, reply } in effects.answers {
        if let Some(deferred) = services.deferred.take(&services.timer_queue, token, name) {
            answer_request(&*services.server, &deferred.request, reply);
        }
    }
    effects.follow_ups
}

/// Answers a request whose answer was put off.
pub(crate) fn answer_request(
    server: &dyn Services,
    request: &Stanza,
    reply: Result<Option<Element>, StanzaError>,
) {
    let reply = match reply {
        Ok(payload) => Some(request.result_reply(payload)),
        Err(error) => request.error_reply(&error),
    };
    if let (Some(reply), Some(asker)) = (reply, request.from()) {
        server.answer(asker, reply);
    }
}
