//! How long things took.

use std::time::Duration;

use crate::metric::{Metric, Values};

/// All that was timed, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// Median, 99th percentile and the longest; nothing if nothing was timed.
    pub(crate) fn values(mut self) -> Values {
        self.0.sort_unstable();
        let at = |share: usize| {
            let index = (self.0.len() * share / 100).min(self.0.len().saturating_sub(1));
            self.0.get(index).map(|micros| f64::from(*micros) / 1000.0)
        };
        [(Metric::P50, 50), (Metric::P99, 99), (Metric::Longest, 100)]
            .into_iter()
            .filter_map(|(metric, share)| Some((metric, at(share)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_middle_the_tail_and_the_longest() {
        let mut latencies = Latencies::default();
        for millis in (1..=200).rev() {
            latencies.add(Duration::from_millis(millis));
        }
        let values = latencies.values();
        let seen =
            [Metric::P50, Metric::P99, Metric::Longest].map(|metric| metric.shown(values[&metric]));
        assert_eq!(seen, ["101.00", "199.00", "200.00"]);
        assert!(Latencies::default().values().is_empty());
    }
}
