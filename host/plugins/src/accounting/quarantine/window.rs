//! The faults of the last minute, by peer.

use std::time::{Duration, Instant};

use super::{PEERS, Peer};

/// Faults are forgotten by spans of this length.
const SPAN: Duration = Duration::from_secs(5);
/// Spans in a minute.
const SPANS: usize = 12;

/// Faults of the last minute. Bounded, however many there are.
#[derive(Debug, Default)]
pub(super) struct Window(Vec<Span>);

#[derive(Debug)]
struct Span {
    began: Instant,
    faults: u64,
    peers: Peers,
}

/// As many different peers as it takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers(Vec<Peer>);

impl Window {
    pub(super) fn add(&mut self, peer: Peer, now: Instant) {
        let is_over = |span: &Span| now.saturating_duration_since(span.began) >= SPAN;
        if self.0.last().is_none_or(is_over) {
            if self.0.len() >= SPANS {
                self.0.remove(0);
            }
            self.0.push(Span {
                began: now,
                faults: 0,
                peers: Peers::default(),
            });
        }
        if let Some(span) = self.0.last_mut() {
            span.faults = span.faults.saturating_add(1);
            span.peers.add(peer);
        }
    }

    /// Faults of the last minute, and for how many peers; more than [`PEERS`] are not told apart.
    pub(super) fn sum(&self, now: Instant) -> (u64, usize) {
        let minute = SPAN.saturating_mul(u32::try_from(SPANS).unwrap_or(u32::MAX));
        let recent = |span: &&Span| now.saturating_duration_since(span.began) < minute;
        let mut sum = (0_u64, Peers::default());
        for span in self.0.iter().filter(recent) {
            sum.0 = sum.0.saturating_add(span.faults);
            sum.1.merge(&span.peers);
        }
        (sum.0, sum.1.count())
    }
}

impl Peers {
    pub(super) fn add(&mut self, peer: Peer) {
        if self.0.len() < PEERS && !self.0.contains(&peer) {
            self.0.push(peer);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn merge(&mut self, other: &Self) {
        for peer in &other.0 {
            self.add(*peer);
        }
    }
}
