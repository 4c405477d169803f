//! How long each test took. The harness says when a test has ended, and not when it began; but it begins tests in the order in which
//! it lists them, as many at once as it has threads, and the next one when one ends. So the ends tell the beginnings.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The tests of one program while it runs.
pub(super) struct Durations {
    /// Those that have not begun, the next one last.
    waiting: Vec<String>,
    running: BTreeMap<String, Instant>,
    /// Those that have ended.
    pub(super) ended: Vec<(String, Duration)>,
}

impl Durations {
    /// `order`: the names as the harness lists them.
    pub(super) fn begin(mut order: Vec<String>, threads: usize, now: Instant) -> Self {
        order.reverse();
        let mut begun = Self {
            waiting: order,
            running: BTreeMap::new(),
            ended: Vec::new(),
        };
        for _ in 0..threads.max(1) {
            begun.next(now);
        }
        begun
    }

    /// Takes a line of the harness's, such as `test a::b ... ok`; others are none of its business.
    pub(super) fn read(&mut self, line: &str, now: Instant) {
        let Some(name) = ended(line) else {
            return;
        };
        // One that ended before its turn means that the order was another one; it then counts from now on.
        let begun = self.running.remove(name).unwrap_or(now);
        self.waiting.retain(|waiting| waiting != name);
        self.ended
            .push((name.to_owned(), now.saturating_duration_since(begun)));
        self.next(now);
    }

    fn next(&mut self, now: Instant) {
        if let Some(name) = self.waiting.pop() {
            self.running.insert(name, now);
        }
    }
}

/// The test that a line says has ended, whatever came of it.
pub(super) fn ended(line: &str) -> Option<&str> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let known = ["ok", "FAILED", "ignored"];
    known
        .iter()
        .any(|known| result.starts_with(known))
        .then(|| name.trim_end().trim_end_matches(" - should panic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_test_begins_when_one_ends() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut durations = Durations::begin(names, 2, start);
        durations.read("test b ... ok", at(1));
        durations.read("running 4 tests", at(2));
        durations.read("test a ... FAILED", at(5));
        durations.read("test d     ... ok", at(6));
        durations.read("test c - should panic ... ok", at(9));
        let expected = [("b", 1), ("a", 5), ("d", 1), ("c", 8)];
        let expected = expected.map(|(name, took)| (name.to_owned(), Duration::from_secs(took)));
        assert_eq!(durations.ended, expected);
    }

    #[test]
    fn a_line_that_a_test_printed_is_no_end() {
        assert_eq!(ended("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(ended("test the server ... and see"), None);
        assert_eq!(
            ended("test a::b ... ignored, needs a network"),
            Some("a::b")
        );
    }
}
