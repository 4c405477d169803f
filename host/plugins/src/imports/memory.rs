//! The import `memory`: the plugin's table, seen through the changes of the call under way.

use std::time::{Duration, Instant};

use crate::instance::state::State;
use crate::model::memory_table::{AddError, Change, MAX_KEY};
use crate::wit::bindings::waxwing::plugin::memory::{Host, MemoryError};

impl Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        self.charge()?;
        Ok(match self.call.memory.get(&key) {
            Some(Change::Put(value, _)) => Some(value.clone()),
            Some(Change::Delete) => None,
            None => self.plugin.memory.get(&key, Instant::now()),
        })
    }

    fn put(
        &mut self,
        key: String,
        value: Vec<u8>,
        seconds: Option<u32>,
    ) -> wasmtime::Result<Result<(), MemoryError>> {
        self.charge()?;
        if !is_valid(&key) {
            return Ok(Err(MemoryError::InvalidKey));
        }
        let pending = self.call.memory.iter().map(|(key, change)| match change {
            Change::Put(value, _) => key.len().saturating_add(value.len()),
            Change::Delete => 0,
        });
        let bytes = pending.fold(key.len().saturating_add(value.len()), usize::saturating_add);
        if !self
            .plugin
            .memory
            .has_room(self.call.memory.len().saturating_add(1), bytes)
        {
            return Ok(Err(MemoryError::Full));
        }
        self.call
            .memory
            .insert(key, Change::Put(value, expiry(seconds)));
        Ok(Ok(()))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        self.charge()?;
        if is_valid(&key) {
            self.call.memory.insert(key, Change::Delete);
        }
        Ok(())
    }

    fn add(
        &mut self,
        key: String,
        delta: i64,
        seconds: Option<u32>,
    ) -> wasmtime::Result<Result<i64, MemoryError>> {
        self.charge()?;
        if !is_valid(&key) {
            return Ok(Err(MemoryError::InvalidKey));
        }
        Ok(
            match self
                .plugin
                .memory
                .add(&key, delta, expiry(seconds), Instant::now())
            {
                Ok(sum) => {
                    self.call.added.push((key, delta));
                    Ok(sum)
                }
                Err(AddError::Full) => Err(MemoryError::Full),
                Err(AddError::NotACounter) => Err(MemoryError::NotACounter),
            },
        )
    }
}

fn is_valid(key: &str) -> bool {
    !key.is_empty() && key.len() <= MAX_KEY
}

fn expiry(seconds: Option<u32>) -> Option<Duration> {
    seconds.map(|seconds| Duration::from_secs(seconds.into()))
}
