//! The interface `registration-veto`: a veto on new accounts.

use crate::{Plugin, StanzaError};

/// Can deny registrations (interface `registration-veto`, granted as `registration-veto`).
pub trait RegistrationVeto: Plugin {
    /// Allows or denies the account of this bare JID, which the plugin of that name creates.
    fn registering(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{RegistrationVeto, StanzaError};
    use crate::harness::Harness;

    impl<P: RegistrationVeto> Harness<P> {
        /// Asks whether an account may be made. A panic counts as a denial; its words are the outer error.
        pub fn registering(
            &mut self,
            account: &str,
            plugin: &str,
        ) -> Result<Result<(), StanzaError>, String> {
            self.call(|judge| judge.registering(account, plugin))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_registration_veto {
    ($plugin:ty) => {
        impl $crate::bindings::registration_veto::exports::waxwing::plugin::registration_veto::Guest for Component {
            fn registering(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::RegistrationVeto>::registering(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::registration_veto::export_registration_veto!(Component with_types_in $crate::bindings::registration_veto);
    };
}
