//! The plugins' figures for monitoring. Their labels are names of plugins, which the operator chooses, and names of ours.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::accounting::quarantine::Standing;
use crate::accounting::{BOUNDS, Histogram, Ledger};
use crate::calls::context::Shared;
use crate::exports::Export;
use crate::fault::FaultKind;

/// Writes all families at each scrape, from the ledgers.
pub(crate) struct PluginMetrics(Arc<Shared>);

/// Exemplars, of which there are none.
type NoExemplar<'a> = Option<&'a prometheus_client::metrics::exemplar::Exemplar<NoLabelSet, f64>>;

impl PluginMetrics {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl fmt::Debug for PluginMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PluginMetrics")
    }
}

impl Collector for PluginMetrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let families = Families {
            ledgers: self.0.ledgers.all(),
        };
        families.calls(&mut to)?;
        families.failures(&mut to)?;
        families.memory(&mut to)?;
        families.output(&mut to)?;
        families.own(&mut to)?;
        self.serving(&mut to)
    }
}

impl PluginMetrics {
    /// What belongs to the version that serves.
    fn serving(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.registry.keep();
        let mut family = to.encode_descriptor(
            "waxwing_plugin_quarantined",
            "Whether the plugin is in quarantine or on probation: 1, else 0",
            None,
            MetricType::Gauge,
        )?;
        for plugin in snapshot.plugins() {
            let standing = plugin.quarantine.standing(Instant::now());
            let value = u64::from(standing != Standing::Serving);
            let labels = [("plugin", plugin.manifest.name.as_str())];
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        let mut family = to.encode_descriptor(
            "waxwing_plugin_table_bytes",
            "Bytes in the plugin's table in the host, the import memory",
            None,
            MetricType::Gauge,
        )?;
        for plugin in snapshot.plugins() {
            let labels = [("plugin", plugin.manifest.name.as_str())];
            let bytes = plugin.memory.bytes();
            family.encode_family(&labels)?.encode_gauge(&bytes)?;
        }
        Ok(())
    }
}

struct Families {
    ledgers: Vec<(String, Arc<Ledger>)>,
}

impl Families {
    fn calls(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "waxwing_plugin_calls";
        let calls = |ledger: &Ledger| {
            let counts = Export::ALL.iter();
            counts
                .map(|export| (export.name(), ledger.calls_of(*export)))
                .collect()
        };
        self.counters_by(to, name, "Calls made", "export", calls)?;
        let outcomes = |ledger: &Ledger| ledger.outcomes().to_vec();
        let help = "Calls that returned, by what they came to";
        self.counters_by(to, "waxwing_plugin_outcomes", help, "outcome", outcomes)?;
        let mut family = to.encode_descriptor(
            "waxwing_plugin_cpu_seconds",
            "CPU time of the calls; of more than 500 a second, one in two milliseconds stands for the others",
            None,
            MetricType::Histogram,
        )?;
        for (name, ledger) in &self.ledgers {
            let labels = [("plugin", name.as_str())];
            histogram(family.encode_family(&labels)?, &ledger.cpu())?;
        }
        let help = "CPU time of making and initialising instances";
        self.seconds(
            to,
            "waxwing_plugin_init_cpu_seconds",
            help,
            Ledger::time_making,
        )?;
        let help = "Calls' waits for the host: storage, accounts, HTTP";
        self.counters(to, "waxwing_plugin_waits", help, Ledger::waits)?;
        let help = "How long calls waited for the host";
        self.seconds(
            to,
            "waxwing_plugin_waited_seconds",
            help,
            Ledger::time_waited,
        )
    }

    fn failures(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let faults = |ledger: &Ledger| {
            let kinds = FaultKind::ALL.iter();
            kinds
                .map(|kind| (kind.name(), ledger.faults_of(*kind)))
                .collect()
        };
        let help = "Calls that failed; busy and host are not the plugin's doing";
        self.counters_by(to, "waxwing_plugin_faults", help, "kind", faults)?;
        let help = "Calls not made, since the plugin was in quarantine";
        self.counters(to, "waxwing_plugin_refused_calls", help, |ledger| {
            ledger.refused.get()
        })?;
        let help = "How often the plugin went into quarantine";
        self.counters(to, "waxwing_plugin_quarantines", help, |ledger| {
            ledger.quarantines.get()
        })
    }

    fn memory(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Bytes of memory of the plugin's instances";
        self.gauges(to, "waxwing_plugin_memory_bytes", help, Ledger::memory)?;
        let (name, help) = (
            "waxwing_plugin_memory_highest_bytes",
            "The most that waxwing_plugin_memory_bytes was",
        );
        self.gauges(to, name, help, Ledger::highest_memory)?;
        let help = "Instances of the plugin";
        self.gauges(to, "waxwing_plugin_instances", help, Ledger::instances)?;
        let help = "Instances made; each fault costs one";
        self.counters(to, "waxwing_plugin_instances_made", help, |ledger| {
            ledger.made.get()
        })?;
        let help = "Bytes that the plugin keeps in the storage";
        self.gauges(to, "waxwing_plugin_storage_bytes", help, |ledger| {
            ledger.stored().0
        })?;
        let help = "Keys that the plugin keeps in the storage";
        self.gauges(to, "waxwing_plugin_storage_keys", help, |ledger| {
            ledger.stored().1
        })
    }

    fn output(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Stanzas that the plugin sent";
        self.counters(to, "waxwing_plugin_stanzas_sent", help, |ledger| {
            ledger.sent.get()
        })?;
        let help = "Stanzas that a limit or a missing grant kept the plugin from sending";
        self.counters(to, "waxwing_plugin_stanzas_dropped", help, |ledger| {
            ledger.dropped.get()
        })?;
        let help = "Lines that the plugin wrote past its share of the log";
        self.counters(to, "waxwing_plugin_log_lines_suppressed", help, |ledger| {
            ledger.logs.suppressed()
        })
    }

