//! SipHash-1-3 for one 16-byte message: the keyed hash behind the sampling decision.
//!
//! Written out because the standard library's copy takes no key on a stable compiler, and because the decision must
//! stay the same for ever: a changed hash would judge other traces after an upgrade.

/// The 64-bit hash of a trace id under a 128-bit key.
pub(super) fn hash(key: (u64, u64), message: &[u8; 16]) -> u64 {
    let (first, second) = halves(message);
    let mut state = State::new(key);
    state.absorb(first);
    state.absorb(second);
    // The closing word is the length (16) in the top byte; no bytes are left over.
    state.absorb(16 << 56);
    state.finish()
}

fn halves(message: &[u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(*message);
    (number as u64, (number >> 64) as u64)
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn new((key0, key1): (u64, u64)) -> Self {
        Self {
            v0: key0 ^ 0x736f_6d65_7073_6575,
            v1: key1 ^ 0x646f_7261_6e64_6f6d,
            v2: key0 ^ 0x6c79_6765_6e65_7261,
            v3: key1 ^ 0x7465_6462_7974_6573,
        }
    }

    fn absorb(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    fn finish(mut self) -> u64 {
        self.v2 ^= 0xff;
        self.round();
        self.round();
        self.round();
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The standard library's default hasher is SipHash-1-3 with two zero keys.
        #[test]
        fn agrees_with_the_standard_library_under_the_zero_key(message in any::<[u8; 16]>()) {
            let mut reference = DefaultHasher::new();
            reference.write(&message);
            prop_assert_eq!(hash((0, 0), &message), reference.finish());
        }
    }

    #[test]
    fn the_key_decides_the_hash() {
        let message = [7; 16];
        let all: std::collections::HashSet<u64> =
            [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().map(|key| hash(key, &message)).collect();
        assert_eq!(all.len(), 4);
    }
}
