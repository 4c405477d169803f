//! Between the generated bindings and the traits, in a component.

use std::cell::OnceCell;

use crate::log;

/// Where an instance of the component keeps its plugin. A guest has one thread.
pub struct PluginCell<P>(OnceCell<P>);

impl<P> Default for PluginCell<P> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<P> PluginCell<P> {
    /// Keeps the plugin that `init` made. The host calls `init` once in an instance; a second plugin is not kept.
    pub fn fill(&self, plugin: P) {
        drop(self.0.set(plugin));
    }

    /// Lends the plugin. The host calls nothing else before `init`: a call all the same is a trap.
    pub fn lend<R>(&self, f: impl FnOnce(&P) -> R) -> R {
        match self.0.get() {
            Some(plugin) => f(plugin),
            None => std::process::abort(),
        }
    }
}

/// A panic is a trap without words: this writes the words to the log first.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        log::write(log::Level::Error, &panic.to_string());
    }));
}

/// Makes the component from a plugin and the traits that it implements: `plugin!(MyPlugin: Inbound, IqHandler);`
///
/// Natively it makes nothing and only looks whether the traits are there: a [`Harness`](crate::harness::Harness) calls
/// the plugin itself.
#[macro_export]
macro_rules! plugin {
    ($plugin:ty $(: $($interface:ident),+ $(,)?)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            $crate::__component!($plugin $(: $($interface),+)?);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            $crate::__serves::<$plugin, _>(<$plugin as $crate::Plugin>::init);
            $($($crate::__interface_check!($interface, $plugin);)+)?
        };
    };
}

/// Names a plugin's entry point, so that it counts as used.
#[doc(hidden)]
pub const fn __serves<P, F: Copy>(_: F) {}

#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($plugin:ty $(: $($interface:ident),+)?) => {
            struct Component;

            ::std::thread_local! {
                static PLUGIN: $crate::PluginCell<$plugin> = $crate::PluginCell::default();
            }

            impl $crate::bindings::lifecycle::exports::waxwing::plugin::lifecycle::Guest for Component {
                fn describe() -> $crate::bindings::lifecycle::waxwing::plugin::manifest::PluginManifest {
                    $crate::report_panics();
                    <$plugin as $crate::Plugin>::manifest().into_wit()
                }

                fn init(scope: $crate::Scope) -> ::std::result::Result<(), ::std::string::String> {
                    $crate::report_panics();
                    let plugin = <$plugin as $crate::Plugin>::init(scope)?;
                    PLUGIN.with(|slot| slot.fill(plugin));
                    ::std::result::Result::Ok(())
                }

                fn started() -> ::std::result::Result<(), ::std::string::String> {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::started))
                }

                fn save() -> ::std::vec::Vec<u8> {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::save))
                }

                fn restore(
                    from: ::std::string::String,
                    state: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::Plugin>::restore(plugin, &from, &state)))
                }

                fn shutdown() {
                    PLUGIN.with(|slot| slot.lend(<$plugin as $crate::Plugin>::shutdown));
                }
            }

            $crate::bindings::lifecycle::export_lifecycle!(Component with_types_in $crate::bindings::lifecycle);
            $($($crate::__interface!($interface, $plugin);)+)?
    };
}
