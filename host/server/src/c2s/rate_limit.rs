//! How fast a session may send: a bucket for its stanzas, and one for its bytes. A client that sends more is not read from until
//! there is room again, so that the network holds it back.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

use crate::context::StreamLimits;

/// What it may send at once, in seconds of what it may send on average.
const BURST: u32 = 2;

/// The buckets of one session.
#[derive(Debug)]
pub(super) struct RateLimiter {
    stanzas: Option<Bucket>,
    bytes: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    limiter: DefaultDirectRateLimiter,
    burst: u32,
    /// What was taken, and the limiter does not know of.
    owed: u32,
}

impl RateLimiter {
    pub(super) fn new(limits: &StreamLimits) -> Self {
        Self {
            stanzas: Bucket::new(limits.stanzas_per_second),
            bytes: Bucket::new(limits.bytes_per_second),
        }
    }

    /// A stanza came.
    pub(super) fn stanza(&mut self) {
        if let Some(bucket) = &mut self.stanzas {
            bucket.owed = bucket.owed.saturating_add(1);
        }
    }

    /// Bytes were read.
    pub(super) fn read(&mut self, bytes: usize) {
        if let Some(bucket) = &mut self.bytes {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            bucket.owed = bucket.owed.saturating_add(bytes);
        }
    }

    /// How long the session has to wait before it reads more, if at all.
    pub(super) fn wait(&mut self) -> Option<Duration> {
        let wait = |bucket: &mut Option<Bucket>| bucket.as_mut().and_then(Bucket::pay);
        wait(&mut self.stanzas).max(wait(&mut self.bytes))
    }
}

impl Bucket {
    fn new(per_second: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(per_second.get().saturating_mul(BURST))?;
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Some(Self {
            limiter: governor::RateLimiter::direct(quota),
            burst: burst.get(),
            owed: 0,
        })
    }

    /// Takes what is owed out of the bucket, or says when there may be enough in it.
    fn pay(&mut self) -> Option<Duration> {
        while let Some(amount) = NonZeroU32::new(self.owed.min(self.burst)) {
            // It never holds less than that.
            let Ok(paid) = self.limiter.check_n(amount) else {
                return None;
            };
            if let Err(until) = paid {
                return Some(until.wait_time_from(DefaultClock::default().now()));
            }
            self.owed = self.owed.saturating_sub(amount.get());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use waxwing_xml::Limits;

    use super::*;
    use crate::config::bounds::Bounds;

    fn limiter(stanzas_per_second: u32, bytes_per_second: u32) -> RateLimiter {
        RateLimiter::new(&StreamLimits {
            pre_auth: Limits::pre_auth(),
            stanza: Limits::stanza(),
            stanzas_per_second,
            bytes_per_second,
            outbound: Bounds::new(1 << 20, 1_000),
        })
    }

    #[tokio::test]
    async fn waits_when_a_bucket_is_empty_and_no_longer() {
        let mut limiter = limiter(10, 100_000);
        for _ in 0..20 {
            limiter.stanza();
        }
        assert_eq!(limiter.wait(), None, "two seconds' worth at once");
        for _ in 0..5 {
            limiter.stanza();
        }
        let wait = limiter.wait().unwrap();
        let expected = Duration::from_millis(300)..=Duration::from_millis(500);
        assert!(expected.contains(&wait), "{wait:?}");
        tokio::time::sleep(wait).await;
        assert_eq!(limiter.wait(), None);
    }

    #[test]
    fn bytes_count_on_their_own() {
        let mut limiter = limiter(0, 100_000);
        limiter.read(200_000);
        assert_eq!(limiter.wait(), None);
        limiter.read(16_384);
        assert!(limiter.wait() > Some(Duration::from_millis(100)));
    }

    #[test]
    fn more_than_fits_into_a_bucket_is_paid_for_in_parts() {
        let mut limiter = limiter(1_000, 0);
        for _ in 0..5_000 {
            limiter.stanza();
        }
        assert!(limiter.wait() > Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let mut limiter = limiter(0, 0);
        limiter.read(usize::MAX);
        limiter.stanza();
        assert_eq!(limiter.wait(), None);
    }
}
