//! The plugin's table in the host's memory (interface `memory`).

use crate::native::world::{self, Entry, Value, World};

pub use crate::bindings::lifecycle::waxwing::plugin::memory::MemoryError;

/// The longest key, in bytes.
const MAX_KEY: usize = 512;
const MAX_KEYS: usize = 100_000;
const MAX_BYTES: usize = 16 << 20;

/// The value at the key, unless it has expired.
pub fn get(key: &str) -> Option<Vec<u8>> {
    world::with(|world| {
        let entry = match world.call.memory.get(key) {
            Some(change) => change.as_ref()?,
            None => world.memory.get(key).filter(|entry| world.lives(entry))?,
        };
        Some(match &entry.value {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Counter(sum) => sum.to_string().into_bytes(),
        })
    })
}

/// Stores a value. It expires after so many seconds; none means never.
pub fn put(key: &str, value: &[u8], seconds: Option<u32>) -> Result<(), MemoryError> {
    check(key)?;
    world::with(|world| {
        if !has_room(world, key.len().saturating_add(value.len())) {
            return Err(MemoryError::Full);
        }
        let entry = Entry {
            value: Value::Bytes(value.to_vec()),
            expires: world.expiry(seconds),
        };
        world.call.memory.insert(key.to_owned(), Some(entry));
        Ok(())
    })
}

/// Forgets a key.
pub fn delete(key: &str) {
    world::with(|world| world.call.memory.insert(key.to_owned(), None));
}

/// Adds to a counter and gives the sum, in one step that no other call can get between. `seconds` counts from the first
/// time.
pub fn add(key: &str, delta: i64, seconds: Option<u32>) -> Result<i64, MemoryError> {
    check(key)?;
    world::with(|world| {
        let expires = world.expiry(seconds);
        let sum = match world.memory.get(key).filter(|entry| world.lives(entry)) {
            Some(entry) => match entry.value {
                Value::Counter(sum) => sum.saturating_add(delta),
                Value::Bytes(_) => return Err(MemoryError::NotACounter),
            },
            None if has_room(world, key.len()) => {
                let value = Value::Counter(0);
                world
                    .memory
                    .insert(key.to_owned(), Entry { value, expires });
                delta
            }
            None => return Err(MemoryError::Full),
        };
        if let Some(entry) = world.memory.get_mut(key) {
            entry.value = Value::Counter(sum);
        }
        world.call.added.push((key.to_owned(), delta));
        Ok(sum)
    })
}

fn check(key: &str) -> Result<(), MemoryError> {
    match key.len() {
        1..=MAX_KEY => Ok(()),
        _ => Err(MemoryError::InvalidKey),
    }
}

fn has_room(world: &World, more: usize) -> bool {
    let taken = |(key, entry): (&String, &Entry)| match &entry.value {
        Value::Bytes(bytes) => key.len().saturating_add(bytes.len()),
        Value::Counter(_) => key.len().saturating_add(8),
    };
    let bytes = world
        .memory
        .iter()
        .map(taken)
        .fold(more, usize::saturating_add);
    world.memory.len() < MAX_KEYS && bytes <= MAX_BYTES
}
