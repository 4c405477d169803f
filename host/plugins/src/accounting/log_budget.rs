//! What plugins write to the server's log: so much a second, and nothing that could pass for another line.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::wit::bindings::waxwing::plugin::log::Level;

const BYTES_A_SECOND: usize = 64 << 10;
const MAX_LINE: usize = 4_096;

/// A plugin's share of the log.
#[derive(Debug)]
pub(crate) struct LogBudget {
    window: Mutex<Window>,
    suppressed: AtomicU64,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    bytes: usize,
    suppressed: u64,
}

impl Default for LogBudget {
    fn default() -> Self {
        Self {
            window: Mutex::new(Window {
                began: Instant::now(),
                bytes: 0,
                suppressed: 0,
            }),
            suppressed: AtomicU64::new(0),
        }
    }
}

impl LogBudget {
    /// Writes one line of a guest under the plugin's name, unless the plugin has used up its share.
    pub(crate) fn write(&self, plugin: &str, level: Level, message: &str) {
        let line = escape(message);
        if !self.admits(plugin, line.len()) {
            return;
        }
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, "{line}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, "{line}"),
            Level::Info => tracing::info!(target: "plugin", plugin, "{line}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, "{line}"),
            Level::Error => tracing::error!(target: "plugin", plugin, "{line}"),
        }
    }

    /// Lines that were not written, ever.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    /// Whether a line of so many bytes may be written now. Says at the end of a second how many were not.
    pub(crate) fn admits(&self, plugin: &str, bytes: usize) -> bool {
        let mut window = self.window.lock();
        if window.began.elapsed() >= Duration::from_secs(1) {
            if window.suppressed > 0 {
                tracing::warn!(target: "plugin", plugin, suppressed = window.suppressed, "wrote too much to the log");
            }
            *window = Window {
                began: Instant::now(),
                bytes: 0,
                suppressed: 0,
            };
        }
        window.bytes = window.bytes.saturating_add(bytes);
        let admitted = window.bytes <= BYTES_A_SECOND;
        if !admitted {
            window.suppressed = window.suppressed.saturating_add(1);
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }
}

/// One line, cut to its limit: no control character reaches a terminal or begins another line.
fn escape(message: &str) -> String {
    let mut line = String::with_capacity(message.len().min(MAX_LINE));
    for c in message.chars() {
        if line.len() >= MAX_LINE {
            line.push('…');
            break;
        }
        if c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            // Writing to a string cannot fail.
            let _ = write!(line, "{}", c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_of_bounded_length() {
        assert_eq!(escape("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert!(escape(&"x".repeat(10_000)).len() < MAX_LINE + 10);
        assert!(escape(&"\n".repeat(10_000)).len() < MAX_LINE + 10);
    }

    #[test]
    fn a_flood_is_cut_at_its_share() {
        let budget = LogBudget::default();
        let admitted = (0..1_000).filter(|_| budget.admits("p", 1_024)).count();
        assert_eq!(admitted, 64);
        assert_eq!(budget.suppressed(), 936);
    }
}
