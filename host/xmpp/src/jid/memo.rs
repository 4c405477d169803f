//! The addresses parsed last, for each thread: most stanzas go where others went just before, and preparing an address costs
//! 0.3 µs, several times what finding it again does.

use std::cell::RefCell;
use std::sync::Arc;

use super::Jid;

/// Addresses remembered for each thread: one for each value of a byte of the hash.
const SLOTS: usize = 256;
/// The longest address that is remembered, in bytes, so that a thread's memory of them stays within 48 KiB.
const LONGEST: usize = 128;

thread_local! {
    static MEMO: RefCell<Vec<Option<Arc<Jid>>>> = const { RefCell::new(Vec::new()) };
}

/// The address whose prepared form is exactly `text`, if it is remembered.
pub(super) fn recall(text: &str) -> Option<Arc<Jid>> {
    let slot = slot(text)?;
    MEMO.with_borrow(|memo| {
        memo.get(slot)?
            .as_ref()
            .filter(|jid| jid.as_str() == text)
            .cloned()
    })
}

/// Remembers an address in the place of another.
pub(super) fn remember(jid: &Arc<Jid>) {
    let Some(slot) = slot(jid.as_str()) else {
        return;
    };
    MEMO.with_borrow_mut(|memo| {
        if memo.is_empty() {
            memo.resize(SLOTS, None);
        }
        if let Some(place) = memo.get_mut(slot) {
            *place = Some(Arc::clone(jid));
        }
    });
}

/// Where an address would be. A peer that makes addresses share a slot gains only that they are parsed anew.
fn slot(text: &str) -> Option<usize> {
    if text.len() > LONGEST {
        return None;
    }
    let mix = |hash: u64, word: u64| {
        (hash ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23)
    };
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words
        .iter()
        .fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let hash = rest
        .iter()
        .fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    let [slot, ..] = hash.to_be_bytes();
    Some(usize::from(slot))
}

#[cfg(test)]
mod tests {
    use super::super::parse_shared;
    use super::*;

    #[test]
    fn recalls_an_address_by_its_prepared_form_alone() {
        let jid = parse_shared("juliet@example.com/Balcony").unwrap();
        remember(&jid);
        assert_eq!(recall("juliet@example.com/Balcony"), Some(jid));
        assert_eq!(recall("juliet@example.com/balcony"), None);
        assert_eq!(recall("Juliet@example.com/Balcony"), None);
    }

    #[test]
    fn forgets_by_overwriting_and_takes_no_long_address() {
        for number in 0..10_000 {
            remember(&parse_shared(&format!("user{number}@example.com")).unwrap());
        }
        let kept = MEMO.with_borrow(|memo| memo.iter().flatten().count());
        assert!(kept <= SLOTS && kept > SLOTS / 2, "{kept}");
        let long = parse_shared(&format!("a@example.com/{}", "x".repeat(LONGEST))).unwrap();
        remember(&long);
        assert_eq!(recall(long.as_str()), None);
    }
}
