//! A bound in bytes and in items, for what waits for one session.

/// How much may wait for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    bytes: u32,
    items: u32,
}

impl Bounds {
    /// Of so many bytes, by [`Weigh`], and so many items.
    pub(crate) const fn new(bytes: u32, items: u32) -> Self {
        Self { bytes, items }
    }

    /// Whether so many bytes in so many items are more than these.
    pub(crate) fn are_exceeded(self, bytes: usize, items: usize) -> bool {
        bytes > self.bytes as usize || items > self.items as usize
    }

    /// Whether a queue that holds so many bytes is near its bound: a sender should let the owner run before it pushes more.
    pub(crate) fn are_near(self, bytes: usize) -> bool {
        bytes > self.bytes as usize / 8
    }

    /// The half of them.
    pub(crate) const fn half(self) -> Self {
        Self::new(self.bytes / 2, self.items / 2)
    }

    /// The half of that.
    pub(crate) const fn quarter(self) -> Self {
        self.half().half()
    }
}
