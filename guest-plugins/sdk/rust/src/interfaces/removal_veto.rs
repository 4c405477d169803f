//! The interface `removal-veto`: a veto on removals of accounts.

use crate::{Plugin, StanzaError};

/// Can deny removals of accounts (interface `removal-veto`, granted as `removal-veto`).
pub trait RemovalVeto: Plugin {
    /// Allows or denies the removal of the account by the plugin of that name.
    fn removing(&self, account: &str, plugin: &str) -> Result<(), StanzaError>;
}

/// The step of the test harness.
#[cfg(not(target_family = "wasm"))]
mod harness {
    use super::{RemovalVeto, StanzaError};
    use crate::harness::Harness;

    impl<P: RemovalVeto> Harness<P> {
        /// Asks whether an account may be removed.
        pub fn removing(
            &mut self,
            account: &str,
            plugin: &str,
        ) -> Result<Result<(), StanzaError>, String> {
            self.call(|judge| judge.removing(account, plugin))
        }
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_removal_veto {
    ($plugin:ty) => {
        impl $crate::bindings::removal_veto::exports::waxwing::plugin::removal_veto::Guest for Component {
            fn removing(account: ::std::string::String, by: ::std::string::String) -> ::std::result::Result<(), $crate::bindings::lifecycle::waxwing::plugin::types::StanzaError> {
                ::std::result::Result::Ok(PLUGIN.with(|slot| slot.lend(|plugin| <$plugin as $crate::RemovalVeto>::removing(plugin, &account, &by)))?)
            }
        }
        $crate::bindings::removal_veto::export_removal_veto!(Component with_types_in $crate::bindings::removal_veto);
    };
}
