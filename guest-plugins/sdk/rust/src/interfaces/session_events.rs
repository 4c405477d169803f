//! The interface `session-events`: sessions that are bound and end.

use crate::Plugin;

pub use crate::bindings::session_events::exports::waxwing::plugin::session_events::Session;

/// Is notified when sessions are bound and end (interface `session-events`, granted as `session-events`).
pub trait SessionEvents: Plugin {
    /// A resource was bound, now or before the plugin was loaded.
    fn bound(&self, session: &Session);

    /// A session ended.
    fn unbound(&self, _session: &Session) {}
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{Session, SessionEvents};
    use crate::harness::Harness;

    impl<P: SessionEvents> Harness<P> {
        /// Tells that a resource was bound, by its full JID.
        pub fn bound(&mut self, jid: &str, id: u64) -> Result<(), String> {
            let session = Session {
                jid: jid.to_owned(),
                id,
            };
            self.call(|plugin| plugin.bound(&session))
        }

        /// Tells that a session ended.
        pub fn unbound(&mut self, jid: &str, id: u64) -> Result<(), String> {
            let session = Session {
                jid: jid.to_owned(),
                id,
            };
            self.call(|plugin| plugin.unbound(&session))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_session_events {
    ($plugin:ty) => {
        impl $crate::bindings::session_events::exports::waxwing::plugin::session_events::Guest for Component {
            fn bound(session: $crate::Session) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::SessionEvents>::bound(plugin, &session)))
            }
            fn unbound(session: $crate::Session) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::SessionEvents>::unbound(plugin, &session)))
            }
        }
        $crate::bindings::session_events::export_session_events!(Component with_types_in $crate::bindings::session_events);
    };
}
