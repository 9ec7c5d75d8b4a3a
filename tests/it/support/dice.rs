//! Numbers that look random and are the same in every run, unless another seed is given.

use std::io::Write as _;

/// xorshift64* (Vigna 2016).
pub struct Dice(u64);

impl Dice {
    /// Dice that begin with `AIRBASE_TEST_SEED`, or with `usual`; which of them is told, so that a run can be repeated.
    pub fn new(usual: u64) -> Self {
        let given = std::env::var("AIRBASE_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(usual);
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Not println: the harness keeps what a passing test prints to itself.
        std::io::stderr().write_all(format!("AIRBASE_TEST_SEED={seed} {test}\n").as_bytes()).unwrap();
        // Zero would stay zero.
        Self(seed | 1)
    }

    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap();
            items.swap(last, other);
        }
    }
}
