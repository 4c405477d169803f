//! The import `router`, for plugins granted it: what a call sends is kept until it has returned.

use std::sync::Arc;

use waxwing_xml::Element;
use waxwing_xmpp::content::ContentNamespace;
use waxwing_xmpp::jid::{self, Jid};
use waxwing_xmpp::stanza::Stanza;

use crate::accounting::units::count;
use crate::instance::state::State;
use crate::model::effects::{LaterAnswer, Outgoing};
use crate::model::interfaces::Export;
use crate::model::request::NewRequest;
use crate::schedule::pending_requests::{MAX_WAITING, deadline};
use crate::wit::bindings::waxwing::plugin::router::{Host, SendError};
use crate::wit::bindings::waxwing::plugin::types;
use crate::wit::convert::stanza_error;
use crate::wit::xml::{parse, payload, reserved};

/// Stanzas that a call may send, each recipient counted.
const MAX_SENT: usize = 64;

type Answer<T> = wasmtime::Result<Result<T, SendError>>;

impl Host for State {
    fn send(&mut self, stanza: String) -> Answer<()> {
        self.charge()?;
        let sent = self.outgoing(&stanza).and_then(|stanza| {
            let to = stanza.to().cloned().ok_or_else(|| forbidden("no `to`"))?;
            self.queue(&stanza, [to])
        });
        Ok(self.counted(sent, 1))
    }

    fn send_many(&mut self, stanza: String, recipients: Vec<String>) -> Answer<()> {
        self.charge()?;
        let sent = self.outgoing(&stanza).and_then(|stanza| {
            let addresses: Result<Vec<Jid>, _> =
                recipients.iter().map(|to| jid::parse(to)).collect();
            let addresses = addresses.map_err(|_| forbidden("a recipient is no JID"))?;
            self.queue(&stanza, addresses)
        });
        Ok(self.counted(sent, recipients.len()))
    }

    fn request(&mut self, iq: String, seconds: u32) -> Answer<u64> {
        self.charge()?;
        let asked = self.ask(&iq, seconds);
        Ok(self.counted(asked, 1))
    }

    fn answer(
        &mut self,
        token: u64,
        reply: Result<Option<String>, types::StanzaError>,
    ) -> Answer<bool> {
        self.charge()?;
        if !self.is_granted("router") {
            return Ok(Err(SendError::NotGranted));
        }
        let reply = match reply {
            Ok(xml) => match payload(xml.as_deref()) {
                Ok(payload) => Ok(payload),
                Err(fault) => return Ok(Err(SendError::Malformed(fault.to_string()))),
            },
            Err(error) => Err(stanza_error(error)?),
        };
        let name = &self.plugin.manifest.name;
        let answered = self.call.answers.iter().any(|answer| answer.token == token);
        let owed = self.token == Some(token) || self.services.deferred.is_pending(token, name);
        if answered || !owed {
            return Ok(Ok(false));
        }
        self.call.answers.push(LaterAnswer { token, reply });
        Ok(Ok(true))
    }
}

impl State {
    /// Counts what was not sent.
    fn counted<T>(&self, sent: Result<T, SendError>, stanzas: usize) -> Result<T, SendError> {
        if sent.is_err() {
            self.plugin.counters.dropped.add(count(stanzas));
        }
        sent
    }

    fn ask(&mut self, iq: &str, seconds: u32) -> Result<u64, SendError> {
        if !self.plugin.exports.contains(Export::reply_handler) {
            return Err(forbidden(
                "without the export `reply-handler` no answer can come",
            ));
        }
        let mut element = self.sendable(iq)?;
        let id = request_id().ok_or_else(|| forbidden("the server has no random numbers"))?;
        element.set_attr("id", Some(&id));
        let stanza = checked(element)?;
        if !stanza.is_request() {
            return Err(forbidden("it is no iq of type get or set"));
        }
        self.may_send(&stanza)?;
        let (Some(from), Some(to)) = (stanza.from().cloned(), stanza.to().cloned()) else {
            return Err(forbidden("no `to`"));
        };
        let waiting = self.services.sent.count(&self.plugin.manifest.name);
        let asking = self.call.sends.iter().filter(|sent| sent.asked.is_some());
        if self.call.sends.len() >= MAX_SENT
            || waiting.saturating_add(asking.count()) >= MAX_WAITING
        {
            return Err(SendError::TooMany);
        }
        let token = self.services.tokens.next();
        let asked = NewRequest {
            token,
            from,
            to,
            host: self.host(),
            until: deadline(seconds),
        };
        self.call.sends.push(Outgoing {
            stanza,
            bypasses_hooks: false,
            asked: Some(asked),
        });
        Ok(token)
    }

    fn outgoing(&self, xml: &str) -> Result<Stanza, SendError> {
        let stanza = checked(self.sendable(xml)?)?;
        self.may_send(&stanza)?;
        Ok(stanza)
    }

    fn sendable(&self, xml: &str) -> Result<Element, SendError> {
        if !self.is_granted("router") {
            return Err(SendError::NotGranted);
        }
        parse(xml).map_err(SendError::Malformed)
    }

    fn may_send(&self, stanza: &Stanza) -> Result<(), SendError> {
        let from = stanza.from().ok_or_else(|| forbidden("no `from`"))?;
        if !self.speaks_for(from) {
            return Err(forbidden(&format!(
                "`from` is `{from}`, which is not this plugin's address"
            )));
        }
        match stanza.element().children().find_map(reserved) {
            Some(name) if !self.may_reserve(name, from) => Err(forbidden(&format!(
                "<{name}/> is the server's own; it takes the grant `reserved-elements`"
            ))),
            _ => Ok(()),
        }
    }

    /// A component marks and dates what passes through its own domain.
    fn may_reserve(&self, name: &str, from: &Jid) -> bool {
        self.is_granted("reserved-elements")
            || (matches!(name, "stanza-id" | "delay") && self.owns(from.domain().as_str()))
    }

    fn speaks_for(&self, address: &Jid) -> bool {
        let domain = address.domain().as_str();
        let is_server = address.node().is_none() || self.is_granted("router-as-accounts");
        self.owns(domain) || (self.services.serves(domain) && is_server)
    }

    /// Whether the plugin serves this domain as a component.
    fn owns(&self, domain: &str) -> bool {
        let name = &self.plugin.manifest.name;
        self.services.directory.is_component_of(domain, name)
    }

    fn queue(
        &mut self,
        stanza: &Stanza,
        recipients: impl IntoIterator<Item = Jid, IntoIter: ExactSizeIterator>,
    ) -> Result<(), SendError> {
        let recipients = recipients.into_iter();
        if self.call.sends.len().saturating_add(recipients.len()) > MAX_SENT {
            return Err(SendError::TooMany);
        }
        self.call.sends.extend(recipients.map(|to| {
            let mut stanza = stanza.clone();
            stanza.set_to(Arc::new(to));
            Outgoing {
                stanza,
                bypasses_hooks: false,
                asked: None,
            }
        }));
        Ok(())
    }
}

fn checked(element: Element) -> Result<Stanza, SendError> {
    Stanza::parse(element, ContentNamespace::Client).map_err(|_| {
        SendError::Malformed("it is no message, presence or iq as RFC 6120 §8 says".to_owned())
    })
}

fn forbidden(what: &str) -> SendError {
    SendError::Forbidden(what.to_owned())
}

/// Unguessable, so that only the recipient of a request can answer it.
fn request_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}
