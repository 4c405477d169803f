//! The interface `plugin-events`: events of other plugins.

use crate::bindings::lifecycle::waxwing::plugin::manifest as wit;
use crate::{Manifest, Plugin};

pub use crate::bindings::plugin_events::exports::waxwing::plugin::plugin_events::Event;

/// Is notified of other plugins' events (interface `plugin-events`, granted as `plugin-events`).
pub trait PluginEvents: Plugin {
    /// An event that the manifest subscribes to.
    fn published(&self, event: &Event);
}

impl Manifest {
    /// Subscribes to the events of this name, of one plugin or of any.
    #[must_use]
    pub fn event(mut self, source: Option<&str>, name: &str) -> Self {
        let filter = wit::EventFilter {
            source: source.map(str::to_owned),
            name: name.to_owned(),
        };
        self.0.subscriptions.push(wit::Subscription::Event(filter));
        self
    }
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{Event, PluginEvents};
    use crate::harness::Harness;

    impl<P: PluginEvents> Harness<P> {
        /// Tells what a plugin of that name published; false if the manifest does not listen to it.
        pub fn event(
            &mut self,
            source: &str,
            name: &str,
            version: u32,
            data: &[u8],
        ) -> Result<bool, String> {
            if !self.subscriptions.event(source, name) {
                return Ok(false);
            }
            let event = Event {
                source: source.to_owned(),
                name: name.to_owned(),
                version,
                data: data.to_vec(),
            };
            self.call(|plugin| plugin.published(&event)).map(|()| true)
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_plugin_events {
    ($plugin:ty) => {
        impl $crate::bindings::plugin_events::exports::waxwing::plugin::plugin_events::Guest for Component {
            fn published(event: $crate::Event) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PluginEvents>::published(plugin, &event)))
            }
        }
        $crate::bindings::plugin_events::export_plugin_events!(Component with_types_in $crate::bindings::plugin_events);
    };
}
