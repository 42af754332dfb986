//! Inputs that are nearly right: a sound one with a few things changed.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The inputs that sound ones turn into.
pub(super) struct Mutations<'a> {
    pub(super) seeds: &'a [Vec<u8>],
    /// What the readers look for.
    pub(super) words: &'a [&'a str],
}

/// The most changes of one input.
const CHANGES: u32 = 8;
/// Longer inputs are cut, so that many can be tried.
const LONGEST: usize = 32 * 1024;

/// Numbers at the edges of their types, as bytes and as text.
const EDGES: [&[u8]; 12] = [
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\x0f",
    b"-1",
    b"0",
    b"1e999",
    b"9223372036854775808",
    b"NaN",
    b"\xed\xa0\x80",
];
/// What opens, closes and hides.
const STRUCTURE: [&str; 16] =
    ["{", "}", "[", "]", "\"", "\\", "\\u0000", "\\ud800", "\n", ",", ":", "---\n", "{{", "}}", "\u{feff}", "\u{202e}"];

impl Mutations<'_> {
    /// The input of this number, the same in every run.
    pub(super) fn input(&self, number: u64) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(number);
        let mut input = self.seeds[random.random_range(0..self.seeds.len())].clone();
        for _ in 0..random.random_range(1..=CHANGES) {
            self.change(&mut input, &mut random);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut StdRng) {
        let at = random.random_range(0..=input.len());
        let length = random.random_range(0..64).min(input.len() - at);
        match random.random_range(0..10) {
            0 if at < input.len() => input[at] ^= 1 << random.random_range(0..8),
            1 if at < input.len() => input[at] = random.random_range(0..=255),
            2 => drop(input.drain(at..at + length)),
            3 => input.truncate(at),
            4 => insert(input, at, EDGES[random.random_range(0..EDGES.len())]),
            5 => insert(input, at, STRUCTURE[random.random_range(0..STRUCTURE.len())].as_bytes()),
            6 if !self.words.is_empty() => {
                insert(input, at, self.words[random.random_range(0..self.words.len())].as_bytes());
            }
            // The same again, and very often.
            7 => {
                let part = input[at..at + length].to_vec();
                let times = 1 << random.random_range(0..8);
                insert(input, at, &part.repeat(times));
            }
            // The beginning of one with the end of another.
            8 => {
                let other = &self.seeds[random.random_range(0..self.seeds.len())];
                input.truncate(at);
                input.extend_from_slice(&other[random.random_range(0..=other.len())..]);
            }
            // Nested in itself.
            _ => {
                let times = random.random_range(1..200);
                let opened: &[u8] = if random.random_range(0..2) == 0 { b"[" } else { b"{\"a\":" };
                insert(input, at, &opened.repeat(times));
            }
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    let at = at.min(input.len());
    input.splice(at..at, part.iter().copied());
}
