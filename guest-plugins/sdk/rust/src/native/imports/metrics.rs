//! Figures of the plugin's own (interface `metrics`).

use crate::native::world;

pub use crate::bindings::lifecycle::waxwing::plugin::metrics::MetricError;

/// The longest name, in characters, and how many there may be.
const MAX_NAME: usize = 64;
const MAX_NAMES: usize = 64;

/// A figure, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A sum.
    Counter(u64),
    /// What was set last.
    Gauge(i64),
}

/// Adds to a counter when the call has returned.
pub fn count(name: &str, by: u64) -> Result<(), MetricError> {
    note(name, Figure::Counter(by))
}

/// Sets a gauge when the call has returned.
pub fn set(name: &str, value: i64) -> Result<(), MetricError> {
    note(name, Figure::Gauge(value))
}

fn note(name: &str, change: Figure) -> Result<(), MetricError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || name.len() > MAX_NAME || !name.chars().all(letters) {
        return Err(MetricError::InvalidName);
    }
    world::with(|world| {
        let zero = match change {
            Figure::Counter(_) => Figure::Counter(0),
            Figure::Gauge(_) => Figure::Gauge(0),
        };
        let is_full = world.figures.len() >= MAX_NAMES;
        match (world.figures.get(name), zero) {
            (Some(Figure::Counter(_)), Figure::Counter(_))
            | (Some(Figure::Gauge(_)), Figure::Gauge(_)) => {}
            (Some(_), _) => return Err(MetricError::OtherKind),
            (None, _) if is_full => return Err(MetricError::TooMany),
            (None, zero) => drop(world.figures.insert(name.to_owned(), zero)),
        }
        world.call.figures.push((name.to_owned(), change));
        Ok(())
    })
}
