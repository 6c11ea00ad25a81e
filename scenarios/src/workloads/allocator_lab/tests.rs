//! The lab as a driver sees it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::*;

const ALL: [&str; 4] = ["burst", "handoff", "growth", "mixed"];

fn lab(operations: &[&str], parameters: &[(&str, &str)]) -> Result<Arc<AllocatorLab>, WorkloadError> {
    let parameters: BTreeMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let operations = operations.iter().map(|name| (*name).to_owned()).collect();
    AllocatorLab::build(&Context::new(parameters, operations, tokio::runtime::Handle::current(), 1))
}

fn call(operation: usize, seed: u64) -> Call {
    Call { operation, sequence: seed, seed }
}

#[tokio::test]
async fn every_operation_of_the_mix_is_performed_whatever_its_place() {
    for order in [ALL, ["mixed", "growth", "handoff", "burst"]] {
        let lab = lab(&order, &[]).unwrap();
        for operation in 0..4 {
            for seed in 0..20 {
                lab.clone().operate(call(operation, seed)).await.unwrap();
            }
        }
        let beyond = lab.clone().operate(call(4, 0)).await.unwrap_err();
        assert_eq!(beyond.to_string(), "operation 4 of a mix of 4");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handed_over_batches_are_freed_by_the_other_thread_all_of_them() {
    let lab = lab(&["handoff"], &[("handoff_queue", "2")]).unwrap();
    let handoff = lab.handoff.as_ref().unwrap();
    let freed = handoff.freed().clone();
    let expected: usize = (0..100).flat_map(|seed| handoff.batch().of(seed)).sum();
    let calls: Vec<_> = (0..100).map(|seed| tokio::spawn(lab.clone().operate(call(0, seed)))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    // Dropping the lab waits for the thread, and the thread for the queue.
    drop(lab);
    assert_eq!(freed.batches.load(Ordering::Relaxed), 100);
    assert_eq!(freed.bytes.load(Ordering::Relaxed), expected as u64);
}

#[tokio::test]
async fn the_long_lived_set_changes_but_never_grows() {
    let lab = lab(&["mixed"], &[("mixed_entries", "100")]).unwrap();
    let long_lived = &lab.mixed.as_ref().unwrap().long_lived;
    let before = long_lived.sizes();
    for seed in 0..50 {
        lab.clone().operate(call(0, seed)).await.unwrap();
    }
    let after = long_lived.sizes();
    assert_eq!(after.concat().len(), 100);
    assert_ne!(before, after);
}

#[tokio::test]
async fn only_what_the_mix_names_is_built() {
    let bare = lab(&["burst", "growth"], &[]).unwrap();
    assert!(bare.handoff.is_none() && bare.mixed.is_none());
}

#[tokio::test]
async fn mistakes_are_named() {
    let problem =
        |operations: &[&str], parameters: &[(&str, &str)]| lab(operations, parameters).unwrap_err().to_string();
    insta::assert_snapshot!(problem(&["burst", "brust"], &[]), @"the allocator lab has no operation `brust`; it has burst, handoff, growth, mixed");
    insta::assert_snapshot!(problem(&ALL, &[("burst_block", "3")]), @"parameter `workload.burst_block`: not taken; did you mean `burst_blocks`? Taken are burst_blocks, burst_bytes, handoff_blocks, handoff_bytes, handoff_queue, growth_items, mixed_short, mixed_replaced, mixed_entries, mixed_bytes");
    insta::assert_snapshot!(problem(&ALL, &[("burst_blocks", "0")]), @"parameter `workload.burst_blocks`: 0 is out of range: 1 to 4096");
    insta::assert_snapshot!(problem(&ALL, &[("growth_items", "x")]), @"parameter `workload.growth_items`: `x` is not usable: invalid digit found in string; it takes 64 to 16777216");
    insta::assert_snapshot!(problem(&ALL, &[("burst_blocks", "4096"), ("burst_bytes", "1048576")]), @"parameter `workload.burst_blocks`: would hold up to 4096 MiB with these sizes; at most 1024 are allowed");
    insta::assert_snapshot!(problem(&ALL, &[("handoff_queue", "4096")]), @"parameter `workload.handoff_queue`: would hold up to 4096 MiB with these sizes; at most 1024 are allowed");
    insta::assert_snapshot!(problem(&ALL, &[("mixed_entries", "4000000")]), @"parameter `workload.mixed_entries`: would hold up to 15625 MiB with these sizes; at most 1024 are allowed");
}
