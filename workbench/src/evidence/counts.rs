//! What evidence counts of operations: events that recording makes no more of, by metric. Never a time.

use std::collections::BTreeMap;

use reports::run::Count;

use super::{Recorded, trace};

/// Counts by metric, of as many operations as were answered meanwhile; empty for evidence that counts nothing.
///
/// # Errors
/// Why evidence that counts did not, or lost some of it: a part of a count is none.
pub fn of(recorded: &Recorded, operations: u64) -> Result<BTreeMap<String, Count>, String> {
    let mut counts = BTreeMap::new();
    let mut put = |metric: &str, events: u64| {
        counts.insert(metric.to_owned(), Count { events, operations });
    };
    match recorded {
        Recorded::Tasks(tasks) => {
            let sum = |what: fn(&probe::tasks::SiteRecord) -> u64| tasks.sites.iter().map(what).sum::<u64>();
            put("polls.count_per_op", sum(|site| site.polls));
            put("polls.long_per_kop", sum(|site| site.long_polls));
            put("tasks.spawned_per_op", sum(|site| site.spawned));
        }
        Recorded::Trace(traced) => {
            let trace = trace::rows(traced);
            if trace.head.lost > 0 {
                return Err(format!("{} events of the trace were lost", trace.head.lost));
            }
            let before = trace.saturated.iter().flat_map(|saturated| &saturated.kinds);
            let kinds: Vec<_> = trace.kinds.iter().chain(before).filter(|kind| !kind.blocking).collect();
            put("polls.count_per_op", kinds.iter().map(|kind| kind.polls).sum());
            put("polls.long_per_kop", kinds.iter().map(|kind| kind.long_polls).sum());
            // What lacks something may lack spawns.
            if trace.head.lacks.is_empty() {
                put("tasks.spawned_per_op", kinds.iter().map(|kind| kind.spawned).sum());
            }
        }
        Recorded::Wait(waits) => {
            let figures = &waits.figures;
            if let Some(because) = figures.missing.get("syscalls").or_else(|| figures.missing.get("samples")) {
                return Err(format!("system calls were not counted: {because}"));
            }
            let last = figures.samples.last().and_then(|sample| sample.syscalls);
            put("syscalls.count_per_op", last.ok_or("system calls were not counted")?);
        }
        _ => {}
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use reports::run::KernelSample;

    use super::*;
    use crate::evidence::TaskEvidence;
    use crate::evidence::wait::WaitRecord;
    use crate::subject::outside::KernelFigures;

    fn wait(figures: KernelFigures) -> Recorded {
        let recording = Err("perf events are refused".to_owned());
        Recorded::Wait(Box::new(WaitRecord {
            recording,
            figures,
            open_started_ns: None,
            operations: 0,
            goroutines: None,
        }))
    }

    #[test]
    fn system_calls_are_counted_or_it_is_said_why_not() {
        let sample = |syscalls| KernelSample { syscalls, ..KernelSample::default() };
        let samples = vec![sample(Some(0)), sample(Some(700))];
        let counted = of(&wait(KernelFigures { samples, ..KernelFigures::default() }), 100).unwrap();
        assert_eq!(counted["syscalls.count_per_op"], Count { events: 700, operations: 100 });
        let missing = [("syscalls".to_owned(), "the tracepoint is refused".to_owned())].into();
        let refused = of(&wait(KernelFigures { missing, ..KernelFigures::default() }), 100).unwrap_err();
        assert_eq!(refused, "system calls were not counted: the tracepoint is refused");
        assert!(of(&wait(KernelFigures::none("no thread")), 100).unwrap_err().contains("no thread"));
    }

    #[test]
    fn tasks_are_summed_over_sites_and_other_evidence_counts_nothing() {
        let site: probe::tasks::SiteRecord = serde_json::from_value(serde_json::json!({
            "file": "a.rs", "line": 1, "column": 1, "kind": "task", "spawned": 3, "finished": 3, "alive": 0, "polls": 9,
            "busy_s": 0.1, "longest_poll_s": 0.002, "long_polls": 2, "stalls": 0, "in_poll": 0, "bytes": 0, "allocations": 0,
            "latency": "first_poll", "waits": 0, "schedule_latency_s": 0.0, "worst_schedule_latency_s": 0.0
        }))
        .unwrap();
        let sites = vec![site.clone(), site];
        let counted = of(&Recorded::Tasks(TaskEvidence { sites, stalls: None }), 6).unwrap();
        let told: Vec<_> = counted.iter().map(|(name, count)| format!("{name} {}", count.events)).collect();
        assert_eq!(told, ["polls.count_per_op 18", "polls.long_per_kop 4", "tasks.spawned_per_op 6"]);
        assert_eq!(of(&Recorded::Allocator(Default::default()), 6), Ok(BTreeMap::new()));
    }
}