    fn counters(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&Ledger) -> u64,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, ledger) in &self.ledgers {
            let labels = [("plugin", plugin.as_str())];
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&of(ledger), NoExemplar::None)?;
        }
        Ok(())
    }

    fn counters_by(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        label: &str,
        of: impl Fn(&Ledger) -> Vec<(&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, ledger) in &self.ledgers {
            for (value, count) in of(ledger) {
                let labels = [("plugin", plugin.as_str()), (label, value)];
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter(&count, NoExemplar::None)?;
            }
        }
        Ok(())
    }

    fn seconds(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&Ledger) -> Duration,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, ledger) in &self.ledgers {
            let labels = [("plugin", plugin.as_str())];
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&of(ledger).as_secs_f64(), NoExemplar::None)?;
        }
        Ok(())
    }

    /// What the plugins count themselves.
    fn own(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Counters of the plugin's own";
        let mut family =
            to.encode_descriptor("waxwing_plugin_own", help, None, MetricType::Counter)?;
        for (plugin, ledger) in &self.ledgers {
            for (name, value) in ledger.own.counters() {
                let labels = [("plugin", plugin.as_str()), ("name", name.as_str())];
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter(&value, None as NoExemplar<'_>)?;
            }
        }
        let help = "Gauges of the plugin's own";
        let mut family =
            to.encode_descriptor("waxwing_plugin_own_gauge", help, None, MetricType::Gauge)?;
        for (plugin, ledger) in &self.ledgers {
            for (name, value) in ledger.own.gauges() {
                let labels = [("plugin", plugin.as_str()), ("name", name.as_str())];
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn gauges(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&Ledger) -> u64,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (plugin, ledger) in &self.ledgers {
            let labels = [("plugin", plugin.as_str())];
            family.encode_family(&labels)?.encode_gauge(&of(ledger))?;
        }
        Ok(())
    }
}

fn histogram(mut to: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let bounds = BOUNDS.into_iter().map(Duration::from_micros);
    let bounds = bounds.map(|bound| bound.as_secs_f64());
    let buckets: Vec<(f64, u64)> = bounds
        .chain([f64::INFINITY])
        .zip(histogram.counts)
        .collect();
    let sum = histogram.sum.as_secs_f64();
    to.encode_histogram::<NoLabelSet>(sum, histogram.calls(), &buckets, None)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::accounting::Figure;
    use crate::exports::Outcome;

    /// The families of some ledgers, as they are scraped.
    #[derive(Debug)]
    struct OnePlugin;

    impl Collector for OnePlugin {
        fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
            let ledger = Arc::new(Ledger::default());
            let lane = ledger.lane();
            assert!(lane.begin(Export::inbound, 1, || 0));
            lane.measured(Duration::from_micros(3));
            lane.ended(Outcome::Pass);
            ledger.fault(FaultKind::Trap);
            ledger.sent.add(7);
            ledger.dropped.add(2);
            ledger.store_begins();
            assert!(ledger.store_grows(1_024, 1_024));
            ledger.stores(300, 4);
            for figure in [
                Figure::Count("hits".to_owned(), 3),
                Figure::Set("open".to_owned(), -2),
            ] {
                ledger.own.admit(&figure).unwrap();
                ledger.own.take(figure);
            }
            let families = Families {
                ledgers: vec![("a".to_owned(), ledger)],
            };
            families.calls(&mut to)?;
            families.failures(&mut to)?;
            families.memory(&mut to)?;
            families.own(&mut to)?;
            families.output(&mut to)
        }
    }

    #[test]
    fn every_figure_is_in_the_scrape_under_its_plugin() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(OnePlugin));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "waxwing_plugin_calls_total{plugin=\"a\",export=\"inbound\"} 1",
            "waxwing_plugin_outcomes_total{plugin=\"a\",outcome=\"pass\"} 1",
            "waxwing_plugin_cpu_seconds_count{plugin=\"a\"} 1",
            "waxwing_plugin_cpu_seconds_bucket{le=\"0.000002\",plugin=\"a\"} 0",
            "waxwing_plugin_cpu_seconds_bucket{le=\"0.000005\",plugin=\"a\"} 1",
            "waxwing_plugin_cpu_seconds_bucket{le=\"+Inf\",plugin=\"a\"} 1",
            "waxwing_plugin_faults_total{plugin=\"a\",kind=\"trap\"} 1",
            "waxwing_plugin_faults_total{plugin=\"a\",kind=\"busy\"} 0",
            "waxwing_plugin_refused_calls_total{plugin=\"a\"} 0",
            "waxwing_plugin_quarantines_total{plugin=\"a\"} 0",
            "waxwing_plugin_memory_bytes{plugin=\"a\"} 1024",
            "waxwing_plugin_memory_highest_bytes{plugin=\"a\"} 1024",
            "waxwing_plugin_instances{plugin=\"a\"} 1",
            "waxwing_plugin_storage_bytes{plugin=\"a\"} 300",
            "waxwing_plugin_storage_keys{plugin=\"a\"} 4",
            "waxwing_plugin_stanzas_sent_total{plugin=\"a\"} 7",
            "waxwing_plugin_stanzas_dropped_total{plugin=\"a\"} 2",
            "waxwing_plugin_log_lines_suppressed_total{plugin=\"a\"} 0",
            "waxwing_plugin_own_total{plugin=\"a\",name=\"hits\"} 3",
            "waxwing_plugin_own_gauge{plugin=\"a\",name=\"open\"} -2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
