//! What guests print, which goes to their plugin's log line by line.

use crate::accounting::log_budget::LogBudget;
use crate::wit::bindings::waxwing::plugin::log::Level;

/// What is printed at a time, and the longest line; a longer one is broken.
pub(crate) const ROOM: usize = 4_096;

/// What was printed and is no whole line yet.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    output: Vec<u8>,
    error: Vec<u8>,
}

/// Where something is printed.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Output,
    Error,
}

impl Printed {
    /// Takes what a guest prints, and writes each line that it ends to the log.
    pub(crate) fn print(&mut self, stream: Stream, bytes: &[u8], log: &LogBudget, plugin: &str) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let pending = self.of(stream);
            pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") || pending.len() >= ROOM {
                let line = std::mem::take(pending);
                log_line(stream, &line, log, plugin);
            }
        }
    }

    /// Writes what was printed without a line's end, since the call has ended.
    pub(crate) fn flush(&mut self, log: &LogBudget, plugin: &str) {
        for stream in [Stream::Output, Stream::Error] {
            let line = std::mem::take(self.of(stream));
            if !line.is_empty() {
                log_line(stream, &line, log, plugin);
            }
        }
    }

    const fn of(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }
}

fn log_line(stream: Stream, line: &[u8], log: &LogBudget, plugin: &str) {
    let level = match stream {
        Stream::Output => Level::Info,
        Stream::Error => Level::Warn,
    };
    log.write(plugin, level, String::from_utf8_lossy(line).trim_end());
}
