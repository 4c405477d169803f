//! The cache keeps nothing that may be older than the database.

use super::{
    Address, Cache, Effects,
    cache::{Found, Ticket},
    generations::Unknown,
};
use crate::{Key, Namespace, Scope, Value};

fn value(value: &str) -> Value {
    Value::new(value.to_owned()).unwrap()
}

fn address(name: &str) -> Address {
    let notes = Namespace::new("notes").unwrap();
    Address::new(&notes, Scope::Plugin, &Key::new(name).unwrap())
}

fn effects(name: &str, content: &str) -> Effects {
    Effects {
        written: [(address(name), Some(value(content)))].into(),
        cleared: Vec::new(),
    }
}

fn found(cache: &Cache) -> Result<Option<Value>, Unknown> {
    match cache.find(&address("a")) {
        Found::Known(value) => Ok(value),
        Found::Unknown(_) => Err(Unknown),
    }
}

fn miss(cache: &Cache) -> Ticket {
    match cache.find(&address("a")) {
        Found::Known(value) => panic!("there is {value:?}"),
        Found::Unknown(ticket) => ticket,
    }
}

#[test]
fn keeps_what_was_read_also_that_there_is_nothing() {
    let cache = Cache::new(1 << 20);
    cache.fill(address("a"), None, miss(&cache));
    assert_eq!(found(&cache), Ok(None));
}

#[test]
fn drops_what_was_read_before_or_during_a_commit() {
    let cache = Cache::new(1 << 20);
    let before = miss(&cache);
    let effects = effects("a", "new");
    cache.hide(&effects);
    let during = miss(&cache);
    cache.fill(address("a"), None, before);
    cache.fill(address("a"), None, during);
    assert_eq!(found(&cache), Err(Unknown));
    cache.show(effects, true);
    cache.fill(address("a"), None, before);
    cache.fill(address("a"), None, during);
    assert_eq!(found(&cache), Ok(Some(value("new"))));
}

#[test]
fn shows_nothing_of_a_commit_that_failed_and_fills_again() {
    let cache = Cache::new(1 << 20);
    let effects = effects("a", "new");
    cache.hide(&effects);
    let during = miss(&cache);
    cache.show(effects, false);
    cache.fill(address("a"), None, during);
    assert_eq!(found(&cache), Err(Unknown));
    cache.fill(address("a"), Some(value("old")), miss(&cache));
    assert_eq!(found(&cache), Ok(Some(value("old"))));
}

#[test]
fn knows_nothing_while_it_is_suspended_nor_of_what_was_asked_before() {
    let cache = Cache::new(1 << 20);
    let before = miss(&cache);
    cache.fill(address("a"), Some(value("old")), before);
    cache.hide(&effects("a", "new"));
    cache.suspend();
    let during = miss(&cache);
    cache.fill(address("a"), Some(value("old")), during);
    assert_eq!(found(&cache), Err(Unknown));
    cache.reset();
    for ticket in [before, during] {
        cache.fill(address("a"), Some(value("old")), ticket);
        assert_eq!(found(&cache), Err(Unknown));
    }
    cache.fill(address("a"), Some(value("new")), miss(&cache));
    assert_eq!(found(&cache), Ok(Some(value("new"))));
}
