//! The export `pre-auth`.

use std::time::Duration;

use waxwing_xml::Element;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::plugin::Plugin;
use crate::instance::store::Instance;
use crate::model::asked_limits::HOOK_CPU;
use crate::model::asked_limits::REQUEST_CPU;
use crate::model::handled::Handled;
use crate::model::interfaces::Export;
use crate::model::outcome::Outcome;
use crate::model::pre_auth_stream::{PreAuthStream, TlsVersion};
use crate::wit::bindings::exports::waxwing::plugin::pre_auth as wit;
use crate::wit::convert::stanza_error;
use crate::wit::resources::HostStanza;
use crate::wit::xml::parse;
use crate::wit::xml::payload;

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

/// The record of a stream for a plugin; the address only with the grant `address`.
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
