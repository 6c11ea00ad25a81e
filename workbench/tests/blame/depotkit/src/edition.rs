//! A published price list; when it is retired, its audit line is closed.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

pub static AUDITED: AtomicU64 = AtomicU64::new(0);

pub struct Edition {
    pub serial: u64,
    prices: Vec<u64>,
    reads: AtomicU64,
}

impl Edition {
    pub fn draw(serial: u64, len: usize) -> Self {
        let mut x = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let prices = (0..len)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                x % 90_000
            })
            .collect();
        Edition { serial, prices, reads: AtomicU64::new(0) }
    }

    pub fn price(&self, item: usize) -> u64 {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.prices[item % self.prices.len()]
    }
}

impl Drop for Edition {
    fn drop(&mut self) {
        // guilty
        let mut bands: BTreeMap<u64, u32> = BTreeMap::new();
        for p in &self.prices {
            *bands.entry(*p).or_default() += 1;
        }
        let widest = bands.values().copied().max().unwrap_or(0);
        AUDITED.fetch_add(u64::from(widest) + self.reads.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
