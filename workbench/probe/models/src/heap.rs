//! The heap sampler's tables and its gate.

mod capture {
    /// As many as a scene needs.
    pub(super) const MOST_FRAMES: usize = 2;
}
#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/heap/estimate.rs"]
mod estimate;
#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/heap/gate.rs"]
mod gate;
#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/heap/live.rs"]
mod live;
#[allow(dead_code, reason = "a scene uses a part")]
#[path = "../../src/heap/stacks.rs"]
mod stacks;

use loom::sync::Arc;
use loom::thread;

use self::estimate::Weight;
use self::gate::Gate;
use self::live::Block;
use self::stacks::Side;

const PAGE: usize = 4096;

/// A table that has been used, see [`crate::sync`].
fn live<const PLACES: usize>() -> Arc<live::Table<1, PLACES>> {
    let table = live::Table::new();
    for page in 1..=PLACES {
        assert!(table.insert(PAGE * (100 + page), Block { generation: 1, stack: 0 }));
    }
    for page in 1..=PLACES {
        assert!(table.remove(PAGE * (100 + page)).is_some());
    }
    Arc::new(table)
}

/// The same.
fn stacks<const PLACES: usize>() -> Arc<stacks::Table<PLACES, 1>> {
    let table = stacks::Table::new();
    let weight = Weight { objects: 1, bytes: 1 };
    for stack in 1..=2 * PLACES as u64 {
        let position = table.position(&[stack, stack]);
        table.add(position, Side::Allocated, weight);
        table.add(position, Side::Freed, weight);
    }
    table.keep_as_peak();
    assert_eq!(table.all().len(), PLACES + 1, "every place, and the lost one");
    table.clear();
    assert!(table.all().is_empty());
    Arc::new(table)
}

/// Two threads add and remove a block each in one window of two places; each finds its own, with what it said of it.
pub fn blocks_of_one_window_do_not_meet() {
    let table = live::<2>();
    let scene = |table: &live::Table<1, 2>, number: u32| {
        let (address, block) = (PAGE * (1 + number as usize), Block { generation: 7, stack: number });
        assert!(table.insert(address, block), "there is room for both");
        assert!(table.any() && table.contains(address));
        assert_eq!(table.remove(address), Some(block));
    };
    let other = Arc::clone(&table);
    let thread = thread::spawn(move || scene(&other, 1));
    scene(&table, 2);
    thread.join().expect("the other thread saw what it should");
    assert!(!table.any());
}

/// One thread samples a block and hands it over by a flag with release and acquire; the other frees it.
pub fn a_block_handed_over_is_found() {
    let table = live::<1>();
    let handed = Arc::new(loom::sync::atomic::AtomicBool::new(false));
    let block = Block { generation: 1, stack: 5 };
    let (to, flag) = (Arc::clone(&table), Arc::clone(&handed));
    let thread = thread::spawn(move || {
        assert!(to.insert(PAGE, block));
        flag.store(true, loom::sync::atomic::Ordering::Release);
    });
    if handed.load(loom::sync::atomic::Ordering::Acquire) {
        assert!(table.any(), "its count came with it");
        assert_eq!(table.remove(PAGE), Some(block));
        // Its place is free again.
        assert!(table.insert(2 * PAGE, block));
    }
    thread.join().expect("the other thread saw what it should");
}

/// Two threads add a sample of one stack: whether they share a place or not, both samples and the frames are there.
pub fn samples_of_one_stack_add_up() {
    let table = stacks::<2>();
    let weight = Weight { objects: 3, bytes: 10 };
    let other = Arc::clone(&table);
    let thread = thread::spawn(move || other.add(other.position(&[8, 9]), Side::Allocated, weight));
    table.add(table.position(&[8, 9]), Side::Allocated, weight);
    thread.join().expect("the other thread saw what it should");
    let all = table.all();
    assert!(all.iter().all(|known| known.addresses == [8, 9]), "two places are enough for both");
    assert_eq!(all.iter().map(|known| known.now[0].bytes).sum::<u64>(), 20);
}

/// Two threads add samples of different stacks to a table with one place: one loses its frames, none its sums.
pub fn a_full_table_loses_frames_only() {
    let table = stacks::<1>();
    let weight = Weight { objects: 3, bytes: 10 };
    let other = Arc::clone(&table);
    let thread = thread::spawn(move || other.add(other.position(&[8]), Side::Allocated, weight));
    table.add(table.position(&[9]), Side::Allocated, weight);
    thread.join().expect("the other thread saw what it should");
    let mut all: Vec<_> = table.all().into_iter().map(|known| (known.addresses, known.now[0].samples)).collect();
    all.sort();
    assert!(all == [(vec![], 1), (vec![8], 1)] || all == [(vec![], 1), (vec![9], 1)], "{all:?}");
}

/// Once the gate is closed nobody writes, and what was written is seen: the owner may read without atomics.
pub fn a_closed_gate_keeps_writers_out() {
    let gate = Arc::new(Gate::new());
    let written = Arc::new(loom::cell::UnsafeCell::new(0_u32));
    gate.close();
    gate.open(1);
    let (theirs, cell) = (Arc::clone(&gate), Arc::clone(&written));
    let thread = thread::spawn(move || {
        if let Some(writer) = theirs.enter(1) {
            // SAFETY: the only writer, and the owner waits for it; loom fails where that is not so.
            cell.with_mut(|value| unsafe { *value += writer.generation });
        }
    });
    gate.close();
    // SAFETY: nobody is within the gate.
    let seen = written.with(|value| unsafe { *value });
    thread.join().expect("the other thread saw what it should");
    // SAFETY: the other thread has ended.
    assert_eq!(written.with(|value| unsafe { *value }), seen, "nothing was written after the gate was closed");
    assert!(gate.enter(1).is_none() && gate.generation() == 0);
}
