//! Every figure by our name, with the Go `runtime/metrics` name that it stands for.

use std::time::Instant;

use tokio::runtime::Handle;

use super::histogram::Histogram;
use super::{memory, scheduler};
use crate::usage;

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Grows from 0 as long as the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size, each of which only grows.
    Histogram,
}

/// A figure's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
    Histogram(Histogram),
}

/// One figure, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// Our name, valid in Prometheus: unit last, then `_total` for counters. Empty where Go's figure has no counterpart.
    pub(super) name: &'static str,
    /// `bytes`, `seconds`, `tasks` and so on.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// Go's name; empty where Go has none.
    pub(super) go: &'static str,
    /// What it is, and how it differs from Go's.
    pub(super) note: &'static str,
    /// The value, or why it is not available.
    pub(super) value: Result<Value, String>,
}

impl Figure {
    /// A figure of the given name, unit and kind.
    pub(super) fn new(kind: Kind, name: &'static str, unit: &'static str, value: Result<Value, String>) -> Self {
        Self { name, unit, kind, go: "", note: "", value }
    }

    /// Stands for Go's figure of that name.
    pub(super) fn go(self, go: &'static str) -> Self {
        Self { go, ..self }
    }

    /// What it is.
    pub(super) fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// A figure of Go's without counterpart.
    fn absent(go: &'static str, unit: &'static str, reason: &str) -> Self {
        Self { go, ..Self::new(Kind::Gauge, "", unit, Err(reason.to_owned())) }
    }
}

/// Where figures come from.
pub(super) struct Source {
    pub(super) runtime: Option<Handle>,
    /// Start of the endpoints.
    pub(super) began: Instant,
}

impl Source {
    /// Tasks that are spawned and not finished, where there is a runtime.
    pub(super) fn alive_tasks(&self) -> Option<u64> {
        self.runtime.as_ref().map(|runtime| runtime.metrics().num_alive_tasks() as u64)
    }

    /// All of them, now. Figures of different sources are not of one instant.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = scheduler::figures(self.runtime.as_ref());
        figures.extend(memory::figures());
        figures.extend(process());
        figures.push(
            Figure::new(
                Kind::Gauge,
                "workbench_endpoints_uptime_seconds",
                "seconds",
                Ok(Value::Real(self.began.elapsed().as_secs_f64())),
            )
            .note("Since these endpoints started."),
        );
        figures.extend(absent());
        figures
    }
}

fn process() -> Vec<Figure> {
    let used = usage::process().map_err(|error| error.to_string());
    let counter = |name, unit, read: fn(&usage::Usage) -> Value| {
        Figure::new(Kind::Counter, name, unit, used.as_ref().map(read).map_err(Clone::clone))
    };
    let threads = i32::try_from(std::process::id())
        .map_err(|error| error.to_string())
        .and_then(|own| usage::process_of(own).map_err(|error| error.to_string()))
        .map(|process| Value::Whole(process.threads));
    vec![
        counter("workbench_process_cpu_seconds_total", "seconds", |u| Value::Real(u.cpu_s))
            .go("/cpu/classes/user:cpu-seconds")
            .note("The kernel's count, kernel time included; Go's is an estimate of user code alone. Do not divide one by the other."),
        counter("workbench_process_minor_faults_total", "faults", |u| Value::Whole(u.minor_faults))
            .note("Page faults without input or output: the price of memory that was given back and taken again."),
        counter("workbench_process_major_faults_total", "faults", |u| Value::Whole(u.major_faults))
            .note("Page faults that read from a disk."),
        counter("workbench_process_voluntary_switches_total", "switches", |u| Value::Whole(u.voluntary_switches))
            .note("Context switches because a thread waited."),
        counter("workbench_process_involuntary_switches_total", "switches", |u| Value::Whole(u.involuntary_switches))
            .note("Context switches because the kernel wanted the CPU."),
        Figure::new(
            Kind::Gauge,
            "workbench_process_resident_bytes",
            "bytes",
            usage::rss_bytes().map(Value::Whole).map_err(|error| error.to_string()),
        )
        .note("Resident set, by the kernel."),
        Figure::new(Kind::Gauge, "workbench_process_threads", "threads", threads)
            .go("/sched/threads/total:threads")
            .note("All threads of the process; Go counts those of its runtime."),
    ]
}

const NO_COLLECTOR: &str = "there is no garbage collector: memory is freed where its owner goes out of scope";

/// Figures of Go's that nothing here stands for.
fn absent() -> Vec<Figure> {
    let collector = [
        ("/sched/pauses/total/gc:seconds", "seconds"),
        ("/sched/pauses/stopping/gc:seconds", "seconds"),
        ("/cpu/classes/gc/total:cpu-seconds", "seconds"),
        ("/gc/cycles/total:gc-cycles", "cycles"),
        ("/gc/heap/goal:bytes", "bytes"),
        ("/gc/gogc:percent", "percent"),
        ("/gc/limiter/last-enabled:gc-cycle", "cycles"),
        ("/gc/scan/total:bytes", "bytes"),
    ];
    let others = [
        (
            "/gc/gomemlimit:bytes",
            "bytes",
            "no allocator here has a soft memory limit; see jemalloc's dirty_decay_ms for what it gives back",
        ),
        (
            "/gc/stack/starting-size:bytes",
            "bytes",
            "tasks have no stacks: what lives across an await is in the task's own allocation",
        ),
        ("/memory/classes/heap/stacks:bytes", "bytes", "tasks have no stacks; those of threads are the kernel's"),
        (
            "/sched/goroutines/waiting:goroutines",
            "tasks",
            "tokio does not count waiting tasks; live tasks minus runnable and running ones come close",
        ),
        ("/sched/pauses/total/other:seconds", "seconds", "nothing here stops the world"),
        ("/sync/mutex/wait/total:seconds", "seconds", "locks of std, parking_lot and tokio do not count their waits"),
        ("/cgo/go-to-c-calls:calls", "calls", "a call of C is a plain call, which nothing counts"),
    ];
    let collector = collector.into_iter().map(|(go, unit)| Figure::absent(go, unit, NO_COLLECTOR));
    collector.chain(others.into_iter().map(|(go, unit, reason)| Figure::absent(go, unit, reason))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_say_their_kind_and_unit() {
        let figures = Source { runtime: None, began: Instant::now() }.figures();
        let named: Vec<_> = figures.iter().filter(|figure| !figure.name.is_empty()).collect();
        assert_eq!(named.iter().map(|f| f.name).collect::<BTreeSet<_>>().len(), named.len());
        let go: Vec<_> = figures.iter().map(|f| f.go).filter(|go| !go.is_empty()).collect();
        assert_eq!(go.iter().collect::<BTreeSet<_>>().len(), go.len(), "one entry for each of Go's");
        for figure in named {
            assert_eq!(figure.name.ends_with("_total"), figure.kind == Kind::Counter, "{}", figure.name);
            let base = figure.name.trim_end_matches("_total");
            assert!(!["bytes", "seconds"].contains(&figure.unit) || base.ends_with(figure.unit), "{}", figure.name);
            assert!(!figure.note.is_empty(), "{}", figure.name);
        }
    }

    #[test]
    fn without_a_runtime_its_figures_say_why_they_are_missing() {
        let figures = Source { runtime: None, began: Instant::now() }.figures();
        let tasks = figures.iter().find(|f| f.go == "/sched/goroutines:goroutines").unwrap();
        assert!(tasks.value.as_ref().unwrap_err().contains("no tokio runtime"));
    }
}
