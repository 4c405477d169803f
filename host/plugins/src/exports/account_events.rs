//! The export `account-events`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::account_event::AccountEvent;
use crate::model::interfaces::Export;

/// `registered`, `password-changed`, `removed`, `disabled` or `enabled`.
pub(crate) struct Tell {
    pub(crate) event: AccountEvent,
    pub(crate) account: String,
    pub(crate) depth: u8,
}

impl Call for Tell {
    type Answer = ();

    const BUDGET: Duration = Duration::from_millis(10);

    fn export(&self) -> Export {
        Export::account_events
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin_at(self.depth);
        let guest = instance.guests.account_events()?;
        let store = &mut instance.store;
        let account = &self.account;
        let told = match self.event {
            AccountEvent::Registered => guest.call_registered(store, account).await,
            AccountEvent::PasswordChanged => guest.call_password_changed(store, account).await,
            AccountEvent::Removed => guest.call_removed(store, account).await,
            AccountEvent::Disabled => guest.call_disabled(store, account).await,
            AccountEvent::Enabled => guest.call_enabled(store, account).await,
        };
        Ok(told?)
    }
}
