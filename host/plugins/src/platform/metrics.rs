//! The plugins' figures for monitoring. Their labels are names of plugins, which the operator chooses, and names of
//! ours.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::accounting::counters::PluginCounters;
use crate::accounting::histogram::BOUNDS;
use crate::accounting::histogram::Histogram;
use crate::accounting::quarantine::QuarantineStatus;
use crate::dispatch::dispatcher::Dispatcher;
use crate::fault::FaultKind;
use crate::model::interfaces::Export;

/// Writes all families at each scrape, from the counters.
pub(crate) struct PluginMetrics(Arc<Dispatcher>);

/// Exemplars, of which there are none.
type NoExemplar<'a> = Option<&'a prometheus_client::metrics::exemplar::Exemplar<NoLabelSet, f64>>;

impl PluginMetrics {
    pub(crate) fn new(dispatcher: Arc<Dispatcher>) -> Self {
        Self(dispatcher)
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
            counters: self.0.context.counters.all(),
        };
        families.calls(&mut to)?;
        families.failures(&mut to)?;
        families.memory(&mut to)?;
        families.output(&mut to)?;
        families.own(&mut to)?;
        self.background(&mut to)?;
        self.serving(&mut to)
    }
}

impl PluginMetrics {
    /// What belongs to no plugin.
    fn background(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let refused = self.0.background.refused.get();
        let mut counter = to.encode_descriptor(
            "waxwing_plugin_background_calls_refused",
            "Calls on behalf of no shard that were not made, since too many waited",
            None,
            MetricType::Counter,
        )?;
        counter.encode_counter(&refused, NoExemplar::None)
    }

    /// What belongs to the version that serves.
    fn serving(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.0.context.registry.keep();
        let mut family = to.encode_descriptor(
            "waxwing_plugin_quarantined",
            "Whether the plugin is in quarantine or on probation: 1, else 0",
            None,
            MetricType::Gauge,
        )?;
        for plugin in snapshot.plugins() {
            let status = plugin.quarantine.status(Instant::now());
            let value = u64::from(status != QuarantineStatus::Serving);
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
    counters: Vec<(String, Arc<PluginCounters>)>,
}

impl Families {
    fn calls(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "waxwing_plugin_calls";
        let calls = |counters: &PluginCounters| {
            let counts = Export::ALL.iter();
            counts
                .map(|export| (export.name(), counters.calls_of(*export)))
                .collect()
        };
        self.counters_by(to, name, "Calls made", "export", calls)?;
        let outcomes = |counters: &PluginCounters| counters.outcomes().to_vec();
        let help = "Calls that returned, by what they came to";
        self.counters_by(to, "waxwing_plugin_outcomes", help, "outcome", outcomes)?;
        let mut family = to.encode_descriptor(
            "waxwing_plugin_cpu_seconds",
            "CPU time of the calls; of more than 500 a second, one in two milliseconds stands for the others",
            None,
            MetricType::Histogram,
        )?;
        for (name, counters) in &self.counters {
            let labels = [("plugin", name.as_str())];
            histogram(family.encode_family(&labels)?, &counters.cpu())?;
        }
        let help = "CPU time of making and initialising instances";
        self.seconds(
            to,
            "waxwing_plugin_init_cpu_seconds",
            help,
            PluginCounters::time_making,
        )?;
        let help = "Calls' waits for the host: storage, accounts, HTTP";
        self.counters(to, "waxwing_plugin_waits", help, PluginCounters::waits)?;
        let help = "How long calls waited for the host";
        self.seconds(
            to,
            "waxwing_plugin_waited_seconds",
            help,
            PluginCounters::time_waited,
        )
    }

    fn failures(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let faults = |counters: &PluginCounters| {
            let kinds = FaultKind::ALL.iter();
            kinds
                .map(|kind| (kind.name(), counters.faults_of(*kind)))
                .collect()
        };
        let help = "Calls that failed; busy and host are not the plugin's doing";
        self.counters_by(to, "waxwing_plugin_faults", help, "kind", faults)?;
        let help = "Calls not made, since the plugin was in quarantine";
        self.counters(to, "waxwing_plugin_refused_calls", help, |counters| {
            counters.refused.get()
        })?;
        let help = "How often the plugin went into quarantine";
        self.counters(to, "waxwing_plugin_quarantines", help, |counters| {
            counters.quarantines.get()
        })
    }

    fn memory(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Bytes of memory of the plugin's instances";
        self.gauges(
            to,
            "waxwing_plugin_memory_bytes",
            help,
            PluginCounters::memory,
        )?;
        let (name, help) = (
            "waxwing_plugin_memory_highest_bytes",
            "The most that waxwing_plugin_memory_bytes was",
        );
        self.gauges(to, name, help, PluginCounters::highest_memory)?;
        let help = "Instances of the plugin";
        self.gauges(
            to,
            "waxwing_plugin_instances",
            help,
            PluginCounters::instances,
        )?;
        let help = "Instances made; each fault costs one";
        self.counters(to, "waxwing_plugin_instances_made", help, |counters| {
            counters.made.get()
        })?;
        let help = "Bytes that the plugin keeps in the storage";
        self.gauges(to, "waxwing_plugin_storage_bytes", help, |counters| {
            counters.stored().0
        })?;
        let help = "Keys that the plugin keeps in the storage";
        self.gauges(to, "waxwing_plugin_storage_keys", help, |counters| {
            counters.stored().1
        })
    }

    fn output(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Stanzas that the plugin sent";
        self.counters(to, "waxwing_plugin_stanzas_sent", help, |counters| {
            counters.sent.get()
        })?;
        let help = "Stanzas that a limit or a missing grant kept the plugin from sending";
        self.counters(to, "waxwing_plugin_stanzas_dropped", help, |counters| {
            counters.dropped.get()
        })?;
        let help = "Events, replies and timers that were not delivered, since too many waited";
        self.counters(to, "waxwing_plugin_events_lost", help, |counters| {
            counters.events_lost.get()
        })?;
        let help = "Lines that the plugin wrote past its share of the log";
        self.counters(
            to,
            "waxwing_plugin_log_lines_suppressed",
            help,
            |counters| counters.logs.suppressed(),
        )
    }

    fn counters(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        of: impl Fn(&PluginCounters) -> u64,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, counters) in &self.counters {
            let labels = [("plugin", plugin.as_str())];
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&of(counters), NoExemplar::None)?;
        }
        Ok(())
    }

