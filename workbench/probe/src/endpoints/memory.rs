//! Figures of the allocators.

use super::figures::{Figure, Kind, Value};
use crate::allocator::{self, Counters};
use crate::{jemalloc, mimalloc};

/// Why nothing is counted.
const NOT_COUNTED: &str = "probe::allocator::Selectable is not the global allocator of this program";

/// What the allocators say now, or why they say nothing.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) counted: Result<Counters, String>,
    pub(super) jemalloc: Result<jemalloc::Stats, String>,
    pub(super) mimalloc: Result<mimalloc::Stats, String>,
}

impl Memory {
    /// Asks those that really serve this program's blocks: the others have figures too, of memory that nobody uses.
    pub(super) fn read() -> Self {
        let block = std::hint::black_box(Box::new(0_u8));
        let address = (&raw const *block).cast();
        let by_jemalloc = jemalloc::owns(address).unwrap_or(false);
        let by_mimalloc = mimalloc::owns(address);
        Self {
            counted: allocator::is_installed().then(allocator::counters).ok_or_else(|| NOT_COUNTED.to_owned()),
            jemalloc: if by_jemalloc {
                jemalloc::stats().map_err(|error| error.to_string())
            } else {
                Err("jemalloc does not serve this program's blocks".to_owned())
            },
            mimalloc: by_mimalloc
                .then(mimalloc::stats)
                .ok_or_else(|| "mimalloc does not serve this program's blocks".to_owned()),
        }
    }

    /// Name of the allocator that serves this program's blocks.
    pub(super) fn allocator(&self) -> &'static str {
        match (&self.jemalloc, &self.mimalloc) {
            (Ok(_), _) => "jemalloc",
            (_, Ok(_)) => "mimalloc",
            _ => "system",
        }
    }
}

/// All of them, now.
pub(super) fn figures() -> Vec<Figure> {
    let memory = Memory::read();
    let mut figures = counted(&memory);
    figures.extend(of_jemalloc(&memory));
    let committed = memory.mimalloc.as_ref().map(|stats| Value::Whole(stats.committed)).map_err(Clone::clone);
    figures.push(
        Figure::new(Kind::Gauge, "workbench_mimalloc_committed_bytes", "bytes", committed)
            .note("Memory that mimalloc has committed."),
    );
    figures
}

fn counted(memory: &Memory) -> Vec<Figure> {
    let figure = |kind, name, unit, read: fn(&Counters) -> u64| {
        let value = memory.counted.as_ref().map(|counters| Value::Whole(read(counters))).map_err(Clone::clone);
        Figure::new(kind, name, unit, value)
    };
    use Kind::{Counter, Gauge};
    vec![
        figure(Gauge, "workbench_alloc_live_bytes", "bytes", Counters::live_bytes)
            .go("/gc/heap/live:bytes")
            .note("Allocated and not freed, requested sizes, now; Go's is what the last collection found alive. C code is not counted."),
        figure(Gauge, "workbench_alloc_live_blocks", "blocks", |c| c.allocations.saturating_sub(c.frees))
            .go("/gc/heap/objects:objects")
            .note("Blocks allocated and not freed; Go's include what is dead and not yet swept."),
        figure(Counter, "workbench_alloc_allocated_bytes_total", "bytes", |c| c.bytes_allocated)
            .go("/gc/heap/allocs:bytes")
            .note("Requested sizes, growth by reallocation included; Go counts size classes."),
        figure(Counter, "workbench_alloc_allocations_total", "blocks", |c| c.allocations)
            .go("/gc/heap/allocs:objects")
            .note("Blocks allocated; reallocations are not among them."),
        figure(Counter, "workbench_alloc_freed_bytes_total", "bytes", |c| c.bytes_freed)
            .go("/gc/heap/frees:bytes")
            .note("Requested sizes, shrinking by reallocation included."),
        figure(Counter, "workbench_alloc_frees_total", "blocks", |c| c.frees)
            .go("/gc/heap/frees:objects")
            .note("Blocks freed."),
        figure(Counter, "workbench_alloc_reallocations_total", "blocks", |c| c.reallocations)
            .note("Blocks resized."),
    ]
}

fn of_jemalloc(memory: &Memory) -> Vec<Figure> {
    let figure = |name, read: fn(&jemalloc::Stats) -> u64| {
        let value = memory.jemalloc.as_ref().map(|stats| Value::Whole(read(stats))).map_err(Clone::clone);
        Figure::new(Kind::Gauge, name, "bytes", value)
    };
    vec![
        figure("workbench_jemalloc_allocated_bytes", |s| s.allocated)
            .go("/memory/classes/heap/objects:bytes")
            .note("In live blocks, by size class."),
        figure("workbench_jemalloc_unused_bytes", |s| s.active.saturating_sub(s.allocated))
            .go("/memory/classes/heap/unused:bytes")
            .note("Active minus allocated: free places in pages that hold live blocks."),
        figure("workbench_jemalloc_active_bytes", |s| s.active)
            .note("In pages that hold live blocks."),
        figure("workbench_jemalloc_resident_bytes", |s| s.resident)
            .note("Physically resident pages by jemalloc's count, metadata and dirty pages included."),
        figure("workbench_jemalloc_dirty_bytes", |s| s.resident.saturating_sub(s.active + s.metadata))
            .go("/memory/classes/heap/free:bytes")
            .note("Resident minus active and metadata: an upper estimate of free pages that are not given back yet."),
        figure("workbench_jemalloc_retained_bytes", |s| s.retained)
            .go("/memory/classes/heap/released:bytes")
            .note("Address space kept for reuse without memory behind it."),
        figure("workbench_jemalloc_mapped_bytes", |s| s.mapped)
            .go("/memory/classes/total:bytes")
            .note("In mapped extents of the allocator, stacks and code excluded; Go's total covers all that its runtime mapped, released memory included."),
        figure("workbench_jemalloc_metadata_bytes", |s| s.metadata)
            .go("/memory/classes/metadata/other:bytes")
            .note("jemalloc's own data."),
    ]
}
