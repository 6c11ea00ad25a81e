//! mimalloc's options. Names, defaults and bounds: `src/options.c` of mimalloc 3.3; effects: measured on 2 CPUs against
//! mimalloc's default. Sizes are kept in KiB there, so that anything else does not read back as asked.

use super::{DECAY, MIMALLOC, fixed, go, varying};
use crate::knobs::{Acts, Kind, Knob};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        path: "allocator.mimalloc.purge_delay",
        kind: DECAY,
        default: fixed("1000"),
        doc: "Milliseconds until freed pages are given back to the kernel; 0 at once, -1 never. In bursts 0 took 5 times the CPU and a twelfth of the memory afterwards.",
        go: go(
            "GOGC",
            "GOGC trades collector CPU for garbage; the delay trades page-fault CPU for freed pages. The live heap is the same",
        ),
        acts: Acts::Mimalloc("purge_delay"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.arena_purge_mult",
        kind: Kind::Integer { min: 0, max: 10000 },
        default: fixed("1"),
        doc: "Factor on purge_delay for memory of arenas, which is nearly all of it.",
        go: go("none", "Go has one rate for the whole heap"),
        acts: Acts::Mimalloc("arena_purge_mult"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.purge_decommits",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether giving back is MADV_DONTNEED, which lowers the resident set at once, rather than MADV_FREE, which waits for the kernel to need the pages.",
        go: go("GODEBUG=madvdontneed=1", "the same choice, the same default"),
        acts: Acts::Mimalloc("purge_decommits"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.minimal_purge_size",
        kind: Kind::Bytes { min: 0, max: 1 << 30 },
        default: varying("0B: 64KiB, or 2MiB with allow_thp=2"),
        doc: "Smallest piece that is given back, a multiple of 1KiB. Larger ones keep huge pages whole.",
        go: go("none", "Go gives back pages of 8 KiB, and whole huge pages where it can"),
        acts: Acts::Mimalloc("minimal_purge_size"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.arena_reserve",
        kind: Kind::Bytes { min: 1024, max: 1 << 46 },
        default: fixed("1GiB"),
        doc: "Address space that is reserved at a time, a multiple of 1KiB. Not memory: pages come when touched.",
        go: go("heap arena", "64 MiB in Go, fixed"),
        acts: Acts::Mimalloc("arena_reserve"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.arena_eager_commit",
        kind: Kind::Choice(&["0", "1", "2"]),
        default: fixed("2"),
        doc: "Whether reserved space is made usable at once: never, always, or where the kernel overcommits.",
        go: go("none", "Go maps as it grows"),
        acts: Acts::Mimalloc("arena_eager_commit"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.arena_max_object_size",
        kind: Kind::Bytes { min: 1024, max: 1 << 46 },
        default: fixed("2GiB"),
        doc: "Largest block that comes from an arena, a multiple of 1KiB; larger ones are mapped one by one and unmapped when freed.",
        go: go("none", "Go has no such border"),
        acts: Acts::Mimalloc("arena_max_object_size"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.disallow_arena_alloc",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether every page comes from the kernel by itself instead of from an arena.",
        go: go("none", "Go always uses arenas"),
        acts: Acts::Mimalloc("disallow_arena_alloc"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.reserve_os_memory",
        kind: Kind::Bytes { min: 0, max: 1 << 46 },
        default: fixed("0B"),
        doc: "Address space that is reserved at the start, a multiple of 1KiB.",
        go: go("memory ballast", "a ballast delayed collections; nothing is collected here"),
        acts: Acts::Mimalloc("reserve_os_memory"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.reserve_huge_os_pages",
        kind: Kind::Integer { min: 0, max: 1024 },
        default: fixed("0"),
        doc: "Huge pages of 1 GiB that are taken at the start, if the machine set them aside.",
        go: go("none", "Go takes no such pages"),
        acts: Acts::Mimalloc("reserve_huge_os_pages"),
        read_back: "mi_option_get of the running subject: the request, not what the kernel had",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.allow_large_os_pages",
        kind: Kind::Choice(&["0", "1"]),
        default: fixed("0"),
        doc: "Whether pages of 2 MiB are used that the machine set aside (hugetlbfs); without such pages nothing changes.",
        go: go("none", "Go takes no such pages"),
        acts: Acts::Mimalloc("allow_large_os_pages"),
        read_back: "mi_option_get of the running subject: the request, not what the kernel had",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.allow_thp",
        kind: Kind::Choice(&["0", "1", "2"]),
        default: fixed("1"),
        doc: "Transparent huge pages: 0 refuses them for the whole process, 1 leaves them to the kernel, 2 also gives memory back in huge pages only.",
        go: go(
            "GODEBUG=disablethp=1",
            "Go leaves them to the kernel, or refuses them for its heap; it never asks for them",
        ),
        acts: Acts::Mimalloc("allow_thp"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.generic_collect",
        kind: Kind::Integer { min: 1, max: 1000000 },
        default: fixed("10000"),
        doc: "Calls of the slow path after which a thread collects what other threads freed for it.",
        go: go("GC cycle", "counted in calls, not in bytes, and it frees nothing that is live"),
        acts: Acts::Mimalloc("generic_collect"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_reclaim_on_free",
        kind: Kind::Choice(&["-1", "0", "1"]),
        default: fixed("0"),
        doc: "Whether a free takes over a page whose thread ended: never, if it was this thread's, always.",
        go: go("span sweeping", "any P may take any span in Go"),
        acts: Acts::Mimalloc("page_reclaim_on_free"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_max_reclaim",
        kind: Kind::Signed { min: -1, max: 1000000 },
        default: fixed("-1"),
        doc: "Most pages of a size that a thread holds before it takes back no more of its own; -1 is no limit.",
        go: go("none", "any P may take any span in Go"),
        acts: Acts::Mimalloc("page_max_reclaim"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_cross_thread_max_reclaim",
        kind: Kind::Signed { min: -1, max: 1000000 },
        default: fixed("32"),
        doc: "Most pages of a size that a thread holds before it takes over no more of other threads'; -1 is no limit.",
        go: go("none", "any P may take any span in Go"),
        acts: Acts::Mimalloc("page_cross_thread_max_reclaim"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_full_retain",
        kind: Kind::Signed { min: -1, max: 32 },
        default: fixed("2"),
        doc: "Full pages of a size that a thread keeps in its queues; -1 gives up none.",
        go: go("none", "Go hands full spans to the central list"),
        acts: Acts::Mimalloc("page_full_retain"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_max_candidates",
        kind: Kind::Integer { min: 1, max: 1000 },
        default: fixed("4"),
        doc: "Pages that are looked at for the fullest one that still has room. More fragment less.",
        go: go("none", "Go takes the next span with room"),
        acts: Acts::Mimalloc("page_max_candidates"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.page_commit_on_demand",
        kind: Kind::Choice(&["0", "1", "2"]),
        default: fixed("0"),
        doc: "Whether a page becomes usable bit by bit: never, always, or where the kernel does not overcommit.",
        go: go("none", "Go maps as it grows"),
        acts: Acts::Mimalloc("page_commit_on_demand"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.pagemap_commit",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether the table that finds pages by address is made usable as a whole at the start.",
        go: go("none", "Go's table of arenas grows with the heap"),
        acts: Acts::Mimalloc("pagemap_commit"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.use_numa_nodes",
        kind: Kind::Integer { min: 0, max: 1024 },
        default: fixed("0"),
        doc: "Memory nodes to tell apart at most; 0 asks the machine.",
        go: go("none", "Go knows no memory nodes"),
        acts: Acts::Mimalloc("use_numa_nodes"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.arena_is_numa_local",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether an arena belongs to the memory node of the thread that made it.",
        go: go("none", "Go knows no memory nodes"),
        acts: Acts::Mimalloc("arena_is_numa_local"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
    Knob {
        path: "allocator.mimalloc.visit_abandoned",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether pages of threads that ended can be walked, at the price of locks.",
        go: go("none", "Go's heap can always be walked"),
        acts: Acts::Mimalloc("visit_abandoned"),
        read_back: "mi_option_get of the running subject",
        ..MIMALLOC
    },
];
