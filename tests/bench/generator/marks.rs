//! Counts marks in a stream of bytes, also those that are cut in two.

use memchr::memmem::Finder;

/// Looks for one mark.
pub(crate) struct Marks {
    finder: Finder<'static>,
    /// The end of what was seen, shorter than a mark.
    rest: Vec<u8>,
}

impl Marks {
    pub(crate) fn new(mark: &str) -> Self {
        Self {
            finder: Finder::new(mark.as_bytes()).into_owned(),
            rest: Vec::new(),
        }
    }

    /// How many marks end in `bytes`, which follow what was given before.
    pub(crate) fn count(&mut self, bytes: &[u8]) -> u64 {
        let across = self.finder.needle().len() - 1;
        let seam_end = bytes.len().min(across);
        self.rest
            .extend_from_slice(bytes.get(..seam_end).unwrap_or_default());
        let in_seam = self.finder.find_iter(&self.rest).count();
        let found = in_seam + self.finder.find_iter(bytes).count();
        if bytes.len() >= across {
            self.rest.clear();
            self.rest
                .extend_from_slice(bytes.get(bytes.len() - across..).unwrap_or_default());
        } else {
            let surplus = self.rest.len().saturating_sub(across);
            self.rest.drain(..surplus);
        }
        u64::try_from(found).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn counts_marks_however_they_are_cut() {
        let text = b"<a></message><b></message></message>";
        for size in 1..=text.len() {
            let mut marks = Marks::new("</message>");
            let found: u64 = text.chunks(size).map(|piece| marks.count(piece)).sum();
            assert_eq!(found, 3, "in pieces of {size}");
        }
    }
}
