//! What is measured of a server under a load.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A kind of figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metric {
    /// Units done in a second.
    Rate,
    /// Units that were due in a second, where that is given.
    Offered,
    /// Processor time of the server for each unit, user and system, in microseconds.
    Cpu,
    /// Processor time of the server in percent of one processor. Near 100: the server is the limit.
    Busy,
    /// The same of the generator. Near 100: the generator is the limit.
    Generator,
    /// Memory of the server, proportional set size, in MiB.
    Memory,
    /// Memory that a session takes, in KiB.
    Session,
    /// Median latency in milliseconds.
    P50,
    /// Latency that 99 of 100 keep within, in milliseconds.
    P99,
    /// The longest latency, in milliseconds.
    Longest,
}

/// The figures of one measurement.
pub(crate) type Values = BTreeMap<Metric, f64>;

impl Metric {
    /// The head of a column; `unit` is what the load counts.
    pub(crate) fn head(self, unit: &str) -> String {
        match self {
            Self::Rate => format!("{unit}s/s"),
            Self::Offered => "due/s".to_owned(),
            Self::Cpu => format!("CPU µs/{unit}"),
            Self::Busy => "server busy %".to_owned(),
            Self::Generator => "generator busy %".to_owned(),
            Self::Memory => "memory MiB".to_owned(),
            Self::Session => "KiB/session".to_owned(),
            Self::P50 => "median ms".to_owned(),
            Self::P99 => "p99 ms".to_owned(),
            Self::Longest => "longest ms".to_owned(),
        }
    }

    /// A value as it is shown.
    pub(crate) fn shown(self, value: f64) -> String {
        match self {
            Self::Rate | Self::Offered => thousands(value),
            Self::Busy | Self::Generator => format!("{value:.0}"),
            Self::Memory | Self::Session => format!("{value:.1}"),
            Self::Cpu if value >= 100.0 => thousands(value),
            Self::Cpu | Self::P50 | Self::P99 | Self::Longest => format!("{value:.2}"),
        }
    }
}

/// A whole number with a comma after each thousand.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn puts_a_comma_after_each_thousand() {
        let shown = [0.4, 999.0, 1000.0, 1_234_567.0].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
