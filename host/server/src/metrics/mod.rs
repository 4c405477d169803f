//! What the server counts, for monitoring (OpenMetrics 1.0). Nothing here knows the server.
//!
//! The owner of a value registers it, with [`gauge`], [`counter`] or [`by_label`]; a value is read when it is scraped. Labels have
//! values of our own and names that the operator chose: nothing that a client can make up.

pub(crate) mod router;
pub(crate) mod striped;

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Registry,
};

/// The values of a family, each with the value of its label.
type Values = Vec<(Option<&'static str>, u64)>;

/// A family of metrics, read when it is scraped.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    /// The name of the label, where each value has one.
    label: &'static str,
    values: Box<dyn Fn() -> Values + Send + Sync>,
}

/// Registers a value that goes up and down.
pub(crate) fn gauge(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    value: impl Fn() -> u64 + Send + Sync + 'static,
) {
    register(registry, name, help, MetricType::Gauge, "", move || {
        vec![(None, value())]
    });
}

/// Registers a value that only goes up. It is scraped as `name` with `_total` behind it.
pub(crate) fn counter(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    value: impl Fn() -> u64 + Send + Sync + 'static,
) {
    register(registry, name, help, MetricType::Counter, "", move || {
        vec![(None, value())]
    });
}

/// Registers counters that differ in the value of one label.
pub(crate) fn by_label(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: impl Fn() -> Vec<(&'static str, u64)> + Send + Sync + 'static,
) {
    register(
        registry,
        name,
        help,
        MetricType::Counter,
        label,
        move || {
            let values = values().into_iter();
            values.map(|(of, value)| (Some(of), value)).collect()
        },
    );
}

/// A number of things, as a metric.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn register(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    label: &'static str,
    values: impl Fn() -> Values + Send + Sync + 'static,
) {
    registry.register_collector(Box::new(Family {
        name,
        help,
        kind,
        label,
        values: Box::new(values),
    }));
}

impl Family {
    fn write(&self, mut to: MetricEncoder<'_>, value: u64) -> fmt::Result {
        match self.kind {
            MetricType::Counter => to.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>),
            _ => to.encode_gauge(&value),
        }
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Family").field(&self.name).finish()
    }
}

impl Collector for Family {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = to.encode_descriptor(self.name, self.help, None, self.kind)?;
        for (of, value) in (self.values)() {
            match of {
                Some(of) => self.write(family.encode_family(&[(self.label, of)])?, value)?,
                None => return self.write(family, value),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn values_are_read_when_they_are_scraped() {
        let mut registry = Registry::default();
        gauge(&mut registry, "open", "Open", || 3);
        counter(&mut registry, "seen", "Seen", || 4);
        by_label(&mut registry, "done", "Done", "kind", || {
            vec![("a", 1), ("b", 2)]
        });
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "open 3",
            "seen_total 4",
            "done_total{kind=\"a\"} 1",
            "done_total{kind=\"b\"} 2",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
    }
}
