//! The script: what the host around the plugin has.

use std::marker::PhantomData;
use std::time::Duration;

use super::Harness;
use super::settings::{self, Value};
use crate::Plugin;
use crate::http_client::{HttpError, Request, Response};
use crate::log::Level;
use crate::metrics::Figure;
use crate::native::world::{Setting, World};

/// What the host around a plugin has before the plugin starts: made by [`Harness::new`].
#[derive(Debug)]
pub struct Script<P> {
    world: World,
    config: Vec<(String, Setting)>,
    refused: Vec<String>,
    plugin: PhantomData<P>,
}

impl<P: Plugin> Script<P> {
    pub(super) fn new(plugin: PhantomData<P>) -> Self {
        Self {
            world: World::default(),
            config: Vec::new(),
            refused: Vec::new(),
            plugin,
        }
    }

    /// Sets a key of the plugin's configuration; dots go into sub-tables.
    #[must_use]
    pub fn config(mut self, key: &str, value: impl Into<Value>) -> Self {
        let Value(value) = value.into();
        self.config.push((key.to_owned(), value));
        self
    }

    /// The domains served, instead of `localhost`.
    #[must_use]
    pub fn hosts(mut self, hosts: &[&str]) -> Self {
        self.world.hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        self
    }

    /// An account that is there, by its bare JID.
    #[must_use]
    pub fn account(mut self, jid: &str, password: &str) -> Self {
        let accounts = &mut self.world.accounts;
        accounts.insert(jid.to_owned(), password.to_owned());
        self
    }

    /// An administrator of a domain, by its bare JID: the operator's `admins`.
    #[must_use]
    pub fn admin(mut self, host: &str, account: &str) -> Self {
        let admin = (host.to_lowercase(), account.to_lowercase());
        self.world.admins.insert(admin);
        self
    }

    /// A contact in the roster that the server keeps of an account.
    #[must_use]
    pub fn contact(mut self, account: &str, contact: crate::Contact) -> Self {
        let roster = self.world.rosters.entry(account.to_owned()).or_default();
        roster.insert(contact.jid.clone(), contact);
        self
    }

    /// The operator does not grant what the manifest asks for.
    #[must_use]
    pub fn refuse(mut self, grant: &str) -> Self {
        self.refused.push(grant.to_owned());
        self
    }

    /// A feature that the host or another plugin announces.
    #[must_use]
    pub fn feature(mut self, feature: &str) -> Self {
        self.world.features.push(feature.to_owned());
        self
    }

    /// A feature of accounts that another plugin announces.
    #[must_use]
    pub fn account_feature(mut self, feature: &str) -> Self {
        self.world.account_features.push(feature.to_owned());
        self
    }

    /// A node that the host or another plugin has.
    #[must_use]
    pub fn node(mut self, node: crate::DiscoNode) -> Self {
        self.world.nodes.push(node);
        self
    }

    /// Answers the plugin's HTTP requests. It must not call the plugin's imports.
    #[must_use]
    pub fn http(
        mut self,
        answer: impl FnMut(&Request) -> Result<Response, HttpError> + 'static,
    ) -> Self {
        self.world.http.0 = Some(Box::new(answer));
        self
    }

    /// Where the random bytes begin, instead of always at the same place.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.world.seed = seed;
        self
    }

    /// Checks the configuration against the manifest, and makes an instance. The error is the host's or the plugin's.
    pub fn start(mut self) -> Result<Harness<P>, String> {
        let manifest = P::manifest();
        self.world.config = settings::check(manifest.as_wit(), self.config)?;
        let asked = manifest.as_wit().asks.iter();
        let granted = asked.filter(|grant| !self.refused.contains(grant));
        self.world.grants = granted.cloned().collect();
        self.world
            .features
            .extend_from_slice(&manifest.as_wit().features);
        let account_features = &manifest.as_wit().account_features;
        self.world
            .account_features
            .extend_from_slice(account_features);
        self.world.account_features.sort();
        self.world.account_features.dedup();
        self.world.nodes.extend_from_slice(&manifest.as_wit().nodes);
        self.world.features.sort();
        self.world.features.dedup();
        Harness::begin(self.world)
    }
}

/// What the host around the plugin has now.
impl<P: Plugin> Harness<P> {
    /// The password of an account; none if there is no such account.
    pub fn password(&self, account: &str) -> Option<&str> {
        self.world.accounts.get(account).map(String::as_str)
    }

    /// The bare JIDs of all accounts, sorted.
    pub fn accounts(&self) -> Vec<&str> {
        self.world.accounts.keys().map(String::as_str).collect()
    }

    /// How many keys the plugin's memory has.
    pub fn remembered(&self) -> usize {
        let entries = self.world.memory.values();
        entries.filter(|entry| self.world.lives(entry)).count()
    }

    /// A figure of the plugin's own; none if it never counted or set it.
    pub fn figure(&self, name: &str) -> Option<Figure> {
        self.world.figures.get(name).copied()
    }

    /// The lines that the plugin wrote to the log.
    pub fn logged(&self) -> &[(Level, String)] {
        &self.world.logged
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.world.elapsed = self.world.elapsed.saturating_add(milliseconds);
    }
}
