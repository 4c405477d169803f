//! The distribution of calls over CPU time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::accounting::units::nanos;

/// The upper bounds of the buckets, in microseconds. What is above the last is in one more bucket.
pub(crate) const BOUNDS: [u64; 16] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000,
];

/// Calls by CPU time, as a thread counts them.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
    longest: AtomicU64,
}

/// The same, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// Calls in each bucket, the last one without a bound.
    pub(crate) counts: [u64; BOUNDS.len() + 1],
    /// CPU time of all of them.
    pub(crate) sum: Duration,
    /// The longest of those that were measured.
    pub(crate) longest: Duration,
}

impl Buckets {
    /// Counts a measured call, for itself and for others like it: `calls` in all.
    pub(crate) fn add(&self, cpu: Duration, calls: u64) {
        let nanoseconds = nanos(cpu);
        let bucket = BOUNDS.partition_point(|bound| bound.saturating_mul(1_000) < nanoseconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(calls, Ordering::Relaxed);
        }
        self.sum
            .fetch_add(nanoseconds.saturating_mul(calls), Ordering::Relaxed);
        self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn add_to(&self, sum: &mut Histogram) {
        for (into, from) in sum.counts.iter_mut().zip(&self.counts) {
            *into = into.saturating_add(from.load(Ordering::Relaxed));
        }
        let own = Duration::from_nanos(self.sum.load(Ordering::Relaxed));
        sum.sum = sum.sum.saturating_add(own);
        let longest = Duration::from_nanos(self.longest.load(Ordering::Relaxed));
        sum.longest = sum.longest.max(longest);
    }
}

impl Histogram {
    /// The calls in it.
    pub(crate) fn calls(&self) -> u64 {
        self.counts.iter().copied().fold(0, u64::saturating_add)
    }

    /// CPU time of a call on average; nothing without a call.
    pub(crate) fn mean(&self) -> Duration {
        let each = nanos(self.sum).checked_div(self.calls());
        Duration::from_nanos(each.unwrap_or(0))
    }

    /// What so many calls of a hundred stay below: the bound of the bucket, or the longest call if that is less.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let rank = self.calls().saturating_mul(percent).div_ceil(100);
        let mut below = 0_u64;
        for (count, bound) in self.counts.iter().zip(BOUNDS) {
            below = below.saturating_add(*count);
            if below >= rank {
                return Duration::from_micros(bound).min(self.longest);
            }
        }
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bucket_the_mean_and_the_percentiles() {
        let buckets = Buckets::default();
        buckets.add(Duration::from_nanos(900), 97);
        buckets.add(Duration::from_micros(1), 1);
        buckets.add(Duration::from_micros(30), 1);
        buckets.add(Duration::from_secs(1), 1);
        let mut histogram = Histogram::default();
        buckets.add_to(&mut histogram);
        assert_eq!(histogram.counts[0], 98);
        assert_eq!(histogram.counts[5], 1);
        assert_eq!(histogram.counts[BOUNDS.len()], 1);
        assert_eq!(histogram.calls(), 100);
        assert_eq!(histogram.percentile(50), Duration::from_micros(1));
        assert_eq!(histogram.percentile(99), Duration::from_micros(50));
        assert_eq!(histogram.percentile(100), Duration::from_secs(1));
        let sum = 97 * 900 + 1_000 + 30_000 + 1_000_000_000;
        assert_eq!(histogram.mean(), Duration::from_nanos(sum / 100));
    }

    #[test]
    fn an_empty_one_divides_by_nothing() {
        let histogram = Histogram::default();
        assert_eq!(histogram.mean(), Duration::ZERO);
        assert_eq!(histogram.percentile(99), Duration::ZERO);
    }
}
