//! Unpredictable bytes (interface `random`); here from a seed, so that a test sees the same each time.

use crate::native::world;

/// So many bytes; at most 4,096.
///
/// # Panics
///
/// If it is more, which in a component is a trap.
pub fn bytes(count: u32) -> Vec<u8> {
    assert!(count <= 4_096, "at most 4,096 random bytes at a time");
    world::with(|world| (0..count).map(|_| next(&mut world.seed)).collect())
}

/// SplitMix64, its highest byte.
fn next(seed: &mut u64) -> u8 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let [highest, ..] = (z ^ (z >> 31)).to_be_bytes();
    highest
}
