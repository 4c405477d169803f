//! A map bounded by octets that keeps what is in use, in two generations: what is read or written is young. When the
//! young fill their half they become the old, and what was old and unused until then is dropped.

use std::{collections::HashMap, mem};

use super::Address;
use crate::Value;

/// What an entry takes besides its key and value, about.
const OVERHEAD: usize = 192;
/// Larger values are not kept: one would displace many.
const LARGEST: usize = 64 << 10;

/// Nothing is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown;

pub(super) struct Generations {
    young: HashMap<Address, Option<Value>>,
    old: HashMap<Address, Option<Value>>,
    /// Octets of the young.
    size: usize,
    /// Octets of a generation.
    half: usize,
}

impl Generations {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            size: 0,
            half: capacity / 2,
        }
    }

    /// The value of `key`, or that it has none.
    pub(super) fn get(&mut self, key: &Address) -> Result<Option<Value>, Unknown> {
        if let Some(value) = self.young.get(key) {
            return Ok(value.clone());
        }
        let (key, value) = self.old.remove_entry(key).ok_or(Unknown)?;
        self.add(key, value.clone());
        Ok(value)
    }

    pub(super) fn insert(&mut self, key: Address, value: Option<Value>) {
        self.remove(&key);
        if value.as_ref().is_none_or(|value| value.len() <= LARGEST) {
            self.add(key, value);
        }
    }

    pub(super) fn remove(&mut self, key: &Address) {
        self.old.remove(key);
        if let Some(value) = self.young.remove(key) {
            self.size = self.size.saturating_sub(size(key, value.as_ref()));
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Address) -> bool) {
        self.old.retain(|key, _| keep(key));
        self.young.retain(|key, _| keep(key));
        let sizes = self
            .young
            .iter()
            .map(|(key, value)| size(key, value.as_ref()));
        self.size = sizes.fold(0, usize::saturating_add);
    }

    /// Adds what is not there.
    fn add(&mut self, key: Address, value: Option<Value>) {
        let size = size(&key, value.as_ref());
        if self.size.saturating_add(size) > self.half {
            self.old = mem::take(&mut self.young);
            self.size = 0;
        }
        self.size = self.size.saturating_add(size);
        self.young.insert(key, value);
    }
}

fn size(key: &Address, value: Option<&Value>) -> usize {
    let value = value.map_or(0, |value| value.len());
    let size = key.key.as_str().len().saturating_add(value);
    size.saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, Namespace};

    fn value(size: usize) -> Value {
        Value::new(vec![1; size]).unwrap()
    }

    fn key(n: u32) -> Address {
        Address {
            namespace: Namespace::new("test").unwrap(),
            account: 0,
            key: Key::new(&format!("{n:08}")).unwrap(),
        }
    }

    #[test]
    fn stays_within_its_capacity() {
        let mut map = Generations::new(100_000);
        for n in 0..10_000 {
            map.insert(key(n), Some(value(800)));
            let _ = map.get(&key(n / 2));
        }
        assert!(map.young.len() + map.old.len() <= 100);
        assert_eq!(map.get(&key(9_999)), Ok(Some(value(800))));
    }

    #[test]
    fn keeps_what_is_in_use() {
        let mut map = Generations::new(100_000);
        map.insert(key(0), None);
        for n in 1..10_000 {
            map.insert(key(n), Some(value(800)));
            assert_eq!(map.get(&key(0)), Ok(None), "after {n}");
        }
        assert_eq!(map.get(&key(1)), Err(Unknown));
    }

    #[test]
    fn forgets_a_value_that_grew_too_large() {
        let mut map = Generations::new(1 << 20);
        map.insert(key(0), Some(value(10)));
        map.insert(key(0), Some(value(LARGEST + 1)));
        assert_eq!(map.get(&key(0)), Err(Unknown));
        assert_eq!(map.size, 0);
    }
}
