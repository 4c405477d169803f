//! Reading single keys through the cache.

use std::{future::Future, iter};

use super::{
    Address, Cache,
    cache::{Found, Ticket},
};
use crate::{Key, Namespace, Scope, StorageError, Value};

/// A key that is not in the cache, and its place among those asked for.
struct Missed {
    index: usize,
    address: Address,
    ticket: Ticket,
}

impl Cache {
    /// The value of a key, from memory or by `read` from the database.
    pub(crate) async fn value(
        &self,
        address: Address,
        read: impl Future<Output = Result<Option<Value>, StorageError>>,
    ) -> Result<Option<Value>, StorageError> {
        let ticket = match self.find(&address) {
            Found::Known(value) => return Ok(value),
            Found::Unknown(ticket) => ticket,
        };
        let value = read.await?;
        self.fill(address, value.clone(), ticket);
        Ok(value)
    }

    /// The values of keys in their order, from memory, and those that are not there by `read`, which gives a value for each
    /// key that it is given.
    pub(crate) async fn values<F>(
        &self,
        namespace: &Namespace,
        scope: Scope,
        keys: &[Key],
        read: impl FnOnce(Vec<Key>) -> F,
    ) -> Result<Vec<Option<Value>>, StorageError>
    where
        F: Future<Output = Result<Vec<Option<Value>>, StorageError>>,
    {
        let mut values = Vec::with_capacity(keys.len());
        let mut missed = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            let address = Address::new(namespace, scope, key);
            values.push(match self.find(&address) {
                Found::Known(value) => value,
                Found::Unknown(ticket) => {
                    missed.push(Missed {
                        index,
                        address,
                        ticket,
                    });
                    None
                }
            });
        }
        if missed.is_empty() {
            return Ok(values);
        }
        let found = read(
            missed
                .iter()
                .map(|missed| missed.address.key.clone())
                .collect(),
        );
        for (missed, value) in iter::zip(missed, found.await?) {
            self.fill(missed.address, value.clone(), missed.ticket);
            if let Some(place) = values.get_mut(missed.index) {
                *place = value;
            }
        }
        Ok(values)
    }
}
