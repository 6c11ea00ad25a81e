//! The selectable allocator under each of its kinds: this binary is started again with the kind in its environment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;

use harness::{Named, child, passes_under_each_kind};
use probe::allocator::{Counters, ENV, Kind, UNKNOWN_KIND_EXIT, counters, kind, verify};

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

const TESTS: &[Named] = &[
    ("each_kind_is_chosen_and_passes_the_guard", || passes_under_each_kind("the_guard_passes")),
    ("each_kind_counts_exactly", || passes_under_each_kind("counts_are_exact")),
    ("counts_of_finished_threads_stay", || passes_under_each_kind("finished_threads_stay_counted")),
    ("blocks_are_aligned_zeroed_and_keep_their_contents", || passes_under_each_kind("random_operations")),
    ("an_unknown_kind_ends_the_process_before_main", an_unknown_kind_ends_the_process_before_main),
    ("jemalloc_is_the_default", jemalloc_is_the_default),
    ("mimalloc_counts_what_it_commits", mimalloc_counts_what_it_commits),
];

const CHECKS: &[Named] = &[
    ("the_guard_passes", the_guard_passes),
    ("counts_are_exact", counts_are_exact),
    ("finished_threads_stay_counted", finished_threads_stay_counted),
    ("random_operations", random_operations),
    ("jemalloc_serves", jemalloc_serves),
    ("mimalloc_commits", mimalloc_commits),
];

fn main() {
    harness::run(TESTS, CHECKS);
}

fn chosen() -> Kind {
    std::env::var(ENV).unwrap().parse().unwrap()
}

fn the_guard_passes() {
    assert_eq!(kind(), chosen());
    verify().unwrap();
    // Nothing of the guard's probes stays behind.
    let before = counters();
    verify().unwrap();
    let used = counters() - before;
    assert_eq!((used.allocations, used.bytes_allocated), (used.frees, used.bytes_freed));
}

fn counted(work: impl FnOnce()) -> Counters {
    let before = counters();
    work();
    counters() - before
}

fn counts_are_exact() {
    const BOXES: u64 = 1000;
    let mut boxes: Vec<Box<[u8; 256]>> = Vec::with_capacity(1000);
    let filled = counted(|| boxes.extend((0..BOXES).map(|_| black_box(Box::new([1; 256])))));
    assert_eq!(filled, Counters { allocations: BOXES, bytes_allocated: BOXES * 256, ..Counters::default() });
    let emptied = counted(|| boxes.clear());
    assert_eq!(emptied, Counters { frees: BOXES, bytes_freed: BOXES * 256, ..Counters::default() });

    let mut bytes: Vec<u8> = Vec::new();
    let first = counted(|| bytes.reserve_exact(16));
    assert_eq!(first, Counters { allocations: 1, bytes_allocated: 16, ..Counters::default() });
    let grown = counted(|| bytes.reserve_exact(1024));
    assert_eq!(grown, Counters { reallocations: 1, bytes_allocated: 1008, ..Counters::default() });
    let shrunk = counted(|| bytes.shrink_to(512));
    assert_eq!(shrunk, Counters { reallocations: 1, bytes_freed: 512, ..Counters::default() });
    let dropped = counted(|| drop(bytes));
    assert_eq!(dropped, Counters { frees: 1, bytes_freed: 512, ..Counters::default() });

    let zeroed = counted(|| drop(black_box(vec![0_u64; 512])));
    let expected =
        Counters { allocations: 1, frees: 1, bytes_allocated: 4096, bytes_freed: 4096, ..Counters::default() };
    assert_eq!(zeroed, expected);
}

fn finished_threads_stay_counted() {
    const THREADS: usize = 20;
    const BLOCK: u64 = 1 << 20;
    let used = counted(|| {
        for _ in 0..THREADS {
            // Allocated there, freed here.
            let blocks = std::thread::spawn(|| black_box(vec![vec![1_u8; 1 << 20], vec![1_u8; 1 << 20]]));
            drop(blocks.join().unwrap());
        }
    });
    // Starting threads allocates a little, too: far less than one block for all of them.
    let blocks = 2 * THREADS as u64 * BLOCK;
    assert!((blocks..blocks + BLOCK).contains(&used.bytes_allocated), "{used:?}");
    assert!((blocks..blocks + BLOCK).contains(&used.bytes_freed), "{used:?}");
    assert!(counters().live_bytes() < BLOCK);
}

