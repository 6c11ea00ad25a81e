//! Records become counted stacks.

use std::collections::HashMap;

use super::ring::Record;
use super::tops;
use crate::cpu::Moment;
use crate::cpu::unwind::{End, StackCopy, Unwinder};

/// Beyond the last frame of a thread its first function keeps a few words; copies take them along.
const ROOT_BYTES: u64 = 256;
/// Moments that are kept: 20 minutes of two busy CPUs.
const MOST_MOMENTS: usize = 600_000;

/// One stack of threads of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cpu) struct Stack {
    pub(in crate::cpu) thread: [u8; 16],
    /// Leaf first, see [`Unwinder::walk`].
    pub(in crate::cpu) addresses: Vec<u64>,
    pub(in crate::cpu) count: u64,
    pub(in crate::cpu) rooted: bool,
}

/// Everything seen so far.
#[derive(Debug)]
pub(super) struct Tally {
    profile: u32,
    unwinder: Unwinder,
    positions: HashMap<([u8; 16], Vec<u64>), u32>,
    pub(super) stacks: Vec<Stack>,
    /// Their `sample` is a position in `stacks`.
    pub(super) moments: Vec<Moment>,
    /// Signals, whatever their weight.
    pub(super) signals: u64,
    addresses: Vec<u64>,
}

impl Tally {
    /// Counts what belongs to `profile`.
    pub(super) fn new(profile: u32) -> Self {
        Self {
            profile,
            unwinder: Unwinder::new(),
            positions: HashMap::new(),
            stacks: Vec::new(),
            moments: Vec::new(),
            signals: 0,
            addresses: Vec::new(),
        }
    }

    /// Objects may have been loaded meanwhile.
    pub(super) fn refresh(&mut self) {
        self.unwinder.refresh();
    }

    /// Walks and counts one record; a handler that comes late from an earlier profile is nothing.
    pub(super) fn add(&mut self, record: &Record) {
        if record.profile != self.profile {
            return;
        }
        let copy = StackCopy {
            start: record.registers.sp,
            bytes: &record.stack[..record.copied as usize],
            beyond: &record.beyond[..record.links as usize],
        };
        self.addresses.clear();
        let (end, top) = self.unwinder.walk_to_top(record.registers, &copy, &mut self.addresses);
        match end {
            End::Root => tops::learn(record.thread, top.saturating_add(ROOT_BYTES)),
            _ => tops::forget(record.thread),
        }
        let key = (until_nul(record.name), self.addresses.clone());
        let stack = *self.positions.entry(key).or_insert_with_key(|(thread, addresses)| {
            let rooted = end == End::Root;
            self.stacks.push(Stack { thread: *thread, addresses: addresses.clone(), count: 0, rooted });
            u32::try_from(self.stacks.len() - 1).unwrap_or(u32::MAX)
        });
        self.stacks[stack as usize].count += u64::from(record.weight);
        self.signals += 1;
        if self.moments.len() < MOST_MOMENTS {
            let Record { at_ns, thread, weight, .. } = *record;
            self.moments.push(Moment { at_ns, thread, sample: stack, weight });
        }
    }
}

/// A name without what an earlier, longer one left behind it.
fn until_nul(mut name: [u8; 16]) -> [u8; 16] {
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name[length..].fill(0);
    name
}
