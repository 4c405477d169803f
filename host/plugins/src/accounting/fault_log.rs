//! Log lines about a plugin's faults: a few a second at most.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Lines about faults of one plugin in a second.
const LINES: u32 = 5;

/// Says of which faults there is a line.
#[derive(Debug, Default)]
pub(crate) struct FaultLog(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl FaultLog {
    /// Whether there is room for a line; if so, how many faults before it went without one.
    pub(crate) fn admits(&self, now: Instant) -> Option<u64> {
        let mut window = self.0.lock();
        let is_over =
            |began: Instant| now.saturating_duration_since(began) >= Duration::from_secs(1);
        if window.began.is_none_or(is_over) {
            window.began = Some(now);
            window.lines = 0;
        }
        if window.lines >= LINES {
            window.suppressed = window.suppressed.saturating_add(1);
            return None;
        }
        window.lines = window.lines.saturating_add(1);
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_gets_a_few_lines_a_second_and_the_next_line_counts_the_rest() {
        let (log, start) = (FaultLog::default(), Instant::now());
        let said = (0..1_000).filter_map(|_| log.admits(start)).count();
        assert_eq!(said, 5);
        assert_eq!(log.admits(start + Duration::from_secs(1)), Some(995));
        assert_eq!(log.admits(start + Duration::from_secs(1)), Some(0));
    }
}