    fn counters_by(
        &self,
        to: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        label: &str,
        of: impl Fn(&PluginCounters) -> Vec<(&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, counters) in &self.counters {
            for (value, count) in of(counters) {
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
        of: impl Fn(&PluginCounters) -> Duration,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (plugin, counters) in &self.counters {
            let labels = [("plugin", plugin.as_str())];
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter(&of(counters).as_secs_f64(), NoExemplar::None)?;
        }
        Ok(())
    }

    /// What the plugins count themselves.
    fn own(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Counters of the plugin's own";
        let mut family =
            to.encode_descriptor("waxwing_plugin_own", help, None, MetricType::Counter)?;
        for (plugin, counters) in &self.counters {
            for (name, value) in counters.own.counters() {
                let labels = [("plugin", plugin.as_str()), ("name", name.as_str())];
                let mut counter = family.encode_family(&labels)?;
                counter.encode_counter(&value, None as NoExemplar<'_>)?;
            }
        }
        let help = "Gauges of the plugin's own";
        let mut family =
            to.encode_descriptor("waxwing_plugin_own_gauge", help, None, MetricType::Gauge)?;
        for (plugin, counters) in &self.counters {
            for (name, value) in counters.own.gauges() {
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
        of: impl Fn(&PluginCounters) -> u64,
    ) -> fmt::Result {
        let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (plugin, counters) in &self.counters {
            let labels = [("plugin", plugin.as_str())];
            family.encode_family(&labels)?.encode_gauge(&of(counters))?;
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
    use crate::model::metric_change::MetricChange;
    use crate::model::outcome::Outcome;

    /// The families of some counters, as they are scraped.
    #[derive(Debug)]
    struct OnePlugin;

    impl Collector for OnePlugin {
        fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
            let counters = Arc::new(PluginCounters::default());
            let lane = counters.lane();
            assert!(lane.begin(Export::inbound, 1, || 0));
            lane.measured(Duration::from_micros(3));
            lane.ended(Outcome::Pass);
            counters.fault(FaultKind::Trap);
            counters.sent.add(7);
            counters.dropped.add(2);
            counters.store_begins();
            assert!(counters.store_grows(1_024, 1_024));
            counters.stores(300, 4);
            for figure in [
                MetricChange::Count("hits".to_owned(), 3),
                MetricChange::Set("open".to_owned(), -2),
            ] {
                counters.own.admit(&figure).unwrap();
                counters.own.take(figure);
            }
            let families = Families {
                counters: vec![("a".to_owned(), counters)],
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
            "waxwing_plugin_events_lost_total{plugin=\"a\"} 0",
            "waxwing_plugin_log_lines_suppressed_total{plugin=\"a\"} 0",
            "waxwing_plugin_own_total{plugin=\"a\",name=\"hits\"} 3",
            "waxwing_plugin_own_gauge{plugin=\"a\",name=\"open\"} -2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
