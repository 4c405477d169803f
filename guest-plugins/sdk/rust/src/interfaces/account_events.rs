//! The interface `account-events`: changes to accounts.

use crate::Plugin;

/// Is notified of changes to accounts (interface `account-events`, granted as `account-events`).
pub trait AccountEvents: Plugin {
    /// An account was created. The argument is its bare JID.
    fn registered(&self, _account: &str) {}

    /// An account has a new password.
    fn password_changed(&self, _account: &str) {}

    /// An account was removed with all its data.
    fn removed(&self, _account: &str) {}

    /// The operator disabled an account: nobody can log in to it until it is enabled again. Its data stay.
    fn disabled(&self, _account: &str) {}

    /// The operator enabled an account that was disabled.
    fn enabled(&self, _account: &str) {}
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::AccountEvents;
    use crate::harness::Harness;

    impl<P: AccountEvents> Harness<P> {
        /// Tells that an account was made.
        pub fn registered(&mut self, account: &str) -> Result<(), String> {
            self.world
                .accounts
                .insert(account.to_owned(), String::new());
            self.call(|plugin| plugin.registered(account))
        }

        /// Tells that an account has a new password.
        pub fn password_changed(&mut self, account: &str) -> Result<(), String> {
            self.call(|plugin| plugin.password_changed(account))
        }

        /// Tells that an account was removed.
        pub fn removed(&mut self, account: &str) -> Result<(), String> {
            self.world.accounts.remove(account);
            self.call(|plugin| plugin.removed(account))
        }

        /// Tells that the operator disabled an account: `accounts::list` leaves it out from now on.
        pub fn disabled(&mut self, account: &str) -> Result<(), String> {
            self.world.disabled.insert(account.to_owned());
            self.call(|plugin| plugin.disabled(account))
        }

        /// Tells that the operator enabled an account again.
        pub fn enabled(&mut self, account: &str) -> Result<(), String> {
            self.world.disabled.remove(account);
            self.call(|plugin| plugin.enabled(account))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_account_events {
    ($plugin:ty) => {
        impl $crate::bindings::account_events::exports::waxwing::plugin::account_events::Guest for Component {
            fn registered(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::registered(plugin, &account)))
            }
            fn password_changed(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::password_changed(plugin, &account)))
            }
            fn removed(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::removed(plugin, &account)))
            }
            fn disabled(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::disabled(plugin, &account)))
            }
            fn enabled(account: ::std::string::String) {
                PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::AccountEvents>::enabled(plugin, &account)))
            }
        }
        $crate::bindings::account_events::export_account_events!(Component with_types_in $crate::bindings::account_events);
    };
}
