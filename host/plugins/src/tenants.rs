//! Sessions as their providers know them: who was told that one came is told once that it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use waxwing_xmpp::jid::FullJid;

use crate::caller::Caller;
use crate::exports::roster_provider::Tell;
use crate::inlet::Inlet;
use crate::providing::Role;
use crate::shared::Shared;
use crate::trace::{About, account_of};

/// The sessions that providers were told of, by the sessions' ids.
#[derive(Default)]
pub(crate) struct Tenants {
    known: Mutex<HashMap<u64, Tenant>>,
    /// The last of them has gone, and its providers know.
    none: Notify,
}

/// The names of the plugins that were told of a session.
#[derive(Clone, Default)]
struct Tenant {
    rosters: Option<String>,
    /// It has ended, and they are being told.
    leaves: bool,
}

impl Tenants {
    /// Waits until no provider is left to be told of an end.
    pub(crate) async fn gone(&self) {
        loop {
            let told = self.none.notified();
            if !self.known.lock().values().any(|tenant| tenant.leaves) {
                return;
            }
            told.await;
        }
    }

    fn note(&self, id: u64, note: impl FnOnce(&mut Tenant)) {
        note(self.known.lock().entry(id).or_default());
    }

    /// Who is to be told that a session ends: once.
    fn leave(&self, id: u64) -> Option<Tenant> {
        let mut known = self.known.lock();
        if known.is_empty() {
            return None;
        }
        let tenant = known.get_mut(&id).filter(|tenant| !tenant.leaves)?;
        tenant.leaves = true;
        Some(tenant.clone())
    }

    fn forget(&self, id: u64) {
        self.known.lock().remove(&id);
        self.none.notify_waiters();
    }
}

impl Inlet {
    /// Tells the provider of the host's rosters, if there is one, that a session is bound; returns when it knows.
    pub async fn arrived(&self, session: &FullJid, id: u64) {
        let Some(shared) = self.shared() else { return };
        let provider = {
            let now = shared.registry.now();
            let provider = now.providers.at(Role::Rosters, session.domain().as_str());
            provider.map(|plugin| plugin.manifest.name.clone())
        };
        let Some(name) = provider else { return };
        let jid = session.to_string();
        shared
            .tenants
            .note(id, |tenant| tenant.rosters = Some(name.clone()));
        let told = shared.asks.in_turn(account_of(&jid), &name.clone(), {
            let jid = jid.clone();
            async move |caller| caller.tell_rosters(&name, jid, id, true).await
        });
        // Only a platform that stops answers nothing.
        drop(told.await);
    }

    /// Tells the providers that know a session that it has ended, after everybody else was told.
    pub fn departed(&self, session: &FullJid, id: u64) {
        let Some(shared) = self.shared() else { return };
        let Some(tenant) = shared.tenants.leave(id) else {
            return;
        };
        let jid = session.to_string();
        let account = account_of(&jid).to_owned();
        drop(
            shared
                .asks
                .in_turn(&account, "unbind", async move |caller| {
                    if let Some(name) = &tenant.rosters {
                        caller.tell_rosters(name, jid, id, false).await;
                    }
                    caller.shared.tenants.forget(id);
                }),
        );
    }

    /// Waits until the providers know of all ends of this account's sessions so far.
    pub async fn all_departed(&self, account: &str) {
        let Some(shared) = self.shared() else { return };
        if shared.tenants.known.lock().is_empty() {
            return;
        }
        let passed = shared.asks.in_turn(account, "unbind", async |_| ());
        drop(passed.await);
    }
}

impl Caller {
    /// Tells a provider of rosters that a session came or went; one that is gone itself need not know.
    async fn tell_rosters(&self, name: &str, jid: String, id: u64, is_bound: bool) {
        let Some(plugin) = self.shared.provider(name, Role::Rosters) else {
            return;
        };
        let about = jid.clone();
        let host = jid::domain(&about);
        let call = Tell { jid, id, is_bound };
        // The log has the fault.
        drop(
            self.ask_provider(&plugin, host, About::Account(&about), call)
                .await,
        );
    }
}

mod jid {
    /// The domain in a full JID's text.
    pub(super) fn domain(jid: &str) -> &str {
        let bare = super::account_of(jid);
        bare.split_once('@').map_or(bare, |(_, domain)| domain)
    }
}

impl Shared {
    /// A plugin that may serve in that role, in the version that serves now.
    fn provider(&self, name: &str, role: Role) -> Option<Arc<crate::plugin::Plugin>> {
        let now = self.registry.now();
        let plugin = now.plugin(name)?;
        plugin.priority_as(role).map(|_| Arc::clone(plugin))
    }
}
