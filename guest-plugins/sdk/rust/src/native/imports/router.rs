//! Sending stanzas (interface `router`).

use crate::bindings::lifecycle::waxwing::plugin::types::StanzaError;
use crate::native::world::{self, Sent, World};
use crate::native::xml;
use crate::{Element, jid};

pub use crate::bindings::lifecycle::waxwing::plugin::router::SendError;

/// Stanzas that a call may send.
const MAX_SENT: usize = 64;

/// Sends one stanza, which has `from` and `to`, when the call has returned.
pub fn send(stanza: &str) -> Result<(), SendError> {
    world::with(|world| {
        let stanza = outgoing(world, stanza)?;
        let to = stanza.attribute("to").map(str::to_owned);
        let to = to.ok_or_else(|| forbidden("no `to`"))?;
        queue(world, &stanza, &[to])
    })
}

/// Sends a stanza to each of the recipients, when the call has returned.
pub fn send_many(stanza: &str, recipients: &[String]) -> Result<(), SendError> {
    world::with(|world| {
        let stanza = outgoing(world, stanza)?;
        queue(world, &stanza, recipients)
    })
}

/// Sends an iq request when the call has returned. Its answer comes to the plugin's `ReplyHandler` under this token.
pub fn request(iq: &str, _seconds: u32) -> Result<u64, SendError> {
    world::with(|world| {
        let mut stanza = outgoing(world, iq)?;
        let subtype = stanza.attribute("type");
        if stanza.local() != "iq" || !matches!(subtype, Some("get" | "set")) {
            return Err(forbidden("it is no iq of type get or set"));
        }
        world.last_token = world.last_token.saturating_add(1);
        let token = world.last_token;
        stanza.set_attribute("id", Some(&format!("request-{token}")));
        let to = stanza.attribute("to").map(str::to_owned);
        let to = to.ok_or_else(|| forbidden("no `to`"))?;
        queue(world, &stanza, &[to])?;
        if let Some(sent) = world.call.sent.last_mut() {
            sent.token = Some(token);
        }
        Ok(token)
    })
}

/// Answers a request that a handler promised to answer later, when the call has returned.
pub fn answer(token: u64, reply: Result<Option<&str>, &StanzaError>) -> Result<bool, SendError> {
    world::with(|world| {
        if !world.grants.contains("router") {
            return Err(SendError::NotGranted);
        }
        if let Ok(Some(payload)) = reply {
            xml::parse(payload).map_err(SendError::Malformed)?;
        }
        let known = world.promised.contains(&token) || world.may_promise == Some(token);
        let answered = world.call.settled.iter().any(|(one, _)| *one == token);
        if answered || !known {
            return Ok(false);
        }
        let reply = reply.map(|payload| payload.map(str::to_owned));
        world
            .call
            .settled
            .push((token, reply.map_err(Clone::clone)));
        Ok(true)
    })
}

fn outgoing(world: &World, text: &str) -> Result<Element, SendError> {
    if !world.grants.contains("router") {
        return Err(SendError::NotGranted);
    }
    let stanza = xml::parse(text).map_err(SendError::Malformed)?;
    if !matches!(stanza.local(), "message" | "presence" | "iq") {
        return Err(SendError::Malformed("it is no stanza".to_owned()));
    }
    let from = stanza.attribute("from");
    let from = from.ok_or_else(|| forbidden("no `from`"))?;
    let domain = jid::domain(from);
    let is_server = jid::local(from).is_none() || world.grants.contains("router-as-accounts");
    if world.components.iter().any(|own| own == domain) || (world.serves(domain) && is_server) {
        Ok(stanza)
    } else {
        Err(forbidden("`from` is not this plugin's address"))
    }
}

fn queue(world: &mut World, stanza: &Element, recipients: &[String]) -> Result<(), SendError> {
    if world.call.sent.len().saturating_add(recipients.len()) > MAX_SENT {
        return Err(SendError::TooMany);
    }
    for to in recipients {
        if !jid::is_valid(to) {
            return Err(forbidden("a recipient is no JID"));
        }
        let mut stanza = stanza.clone();
        stanza.set_attribute("to", Some(to));
        world.call.sent.push(Sent {
            stanza,
            token: None,
        });
    }
    Ok(())
}

fn forbidden(what: &str) -> SendError {
    SendError::Forbidden(what.to_owned())
}