/// A block with a pattern of its own.
struct Block {
    address: *mut u8,
    layout: Layout,
    pattern: u8,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is live, of that size, and was filled when it was made.
        unsafe { std::slice::from_raw_parts(self.address, self.layout.size()) }
    }

    fn fill(&mut self) {
        // SAFETY: the block is live and of that size.
        unsafe { self.address.write_bytes(self.pattern, self.layout.size()) };
    }

    fn check(&self) {
        assert!(!self.address.is_null());
        assert_eq!(self.address.addr() % self.layout.align(), 0, "{:?}", self.layout);
        assert!(self.bytes().iter().all(|&byte| byte == self.pattern), "{:?}", self.layout);
    }

    fn free(self) {
        self.check();
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.address, self.layout) };
    }
}

/// Marsaglia's xorshift64: the same operations in each child.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// Sizes of every magnitude up to 1 MiB.
    fn size(&mut self) -> usize {
        let magnitude = self.below(20);
        1 + self.below(1 << (magnitude + 1))
    }

    /// Mostly small, at most 2 MiB: a huge page.
    fn alignment(&mut self) -> usize {
        let largest = if self.below(8) == 0 { 22 } else { 7 };
        1 << self.below(largest)
    }
}

fn random_operations() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut live: Vec<Block> = Vec::with_capacity(128);
    let before = counters();
    let mut resized = 0;
    for step in 0..20_000 {
        match random.below(5) {
            0 | 1 if live.len() < 128 => {
                let layout = Layout::from_size_align(random.size(), random.alignment()).unwrap();
                let zeroed = random.below(2) == 0;
                // SAFETY: the size is not zero.
                let address = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
                let mut block = Block { address, layout, pattern: 0 };
                if zeroed {
                    block.check();
                }
                block.pattern = (step % 255 + 1) as u8;
                block.fill();
                block.check();
                live.push(block);
            }
            2 | 3 if !live.is_empty() => {
                let at = random.below(live.len());
                let block = &mut live[at];
                let size = random.size();
                let kept = size.min(block.layout.size());
                // SAFETY: the block is live with this layout, and the new size is neither zero nor near the limit.
                block.address = unsafe { realloc(block.address, block.layout, size) };
                resized += 1;
                block.layout = Layout::from_size_align(kept, block.layout.align()).unwrap();
                block.check();
                block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                block.fill();
            }
            4 if !live.is_empty() => {
                let at = random.below(live.len());
                live.swap_remove(at).free();
            }
            _ => {}
        }
    }
    live.drain(..).for_each(Block::free);
    let used = counters() - before;
    assert_eq!((used.allocations, used.bytes_allocated), (used.frees, used.bytes_freed));
    assert_eq!(used.reallocations, resized);
    assert!(used.allocations > 1_000 && resized > 1_000, "{used:?}");
}

fn an_unknown_kind_ends_the_process_before_main() {
    let output = child("the_guard_passes", Some("jemaloc"));
    assert_eq!(output.status.code(), Some(UNKNOWN_KIND_EXIT));
    assert!(output.stdout.is_empty());
    insta::assert_snapshot!(
        String::from_utf8(output.stderr).unwrap(),
        @"workbench: WORKBENCH_ALLOCATOR=jemaloc: not one of jemalloc, mimalloc, system"
    );
}

fn jemalloc_is_the_default() {
    for kind in [None, Some("")] {
        let output = child("jemalloc_serves", kind);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn jemalloc_serves() {
    assert_eq!(kind(), Kind::Jemalloc);
    verify().unwrap();
}

fn mimalloc_counts_what_it_commits() {
    let output = child("mimalloc_commits", Some("mimalloc"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn mimalloc_commits() {
    let block = black_box(vec![1_u8; 64 << 20]);
    let stats = probe::mimalloc::stats();
    assert!(stats.committed >= 64 << 20 && stats.peak_committed >= stats.committed, "{stats:?}");
    assert!(stats.peak_resident >= 64 << 20, "{stats:?}");
    assert!(probe::mimalloc::version().starts_with("3."), "{}", probe::mimalloc::version());
    drop(block);
}
