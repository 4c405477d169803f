//! The calls of the export `lifecycle` that are made of a plugin once: `started`, `save`, `restore`, `shutdown`.

use std::time::Duration;

use super::{Call, Export};
use crate::fault::Fault;
use crate::instance::Instance;

/// CPU time of each of these calls.
const BUDGET: Duration = Duration::from_millis(500);

/// The most that `save` may return, in bytes.
const MAX_LEFTOVERS: usize = 1 << 20;

/// `started`.
pub(crate) struct Started;

/// `save`.
pub(crate) struct Save;

/// `restore`.
pub(crate) struct Restore {
    /// The version that saved.
    pub(crate) version: String,
    pub(crate) leftovers: Vec<u8>,
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
        let guest = &instance.guests.lifecycle;
        Ok(guest.call_started(&mut instance.store).await?)
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
        let guest = &instance.guests.lifecycle;
        let leftovers = guest.call_save(&mut instance.store).await?;
        if leftovers.len() > MAX_LEFTOVERS {
            return Err(Fault::Answer("leftovers of more than 1 MiB".to_owned()));
        }
        Ok(leftovers)
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
        let guest = &instance.guests.lifecycle;
        let restored = guest.call_restore(&mut instance.store, &self.version, &self.leftovers);
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
        let guest = &instance.guests.lifecycle;
        Ok(guest.call_shutdown(&mut instance.store).await?)
    }
}
