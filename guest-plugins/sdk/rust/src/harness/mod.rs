//! Running a plugin natively against scripted stanzas, without a server.
//!
//! ```
//! # use waxwing_plugin::prelude::*;
//! # struct Ping;
//! # impl Plugin for Ping {
//! #     fn manifest() -> Manifest {
//! #         Manifest::new("ping", "1.0.0", "answers pings").iq(IqFilter::get("urn:xmpp:ping", "ping").to_any_server())
//! #     }
//! #     fn init(_: Scope) -> Result<Self, String> {
//! #         Ok(Self)
//! #     }
//! # }
//! # impl IqHandler for Ping {
//! #     fn handle(&self, _: &Stanza) -> Answer {
//! #         Ok(None)
//! #     }
//! # }
//! use waxwing_plugin::harness::{Harness, Outcome};
//!
//! let mut ping = Harness::<Ping>::new().start()?;
//! let answer = ping.iq_from(
//!     "juliet@localhost/balcony",
//!     "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
//! );
//! assert_eq!(answer, "<iq type='result' id='1' from='localhost' to='juliet@localhost/balcony'/>");
//!
//! let elsewhere = ping.iq_from(
//!     "juliet@localhost/balcony",
//!     "<iq type='get' id='2' to='romeo@localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
//! );
//! assert_eq!(elsewhere, Outcome::NotAsked);
//! # Ok::<(), String>(())
//! ```
//!
//! The harness does what the host does: it fills in the configuration's defaults and refuses keys that the manifest does
//! not list, evaluates the manifest's filters, carries out a call's effects when it has returned, forgets them when it
//! panicked (which in a component is a trap), and then makes a new instance. Addresses in scripts are written prepared.

mod call;
mod effects;
pub(crate) mod outcome;
mod reply;
mod script;
mod settings;
mod stream;
mod subscriptions;

pub use crate::interfaces::auth_provider::harness::{Connection, auth_stream};
pub use crate::native::world::Published;
pub use outcome::{Outcome, Xml};
pub use script::Script;
pub use settings::Value;
pub use stream::{plain_stream, tls_stream};

use std::collections::HashMap;
use std::marker::PhantomData;

use crate::native::world::{self, World};
use crate::native::xml;
use crate::{Plugin, Scope, Stanza};
use subscriptions::Subscriptions;

/// The most that `save` may return, in bytes.
const MAX_STATE: usize = 1 << 20;

/// A plugin under test, with the host around it.
#[derive(Debug)]
pub struct Harness<P> {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) world: World,
    /// None after a panic: the next call makes a new one.
    pub(crate) plugin: Option<P>,
    /// Requests that the plugin promised to answer later.
    promised: HashMap<u64, Stanza>,
    /// Counts instances: what is kept for a stream is lost with its instance.
    pub(crate) instances: u64,
    /// The instance at the last reload.
    pub(crate) reloaded: u64,
}

impl<P: Plugin> Harness<P> {
    /// Begins a script: configuration, accounts, grants.
    #[expect(clippy::new_ret_no_self, reason = "a script has to be started")]
    pub fn new() -> Script<P> {
        Script::new(PhantomData)
    }

    fn begin(world: World) -> Result<Self, String> {
        let mut harness = Self {
            subscriptions: Subscriptions::of(P::manifest()),
            world,
            plugin: None,
            promised: HashMap::new(),
            instances: 0,
            reloaded: 0,
        };
        for name in harness.subscriptions.components() {
            let hosts = harness.world.hosts.iter();
            let domains = hosts.map(|host| format!("{name}.{host}"));
            harness.world.components.extend(domains);
        }
        let plugin = harness.make()?;
        call::tried(&mut harness.world, || plugin.started())?;
        harness.plugin = Some(plugin);
        Ok(harness)
    }

    fn make(&mut self) -> Result<P, String> {
        self.instances = self.instances.saturating_add(1);
        let hosts = self.world.hosts.clone();
        call::tried(&mut self.world, || P::init(Scope { hosts }))
    }

    /// Makes a call with an instance. The error is what a panic said.
    pub(crate) fn call<R>(&mut self, f: impl FnOnce(&P) -> R) -> Result<R, String> {
        let plugin = match self.plugin.take() {
            Some(plugin) => plugin,
            None => self.make()?,
        };
        let result = call::guarded(&mut self.world, || f(&plugin))?;
        self.plugin = Some(plugin);
        Ok(result)
    }

    /// Throws the instance away, as the host does after a trap: the next call makes a new one.
    pub fn forget_instance(&mut self) {
        self.plugin = None;
    }

    /// Replaces the plugin by itself, as the host does on a reload: a new instance, to which the old one's state are
    /// handed; if anything fails, the old one goes on, and the error says why.
    pub fn reload(&mut self) -> Result<(), String> {
        let version = P::manifest().into_wit().version;
        let saved = self.call(P::save)?;
        if saved.len() > MAX_STATE {
            return Err("saved more than 1 MiB".to_owned());
        }
        let new = self.make()?;
        call::tried(&mut self.world, || {
            if !saved.is_empty() {
                new.restore(&version, &saved)?;
            }
            new.started()
        })?;
        self.reloaded = self.instances;
        if let Some(old) = self.plugin.replace(new) {
            // A panic in the last call changes nothing any more.
            let _ = call::guarded(&mut self.world, || old.shutdown());
        }
        Ok(())
    }

    fn host_of(&self, jid: &str) -> String {
        let domain = crate::jid::domain(jid);
        let served = self.world.serves(domain).then_some(domain);
        served
            .or(self.world.hosts.first().map(String::as_str))
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn stamped(&self, sender: &str, xml: &str) -> Result<Stanza, String> {
        let mut element = xml::parse(xml)?;
        element.set_attribute("from", Some(sender));
        let addressed = element.attribute("to").filter(|to| self.world.serves(to));
        let host = self.host_of(addressed.unwrap_or(sender));
        let stanza = Stanza::new(&host, element);
        stanza.ok_or_else(|| "this is no message, presence or iq".to_owned())
    }
}

/// A stanza for testing functions that take one, on behalf of the sender's domain.
///
/// ```
/// let stanza = waxwing_plugin::harness::stanza("<message from='juliet@localhost/x'><body>hi</body></message>")?;
/// assert_eq!(stanza.body().as_deref(), Some("hi"));
/// # Ok::<(), String>(())
/// ```
pub fn stanza(xml: &str) -> Result<Stanza, String> {
    let element = xml::parse(xml)?;
    let host = element
        .attribute("from")
        .map_or("localhost", crate::jid::domain)
        .to_owned();
    Stanza::new(&host, element).ok_or_else(|| "this is no message, presence or iq".to_owned())
}

/// Calls a function with a scripted host's imports behind it, as in a call that returned: for testing parts of a plugin.
pub fn with_host<R>(f: impl FnOnce() -> R) -> R {
    let mut world = World::default();
    world::swap(&mut world);
    let result = f();
    world::swap(&mut world);
    result
}

/// From whom stanzas are that do not say it.
const SENDER: &str = "romeo@localhost/orchard";

/// A stanza on behalf of the receiving side's host.
pub(crate) fn arriving(host: &str, xml: &str) -> Result<Stanza, String> {
    let mut element = xml::parse(xml)?;
    if element.attribute("from").is_none() {
        element.set_attribute("from", Some(SENDER));
    }
    let stanza = Stanza::new(host, element);
    stanza.ok_or_else(|| "this is no message, presence or iq".to_owned())
}
