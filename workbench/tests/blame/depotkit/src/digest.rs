//! Small non-cryptographic digests.
#[derive(Clone, Copy)]
pub struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    pub fn feed(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

pub fn of(bytes: &[u8]) -> u64 {
    let mut f = Fnv::default();
    f.feed(bytes);
    f.0
}

/// Digest over a body several times, as the partners' signature scheme wants it.
pub fn stretched(bytes: &[u8], rounds: u32) -> u64 {
    let mut f = Fnv::default();
    for _ in 0..rounds {
        f.feed(bytes);
    }
    f.0
}
