//! The calls of the export `lifecycle` that are made of a plugin once: `started`, `save`, `restore`, `shutdown`.

use std::time::Duration;

use crate::exports::Call;
use crate::fault::Fault;
use crate::instance::store::Instance;
use crate::model::interfaces::Export;

/// CPU time of each of these calls.
const BUDGET: Duration = Duration::from_millis(500);

/// The most that `save` may return, in bytes.
const MAX_STATE: usize = 1 << 20;

/// `started`.
pub(crate) struct Started;

/// `save`.
pub(crate) struct Save;

/// `restore`.
pub(crate) struct Restore {
    /// The version that saved.
    pub(crate) version: String,
    pub(crate) state: Vec<u8>,
}

/// `shutdown`.
pub(crate) struct Shutdown;

impl Call for Started {
    type Answer = Result<(), String>;

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::lifecycle
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        Ok(guests.lifecycle.started(store).await?)
    }
}

impl Call for Save {
    type Answer = Vec<u8>;

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::lifecycle
    }

    async fn make(self, instance: &mut Instance) -> Result<Vec<u8>, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let state = guests.lifecycle.save(store).await?;
        if state.len() > MAX_STATE {
            return Err(Fault::Answer("saved state of more than 1 MiB".to_owned()));
        }
        Ok(state)
    }
}

impl Call for Restore {
    type Answer = Result<(), String>;

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::lifecycle
    }

    async fn make(self, instance: &mut Instance) -> Result<Self::Answer, Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        let restored = guests.lifecycle.restore(store, &self.version, &self.state);
        Ok(restored.await?)
    }
}

impl Call for Shutdown {
    type Answer = ();

    const BUDGET: Duration = BUDGET;

    fn export(&self) -> Export {
        Export::lifecycle
    }

    async fn make(self, instance: &mut Instance) -> Result<(), Fault> {
        instance.begin();
        let Instance { guests, store, .. } = instance;
        Ok(guests.lifecycle.shutdown(store).await?)
    }
}
