//! The interface `password-veto`: a veto on new passwords.

use crate::{Plugin, StanzaError};

/// Can deny changes of passwords (interface `password-veto`, granted as `password-veto`).
pub trait PasswordVeto: Plugin {
    /// Allows or denies a new password, which the plugin of that name sets.
    fn changing(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{PasswordVeto, StanzaError};
    use crate::harness::Harness;

    impl<P: PasswordVeto> Harness<P> {
        /// Asks whether an account may get a new password.
        pub fn changing(
            &mut self,
            account: &str,
            plugin: &str,
        ) -> Result<Result<(), StanzaError>, String> {
            self.call(|judge| judge.changing(account, plugin))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_password_veto {
    ($plugin:ty) => {
        impl $crate::bindings::password_veto::exports::waxwing::plugin::password_veto::Guest for Component {
            fn changing(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::PasswordVeto>::changing(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::password_veto::export_password_veto!(Component with_types_in $crate::bindings::password_veto);
    };
}
