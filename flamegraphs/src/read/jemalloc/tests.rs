//! Tests of the reader of jemalloc's dumps.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{names, read, write};

/// What a program with two functions dumped, jemalloc 5.3.1, `prof_accum:true`: one block of 8 MiB that lives, and 64 of
/// 1 MiB that were freed, and then some.
const DUMP: &str = include_str!("../../../fixtures/jemalloc.heap");

#[test]
fn a_real_dump_has_gos_four_types_and_says_what_it_stands_for() {
    let heap = jemalloc(DUMP).unwrap();
    let types: Vec<_> = heap.profile.sample_types().iter().map(|t| format!("{}/{}", t.kind, t.unit)).collect();
    assert_eq!(types, ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"]);
    assert_eq!((heap.rate, heap.sampled), (512 << 10, 58));
    let [churned, kept] = heap.profile.samples() else { panic!("{:?}", heap.profile.samples()) };
    // 57 blocks of 1 076 072 bytes on average: 57 / (1 − e^(−2.0524)) = 65.4; 64 were asked for.
    assert_eq!(churned.values, [65, 70_373_531, 0, 0]);
    // Sixteen times the rate is never missed.
    assert_eq!(kept.values, [1, 8_388_609, 1, 8_388_609]);
    assert_eq!((churned.stack.len(), heap.profile.meta.period), (25, 524_288));
    // Return addresses lie behind their calls.
    assert_eq!(heap.profile.location(churned.stack[0]).address, 0x5606_8d49_d38a);
    let program = &heap.profile.mappings()[0];
    assert_eq!((program.file.as_str(), program.offset), ("/srv/app/bin/churner", 0xc8000));
    assert!(heap.profile.mappings().iter().all(|mapping| mapping.start < mapping.limit));
    assert_eq!(read::pprof(&write::pprof(&heap.profile)).unwrap(), heap.profile);
}

#[test]
fn without_accumulation_only_what_is_in_use_is_known() {
    let heap =
        jemalloc("heap_v2/1024\n  t*: 2: 128 [0: 0]\n@ 0x11 0x21\n  t*: 2: 128 [0: 0]\n  t3: 2: 128 [0: 0]\n").unwrap();
    assert_eq!(
        heap.profile.sample_types().iter().map(|t| t.kind.as_str()).collect::<Vec<_>>(),
        ["inuse_objects", "inuse_space"]
    );
    // 64 bytes at one in 1024: each stands for 16.5.
    assert_eq!((heap.profile.samples()[0].values.as_slice(), heap.sampled), ([33, 2113].as_slice(), 2));
}

#[test]
fn a_stack_of_nothing_is_no_division_by_it() {
    let heap = jemalloc("heap_v2/1024\n  t*: 0: 0 [3: 0]\n@ 0x11\n  t*: 0: 0 [3: 0]\n@\n  t*: 0: 7 [0: 0]\n").unwrap();
    assert_eq!(heap.profile.samples().iter().map(|sample| sample.values.clone()).collect::<Vec<_>>(), [[0; 4], [0; 4]]);
    assert!(names::fold(&heap.profile, 1, &names::Options::heap()).is_ok());
}

#[test]
fn what_is_no_dump_is_named_by_its_line() {
    let said = |text: &str| jemalloc(text).unwrap_err().to_string();
    let begin = "heap_v2/1024\n  t*: 0: 0 [0: 0]\n";
    let all = [
        said(""),
        said("heap profile: 1: 2 [3: 4] @ heapprofile\n"),
        said("heap_v2/0\n"),
        said("heap_v2/1024\n"),
        said("heap_v2/1024\n  t0: 1: 2 [3: 4]\n"),
        said(&format!("{begin}@ 0x1 12\n  t*: 1: 2 [3: 4]\n")),
        said(&format!("{begin}@ 0x1\n")),
        said(&format!("{begin}@ 0x1\n  t*: 1: -2 [3: 4]\n")),
        said(&format!("{begin}bad \u{1b}[2J\n")),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    line 1: expected `heap_v2/` and a rate in bytes, found ``
    line 1: expected `heap_v2/` and a rate in bytes, found `heap profile: 1: 2 [3: 4] @ heapprofile`
    line 1: expected `heap_v2/` and a rate in bytes, found `heap_v2/0`
    line 2: expected `t*: 1: 64 [2: 128]`, found ``
    line 2: expected `t*: 1: 64 [2: 128]`, found `  t0: 1: 2 [3: 4]`
    line 3: expected `@ 0x1f00 0x2f00 …`, found `@ 0x1 12`
    line 4: expected `t*: 1: 64 [2: 128]`, found ``
    line 4: expected `t*: 1: 64 [2: 128]`, found `  t*: 1: -2 [3: 4]`
    line 3: expected a stack, the counts of a thread, or the memory map, found `bad \u{1b}[2J`
    ");
}

proptest! {
    #[test]
    fn counts_survive_their_text(
        stacks in vec((vec(1_u64.., 1..4), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()), 0..10),
        rate in 1_u64..1 << 40,
    ) {
        let mut text = format!("heap_v2/{rate}\n  t*: 0: 0 [0: 0]\n");
        for (addresses, live, live_bytes, all, all_bytes) in &stacks {
            let addresses: String = addresses.iter().map(|address| format!(" {address:#x}")).collect();
            text.push_str(&format!("@{addresses}\n  t*: {live}: {live_bytes} [{all}: {all_bytes}]\n"));
            text.push_str(&format!("  t1: {live}: {live_bytes} [{all}: {all_bytes}] worker\n"));
        }
        let heap = jemalloc(&text).unwrap();
        let accumulates = stacks.iter().any(|stack| stack.3 > 0);
        let sampled: u64 = stacks.iter().map(|stack| u64::from(if accumulates { stack.3 } else { stack.1 })).sum();
        prop_assert_eq!(heap.sampled, sampled);
        let bytes = heap.profile.total(heap.profile.type_index("inuse_space").unwrap()).unwrap();
        let least: u64 = stacks.iter().filter(|stack| stack.1 > 0).map(|stack| u64::from(stack.2)).sum();
        // An estimate is never less than what was sampled.
        prop_assert!(u64::try_from(bytes).unwrap() >= least, "{} < {}", bytes, least);
    }

    #[test]
    fn any_text_is_read_without_panic(text: String) {
        let _ = jemalloc(&text);
    }

    #[test]
    fn any_damage_to_a_dump_is_survived(at in 0..DUMP.len(), with in any::<u8>()) {
        let mut bytes = DUMP.as_bytes().to_vec();
        bytes[at] = with;
        let _ = jemalloc(&String::from_utf8_lossy(&bytes));
        let _ = jemalloc(&DUMP[..at]);
    }
}
