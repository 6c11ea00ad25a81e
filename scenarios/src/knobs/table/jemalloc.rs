//! jemalloc's start-up options. Names, types and bounds: `src/conf.c` of jemalloc 5.3.1; effects: measured against the
//! default on 2 CPUs, CPU time as a ratio.

use super::{DECAY, JEMALLOC, fixed, go, varying};
use crate::knobs::{Acts, Kind, Knob};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        path: "allocator.jemalloc.narenas",
        kind: Kind::Integer { min: 1, max: 4094 },
        default: varying("four for each CPU"),
        doc: "Arenas that threads are spread over. Fewer save memory and page faults; too few contend on locks: with 1, \
              two threads that allocate in bursts took 0.69 of the CPU, more threads take more.",
        go: go("none", "Go's caches belong to Ps, so GOMAXPROCS sets their number"),
        acts: Acts::Jemalloc("narenas"),
        read_back: "mallctl opt.narenas",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.percpu_arena",
        kind: Kind::Choice(&["disabled", "percpu", "phycpu"]),
        default: fixed("disabled"),
        doc: "Arena by the CPU that a thread runs on, each CPU its own (percpu) or each core (phycpu), instead of one for good. It sets narenas itself.",
        go: go("P", "a P is a scheduling slot that moves between CPUs"),
        acts: Acts::Jemalloc("percpu_arena"),
        read_back: "mallctl opt.percpu_arena",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.oversize_threshold",
        kind: Kind::Bytes { min: 0, max: 1 << 50 },
        default: fixed("8MiB"),
        doc: "Size from which blocks come from an arena of their own, whose freed pages go back at once. 0 has none.",
        go: go("none", "blocks above 32 KiB come from the heap's pages in Go"),
        acts: Acts::Jemalloc("oversize_threshold"),
        read_back: "mallctl opt.oversize_threshold",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.dirty_decay_ms",
        kind: DECAY,
        default: fixed("10000"),
        doc: "Milliseconds over which freed pages are given back to the kernel; 0 at once, -1 never. The dial between \
              memory and the CPU spent on page faults: in \
              bursts 0 took 4.3 times the CPU with 5 times the faults, -1 took 0.84.",
        go: go(
            "GOGC",
            "GOGC trades collector CPU for garbage; decay trades page-fault CPU for freed pages. The live heap is \
             the same",
        ),
        acts: Acts::Jemalloc("dirty_decay_ms"),
        read_back: "mallctl opt.dirty_decay_ms",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.muzzy_decay_ms",
        kind: DECAY,
        default: fixed("0"),
        doc: "Milliseconds that pages stay marked as free to take (MADV_FREE) before they are given back; 0 skips \
              that state, -1 stays in it. They count as resident until the kernel needs them.",
        go: go("GODEBUG=madvdontneed=0", "a switch in Go, a time here: 0 is madvdontneed=1"),
        acts: Acts::Jemalloc("muzzy_decay_ms"),
        read_back: "mallctl opt.muzzy_decay_ms",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.background_thread",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether threads of jemalloc's own give pages back, instead of the threads that happen to free memory. In bursts it took \
              0.79 of the CPU.",
        go: go("background scavenger", "Go always has one, limited to 1 % of the CPU"),
        acts: Acts::Jemalloc("background_thread"),
        read_back: "mallctl opt.background_thread",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.max_background_threads",
        kind: Kind::Integer { min: 1, max: 4095 },
        default: fixed("4"),
        doc: "Most threads that background_thread starts.",
        go: go("background scavenger", "one goroutine in Go"),
        acts: Acts::Jemalloc("max_background_threads"),
        read_back: "mallctl opt.max_background_threads",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether each thread keeps a cache of small blocks that it can use without a lock. Without it, a \
              hand-over of blocks between threads took 1.57 times the CPU.",
        go: go("mcache", "Go has one for each P, without a switch"),
        acts: Acts::Jemalloc("tcache"),
        read_back: "mallctl opt.tcache",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_max",
        kind: Kind::Bytes { min: 0, max: 32 << 10 },
        default: fixed("32KiB"),
        doc: "Largest block that a thread's cache keeps. jemalloc 5.3.1 caches none above 32KiB and clips larger values \
              without a word. With 4KiB bursts took 0.98 of the CPU, a hand-over between threads 1.08.",
        go: go("mcache", "Go's holds blocks of up to 32 KiB, fixed"),
        acts: Acts::Jemalloc("tcache_max"),
        read_back: "mallctl opt.tcache_max",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_nslots_small_min",
        kind: Kind::Integer { min: 1, max: 2048 },
        default: fixed("20"),
        doc: "Fewest blocks of one small size that a thread's cache may hold.",
        go: go("mcache", "a span of each class, 8 KiB or more, in Go"),
        acts: Acts::Jemalloc("tcache_nslots_small_min"),
        read_back: "mallctl opt.tcache_nslots_small_min",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_nslots_small_max",
        kind: Kind::Integer { min: 1, max: 2048 },
        default: fixed("200"),
        doc: "Most blocks of one small size that a thread's cache may hold; more take fewer locks and keep more memory.",
        go: go("mcache", "a span of each class, 8 KiB or more, in Go"),
        acts: Acts::Jemalloc("tcache_nslots_small_max"),
        read_back: "mallctl opt.tcache_nslots_small_max",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_nslots_large",
        kind: Kind::Integer { min: 1, max: 2048 },
        default: fixed("20"),
        doc: "Most blocks of one large size that a thread's cache may hold.",
        go: go("none", "Go does not cache large blocks by thread"),
        acts: Acts::Jemalloc("tcache_nslots_large"),
        read_back: "mallctl opt.tcache_nslots_large",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.lg_tcache_nslots_mul",
        kind: Kind::Signed { min: -16, max: 16 },
        default: fixed("1"),
        doc: "Blocks of a small size in a thread's cache: 2 to this power for each one of a page run, within the limits of tcache_nslots_small_*.",
        go: go("none", "span sizes are fixed in Go"),
        acts: Acts::Jemalloc("lg_tcache_nslots_mul"),
        read_back: "mallctl opt.lg_tcache_nslots_mul",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_gc_incr_bytes",
        kind: Kind::Bytes { min: 1024, max: 1 << 40 },
        default: fixed("64KiB"),
        doc: "Bytes that a thread allocates between two looks at which cached blocks it no longer uses.",
        go: go("none", "Go flushes its caches at each collection"),
        acts: Acts::Jemalloc("tcache_gc_incr_bytes"),
        read_back: "mallctl opt.tcache_gc_incr_bytes",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache_gc_delay_bytes",
        kind: Kind::Bytes { min: 0, max: 1 << 40 },
        default: fixed("0B"),
        doc: "Bytes that a thread allocates after a size was used before blocks of it leave the cache.",
        go: go("none", "Go flushes its caches at each collection"),
        acts: Acts::Jemalloc("tcache_gc_delay_bytes"),
        read_back: "mallctl opt.tcache_gc_delay_bytes",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.lg_tcache_flush_small_div",
        kind: Kind::Integer { min: 1, max: 16 },
        default: fixed("1"),
        doc: "A full cache of a small size gives back its blocks divided by 2 to this power.",
        go: go("none", "Go's caches hand over whole spans"),
        acts: Acts::Jemalloc("lg_tcache_flush_small_div"),
        read_back: "mallctl opt.lg_tcache_flush_small_div",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.lg_tcache_flush_large_div",
        kind: Kind::Integer { min: 1, max: 16 },
        default: fixed("1"),
        doc: "A full cache of a large size gives back its blocks divided by 2 to this power.",
        go: go("none", "Go's caches hand over whole spans"),
        acts: Acts::Jemalloc("lg_tcache_flush_large_div"),
        read_back: "mallctl opt.lg_tcache_flush_large_div",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.experimental_tcache_gc",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether caches are trimmed by the newer rule, which looks at where blocks lie.",
        go: go("none", "Go flushes its caches at each collection"),
        acts: Acts::Jemalloc("experimental_tcache_gc"),
        read_back: "mallctl opt.experimental_tcache_gc",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.retain",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether address space is kept after its pages went back, to be used again without a new mapping.",
        go: go("Go's heap arenas", "Go never unmaps them, without a switch"),
        acts: Acts::Jemalloc("retain"),
        read_back: "mallctl opt.retain",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.lg_extent_max_active_fit",
        kind: Kind::Integer { min: 0, max: 64 },
        default: fixed("6"),
        doc: "A freed extent is cut for a smaller one if it is at most 2 to this power as large. Smaller fragments less and maps more.",
        go: go("none", "Go's page allocator takes the first fit"),
        acts: Acts::Jemalloc("lg_extent_max_active_fit"),
        read_back: "mallctl opt.lg_extent_max_active_fit",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.thp",
        kind: Kind::Choice(&["default", "always", "never"]),
        default: fixed("default"),
        doc: "Transparent huge pages for all memory: as the kernel does by itself, wanted (MADV_HUGEPAGE), or refused.",
        go: go(
            "GODEBUG=disablethp=1",
            "Go leaves them to the kernel, or refuses them for its heap; it never asks for them",
        ),
        acts: Acts::Jemalloc("thp"),
        read_back: "mallctl opt.thp",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.metadata_thp",
        kind: Kind::Choice(&["disabled", "auto", "always"]),
        default: fixed("disabled"),
        doc: "Huge pages for jemalloc's own bookkeeping: never, once it is large, from the start.",
        go: go("none", "Go leaves its metadata to the kernel"),
        acts: Acts::Jemalloc("metadata_thp"),
        read_back: "mallctl opt.metadata_thp",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.hpa",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether memory is handed out in whole huge pages (2 MiB), which are filled before the next one is begun.",
        go: go("Go's page allocator", "it prefers low addresses, which fills huge pages as well"),
        acts: Acts::Jemalloc("hpa"),
        read_back: "mallctl opt.hpa",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.dss",
        kind: Kind::Choice(&["disabled", "primary", "secondary"]),
        default: fixed("secondary"),
        doc: "Whether sbrk provides memory: never, before mmap, after it.",
        go: go("none", "Go never uses sbrk"),
        acts: Acts::Jemalloc("dss"),
        read_back: "mallctl opt.dss",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.cache_oblivious",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether large blocks start at random cache lines, so that they do not compete for the same ones; it costs a page each.",
        go: go("none", "large objects start at a page in Go"),
        acts: Acts::Jemalloc("cache_oblivious"),
        read_back: "mallctl opt.cache_oblivious",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.disable_large_size_classes",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether large blocks are rounded up to a page only, rather than to one of four sizes between two powers of 2.",
        go: go("none", "Go rounds large objects to pages"),
        acts: Acts::Jemalloc("disable_large_size_classes"),
        read_back: "mallctl opt.disable_large_size_classes",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.calloc_madvise_threshold",
        kind: Kind::Bytes { min: 0, max: 1 << 40 },
        default: fixed("8MiB"),
        doc: "Size from which zeroed blocks are made by giving pages back to the kernel instead of by writing.",
        go: go("none", "Go clears, or knows that fresh pages are zero"),
        acts: Acts::Jemalloc("calloc_madvise_threshold"),
        read_back: "residency of a zeroed block on either side of the size, tried by the process before it starts",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.mutex_max_spin",
        kind: Kind::Signed { min: -1, max: 1000000 },
        default: fixed("600"),
        doc: "Turns that a thread spins for a taken lock before it sleeps; -1 spins without end.",
        go: go("runtime mutex", "4 rounds of active spinning in Go, fixed"),
        acts: Acts::Jemalloc("mutex_max_spin"),
        read_back: "mallctl opt.mutex_max_spin",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.trust_madvise",
        kind: Kind::Boolean,
        default: varying("true on Linux"),
        doc: "Whether pages given back are believed to be zero without a test.",
        go: go("none", "Go believes it on Linux"),
        acts: Acts::Jemalloc("trust_madvise"),
        read_back: "mallctl opt.trust_madvise",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.zero_realloc",
        kind: Kind::Choice(&["alloc", "free", "abort"]),
        default: varying("free on Linux"),
        doc: "What a reallocation to no bytes does. Rust makes none; C code linked against the prefixed jemalloc may.",
        go: go("none", "Go has no realloc"),
        acts: Acts::Jemalloc("zero_realloc"),
        read_back: "mallctl opt.zero_realloc",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.zero",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether every new block is filled with zeros.",
        go: go("make", "Go zeroes every object, always"),
        acts: Acts::Jemalloc("zero"),
        read_back: "mallctl opt.zero",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.junk",
        kind: Kind::Choice(&["false", "true", "alloc", "free"]),
        default: fixed("false"),
        doc: "Whether blocks are filled with 0xa5 when new, 0x5a when freed, or both: it shows code that reads what it must not.",
        go: go("GODEBUG=clobberfree=1", "overwrites objects when the collector frees them"),
        acts: Acts::Jemalloc("junk"),
        read_back: "mallctl opt.junk",
        ..JEMALLOC
    },
];
