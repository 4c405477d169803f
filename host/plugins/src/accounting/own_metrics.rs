//! What a plugin counts itself.

use crate::model::metric_change::{MetricChange, MetricRefusal};

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// Names that a plugin may have.
const MAX_NAMES: usize = 64;
/// Characters of a name.
const MAX_NAME: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Value {
    Counter(u64),
    Gauge(i64),
}

/// The metrics of one plugin.
#[derive(Debug, Default)]
pub(crate) struct OwnMetrics(Mutex<BTreeMap<String, Value>>);

impl OwnMetrics {
    /// Takes the name of a figure for its kind, at the value 0 if it is new: what is admitted can be taken later.
    pub(crate) fn admit(&self, change: &MetricChange) -> Result<(), MetricRefusal> {
        let (name, zero) = match change {
            MetricChange::Count(name, _) => (name, Value::Counter(0)),
            MetricChange::Set(name, _) => (name, Value::Gauge(0)),
        };
        if !is_name(name) {
            return Err(MetricRefusal::InvalidName);
        }
        let mut metrics = self.0.lock();
        match (metrics.get(name), zero) {
            (Some(Value::Counter(_)), Value::Counter(_))
            | (Some(Value::Gauge(_)), Value::Gauge(_)) => Ok(()),
            (Some(_), _) => Err(MetricRefusal::OtherKind),
            (None, _) if metrics.len() >= MAX_NAMES => Err(MetricRefusal::TooMany),
            (None, zero) => {
                metrics.insert(name.clone(), zero);
                Ok(())
            }
        }
    }

    /// Carries out a change that was admitted.
    pub(crate) fn take(&self, change: MetricChange) {
        let mut metrics = self.0.lock();
        match change {
            MetricChange::Count(name, by) => {
                if let Some(Value::Counter(value)) = metrics.get_mut(&name) {
                    *value = value.saturating_add(by);
                }
            }
            MetricChange::Set(name, to) => {
                if let Some(Value::Gauge(value)) = metrics.get_mut(&name) {
                    *value = to;
                }
            }
        }
    }

    /// The counters, by name.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        self.some(|value| match value {
            Value::Counter(value) => Some(value),
            Value::Gauge(_) => None,
        })
    }

    /// The gauges, by name.
    pub(crate) fn gauges(&self) -> Vec<(String, i64)> {
        self.some(|value| match value {
            Value::Gauge(value) => Some(value),
            Value::Counter(_) => None,
        })
    }

    fn some<T>(&self, of: impl Fn(Value) -> Option<T>) -> Vec<(String, T)> {
        let metrics = self.0.lock();
        let some = metrics.iter();
        some.filter_map(|(name, value)| Some((name.clone(), of(*value)?)))
            .collect()
    }
}

/// What a label can be without harm: it stands on every line of a scrape.
fn is_name(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str) -> MetricChange {
        MetricChange::Count(name.to_owned(), 2)
    }

    #[test]
    fn counters_add_up_and_gauges_are_set() {
        let own = OwnMetrics::default();
        for figure in [
            count("a"),
            count("a"),
            MetricChange::Set("b".to_owned(), -7),
        ] {
            own.admit(&figure).unwrap();
            own.take(figure);
        }
        assert_eq!(own.counters(), [("a".to_owned(), 4)]);
        assert_eq!(own.gauges(), [("b".to_owned(), -7)]);
    }

    #[test]
    fn a_name_is_of_one_kind_of_one_form_and_there_are_few() {
        let own = OwnMetrics::default();
        own.admit(&count("a")).unwrap();
        let other = own.admit(&MetricChange::Set("a".to_owned(), 1));
        assert_eq!(other, Err(MetricRefusal::OtherKind));
        let long = "a".repeat(65);
        for name in ["", "A", "1a", "_a", "a-b", "a\"", "ä", &long] {
            assert_eq!(own.admit(&count(name)), Err(MetricRefusal::InvalidName));
        }
        for number in 1..64 {
            own.admit(&count(&format!("a{number}"))).unwrap();
        }
        assert_eq!(own.admit(&count("b")), Err(MetricRefusal::TooMany));
        own.admit(&count("a63")).unwrap();
    }
}
