//! glibc's tunables for malloc. Names and bounds: `elf/dl-tunables.list` and `malloc/arena.c` of glibc 2.36; effects:
//! measured on 2 CPUs against glibc's default. The loader shows 0 for most that are not set.

use super::{SYSTEM, fixed, go, varying};
use crate::knobs::{Acts, Kind, Knob};

pub(super) const KNOBS: &[Knob] = &[
    Knob {
        path: "allocator.system.arena_max",
        kind: Kind::Integer { min: 1, max: 65535 },
        default: varying("eight for each CPU"),
        doc: "Arenas that threads are spread over. Fewer save memory; too few contend on locks. In bursts of two threads 1 took half the CPU of the default.",
        go: go("none", "Go's caches belong to Ps, so GOMAXPROCS sets their number"),
        acts: Acts::Glibc("arena_max"),
        read_back: "the loader's list of tunables under the subject's own environment; arenas counted with threads in it",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.arena_test",
        kind: Kind::Integer { min: 1, max: 65535 },
        default: varying("8"),
        doc: "Arenas that are made before the limit by the number of CPUs is looked at. Without effect beside arena_max.",
        go: go("none", "Go's caches belong to Ps"),
        acts: Acts::Glibc("arena_test"),
        read_back: "the loader's list of tunables under the subject's own environment",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.mmap_threshold",
        kind: Kind::Bytes { min: 0, max: 1 << 50 },
        default: varying("128KiB at first; grows with freed blocks up to 32MiB"),
        doc: "Size from which a block is mapped by itself and unmapped when freed. Setting it, or trim_threshold or top_pad, ends the growth. With 1GiB for this and for trim_threshold bursts took 0.17 of the CPU and kept the memory.",
        go: go("none", "blocks above 32 KiB come from the heap's pages in Go"),
        acts: Acts::Glibc("mmap_threshold"),
        read_back: "the loader's list of tunables under the subject's own environment; size from which blocks are mapped",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.mmap_max",
        kind: Kind::Integer { min: 0, max: 2147483647 },
        default: varying("65536"),
        doc: "Most blocks that are mapped by themselves; 0 maps none.",
        go: go("none", "Go has no such limit"),
        acts: Acts::Glibc("mmap_max"),
        read_back: "the loader's list of tunables under the subject's own environment; blocks that are mapped, up to 64",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.trim_threshold",
        kind: Kind::Bytes { min: 0, max: 1 << 50 },
        default: varying("128KiB at first; twice mmap_threshold as that grows"),
        doc: "Free bytes at the top of the heap from which they are given back. Larger keeps memory and saves page faults.",
        go: go(
            "GOGC",
            "GOGC trades collector CPU for garbage; this trades page-fault CPU for freed pages at one end of the heap",
        ),
        acts: Acts::Glibc("trim_threshold"),
        read_back: "the loader's list of tunables under the subject's own environment",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.top_pad",
        kind: Kind::Bytes { min: 0, max: 1 << 40 },
        default: varying("128KiB"),
        doc: "Bytes that the heap grows by beyond what is needed, and keeps when it is trimmed.",
        go: go("none", "Go grows by 64 MiB of address space"),
        acts: Acts::Glibc("top_pad"),
        read_back: "the loader's list of tunables under the subject's own environment",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.tcache_count",
        kind: Kind::Integer { min: 0, max: 65535 },
        default: varying("7"),
        doc: "Blocks of one size that a thread's cache holds; 0 has no cache. A hand-over between threads took 0.95 of the CPU with 0.",
        go: go("mcache", "a span of each class, 8 KiB or more, in Go"),
        acts: Acts::Glibc("tcache_count"),
        read_back: "blocks of one size that the cache of a thread takes in the running subject",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.tcache_max",
        kind: Kind::Bytes { min: 0, max: 1032 },
        default: varying("1032B"),
        doc: "Largest block that a thread's cache holds; glibc ignores larger values without a word.",
        go: go("mcache", "Go's holds blocks of up to 32 KiB, fixed"),
        acts: Acts::Glibc("tcache_max"),
        read_back: "the loader's list of tunables under the subject's own environment; sizes that the cache of a thread takes",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.tcache_unsorted_limit",
        kind: Kind::Integer { min: 0, max: 1000000 },
        default: varying("0: no limit"),
        doc: "Freed blocks that are looked at while one of the right size is searched for the cache.",
        go: go("none", "Go looks a free slot up in a bit map"),
        acts: Acts::Glibc("tcache_unsorted_limit"),
        read_back: "the loader's list of tunables under the subject's own environment",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.mxfast",
        kind: Kind::Bytes { min: 0, max: 160 },
        default: varying("128B"),
        doc: "Largest block that is freed to a list of its size without being merged with its neighbours.",
        go: go("none", "Go never merges small objects"),
        acts: Acts::Glibc("mxfast"),
        read_back: "the loader's list of tunables under the subject's own environment",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.hugetlb",
        kind: Kind::Choice(&["0", "1", "2"]),
        default: fixed("0"),
        doc: "Huge pages: 0 none asked for, 1 transparent ones wanted (MADV_HUGEPAGE), 2 pages that the machine set aside.",
        go: go(
            "GODEBUG=disablethp=1",
            "Go leaves them to the kernel, or refuses them for its heap; it never asks for them",
        ),
        acts: Acts::Glibc("hugetlb"),
        read_back: "the loader's list of tunables under the subject's own environment: the request, not what the kernel had",
        ..SYSTEM
    },
    Knob {
        path: "allocator.system.perturb",
        kind: Kind::Integer { min: 0, max: 255 },
        default: fixed("0"),
        doc: "Blocks are filled with this byte when freed and with its complement when new; 0 does not. It shows code that reads what it must not.",
        go: go("GODEBUG=clobberfree=1", "overwrites objects when the collector frees them"),
        acts: Acts::Glibc("perturb"),
        read_back: "the first bytes of a block in the running subject",
        ..SYSTEM
    },
];
