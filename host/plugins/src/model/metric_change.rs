//! Changes that plugins make to metrics of their own.

/// A change to a figure.
#[derive(Debug)]
pub(crate) enum MetricChange {
    /// Adds to a counter.
    Count(String, u64),
    /// Sets a gauge.
    Set(String, i64),
}

/// Why a change is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricRefusal {
    InvalidName,
    OtherKind,
    TooMany,
}
