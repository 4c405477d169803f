//! The export `pre-auth`.

use std::net::IpAddr;
use std::time::Duration;

use waxwing_xml::Element;

use super::{Call, Export, Handled, Outcome};
use crate::engine::limits::{HOOK_CPU, REQUEST_CPU};
use crate::fault::Fault;
use crate::imports::stanzas::{HostStanza, parse, payload};
use crate::instance::Instance;
use crate::instance::plugin::Plugin;
use crate::wit::bindings::exports::waxwing::plugin::pre_auth as wit;
use crate::wit::convert::stanza_error;

/// A stream that has not authenticated.
#[derive(Clone, Debug)]
pub struct PreAuthStream {
    /// Unguessable, the same for all calls about one connection.
    pub id: String,
    /// The served domain that the client named.
    pub host: String,
    /// The version of TLS; none in plain text.
    pub tls: Option<TlsVersion>,
    /// The port begins with TLS (XEP-0368).
    pub direct_tls: bool,
    /// How many requests of this connection plugins were asked before.
    pub requests: u32,
    /// The client's address.
    pub address: IpAddr,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// `features`.
pub(crate) struct Features(pub(crate) wit::PreAuthStream);

/// `handle`.
pub(crate) struct Handle(pub(crate) wit::PreAuthStream, pub(crate) HostStanza);

impl Call for Features {
    type Answer = Vec<Element>;

    const BUDGET: Duration = HOOK_CPU;

    fn key(&self) -> Option<String> {
        Some(self.0.id.clone())
    }

    fn export(&self) -> Export {
        Export::pre_auth
    }

    async fn make(self, instance: &mut Instance) -> Result<Vec<Element>, Fault> {
        instance.begin();
        let guest = instance.guests.pre_auth()?;
        let features = guest.call_features(&mut instance.store, &self.0).await?;
        features
            .iter()
            .map(|xml| parse(xml).map_err(Fault::Answer))
            .collect()
    }
}

impl Call for Handle {
    type Answer = Handled;

    const BUDGET: Duration = REQUEST_CPU;

    fn key(&self) -> Option<String> {
        Some(self.0.id.clone())
    }

    fn export(&self) -> Export {
        Export::pre_auth
    }

    fn outcome(handled: &Handled) -> Outcome {
        handled.outcome()
    }

    async fn make(self, instance: &mut Instance) -> Result<Handled, Fault> {
        let handle = instance.lend(self.1);
        let guest = instance.guests.pre_auth()?;
        let answer = guest.call_handle(&mut instance.store, &self.0, handle);
        Ok(match answer.await? {
            Ok(xml) => Handled::Result(payload(xml.as_deref())?),
            Err(error) => Handled::Error(stanza_error(error)?),
        })
    }
}

/// What a plugin is told of a stream: its address only by grant.
pub(crate) fn record(stream: &PreAuthStream, plugin: &Plugin) -> wit::PreAuthStream {
    wit::PreAuthStream {
        id: stream.id.clone(),
        host: stream.host.clone(),
        tls: stream.tls.map(|version| match version {
            TlsVersion::Tls12 => wit::TlsVersion::Tls12,
            TlsVersion::Tls13 => wit::TlsVersion::Tls13,
        }),
        loopback: stream.address.is_loopback(),
        transport: if stream.direct_tls {
            wit::Transport::DirectTls
        } else {
            wit::Transport::Starttls
        },
        requests: stream.requests,
        address: plugin
            .grants
            .contains("address")
            .then(|| stream.address.to_string()),
    }
}
