//! The table of knobs.

use std::time::Duration;

use super::{Acts, Condition, DefaultValue, GoEquivalent, Kind, Knob, Needed};

/// Every knob, in the order in which they are listed.
pub const KNOBS: &[Knob] = &[
    Knob {
        path: "runtime.flavor",
        kind: Kind::Choice(&["multi_thread", "current_thread"]),
        default: fixed("multi_thread"),
        doc: "Scheduler of the subject's tokio runtime: worker threads that steal from each other, or everything on \
              one thread.",
        go: go("GOMAXPROCS=1", "closest to current_thread, but Go still preempts and hands blocked threads over"),
        read_back: "Handle::runtime_flavor of the running subject",
        ..TOKIO
    },
    Knob {
        path: "runtime.worker_threads",
        kind: Kind::Integer { min: 1, max: 1024 },
        default: varying("CPUs that the subject may use, quota included"),
        doc: "Threads that poll tasks. A task that computes or blocks keeps one of them to itself.",
        go: go(
            "GOMAXPROCS",
            "Go starts another thread when a call blocks and preempts after 10 ms; tokio does neither, and its \
             blocking pool is separate",
        ),
        condition: Some(Condition { path: "runtime.flavor", needed: Needed::Value("multi_thread"), except: Some("1") }),
        read_back: "RuntimeMetrics::num_workers of the running subject",
        ..TOKIO
    },
    Knob {
        path: "runtime.max_blocking_threads",
        // Each thread takes two memory mappings (stack and guard page), and Linux allows a process 65,530
        // (vm.max_map_count): more than 32,768 threads cannot start unless the machine was configured for it.
        kind: Kind::Integer { min: 1, max: 32_768 },
        default: fixed("512"),
        doc: "Most threads that run spawn_blocking jobs; further jobs queue without limit. They start when needed \
              and end after runtime.thread_keep_alive.",
        go: go("debug.SetMaxThreads", "Go's limit (10000) kills the program; tokio's makes jobs wait"),
        read_back: "jobs running at once in a runtime built the same way",
        ..TOKIO
    },
    Knob {
        path: "runtime.event_interval",
        kind: Kind::Integer { min: 1, max: 1_048_576 },
        default: fixed("61"),
        doc: "Polls of tasks after which a busy worker looks for input, output and timers. Smaller notices them \
              sooner, at the price of more system calls.",
        go: go("none", "Go's sysmon thread polls the network every 10 ms when nobody else did"),
        read_back: "polls counted between two looks of a runtime built the same way",
        ..TOKIO
    },
    Knob {
        path: "runtime.global_queue_interval",
        kind: Kind::Integer { min: 1, max: 1_048_576 },
        default: varying("31 with current_thread; tuned at run time with multi_thread"),
        doc: "Polls of local tasks after which a worker takes one from the queue that other threads fill. Smaller is \
              fairer to new work, at the price of a contended lock.",
        go: go("none", "Go's scheduler looks at the global queue every 61 ticks, fixed"),
        read_back: "polls counted between two looks of a runtime built the same way",
        ..TOKIO
    },
    Knob {
        path: "runtime.thread_keep_alive",
        kind: Kind::Duration { min: Duration::from_millis(1), max: HOUR },
        default: fixed("10s"),
        doc: "How long an idle thread of the blocking pool stays before it ends.",
        go: go("none", "Go parks idle threads and never ends them"),
        read_back: "idle blocking threads of a runtime built the same way; for more than 2s a lower bound",
        ..TOKIO
    },
    Knob {
        path: "runtime.lifo_slot",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether the task that was woken last runs next on the same worker. Good for messages that bounce \
              between two tasks; the slot cannot be stolen, so a long poll delays the task in it.",
        go: go("runnext", "Go's equivalent slot has no switch, and other threads may steal from it"),
        unstable: true,
        condition: Some(Condition { path: "runtime.flavor", needed: Needed::Value("multi_thread"), except: None }),
        read_back: "order in which two woken tasks run in a runtime built the same way",
        ..TOKIO
    },
    Knob {
        path: "allocator.kind",
        kind: Kind::Choice(&["jemalloc", "mimalloc", "system"]),
        default: fixed("jemalloc"),
        doc: "Allocator behind every Rust allocation of the subject, chosen at start in one and the same binary. C \
              libraries keep the system's.",
        go: go("none", "Go has one allocator and a garbage collector"),
        acts: Acts::AllocatorKind,
        read_back: "probe of where a new allocation lies",
        ..SUBJECT
    },
    Knob {
        path: "allocator.jemalloc.narenas",
        kind: Kind::Integer { min: 1, max: 4094 },
        default: varying("four for each CPU"),
        doc: "Arenas that threads are spread over. Fewer save memory and page faults; too few contend on locks.",
        go: go("none", "Go's caches belong to Ps, so GOMAXPROCS sets their number"),
        acts: Acts::Jemalloc("narenas"),
        read_back: "mallctl opt.narenas",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.dirty_decay_ms",
        kind: DECAY,
        default: fixed("10000"),
        doc: "Milliseconds over which freed pages are given back to the kernel; 0 at once, -1 never. The dial between \
              memory and the CPU spent on page faults.",
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
        doc: "Whether threads of jemalloc's own give pages back, instead of the threads that happen to free memory.",
        go: go("background scavenger", "Go always has one, limited to 1 % of the CPU"),
        acts: Acts::Jemalloc("background_thread"),
        read_back: "mallctl opt.background_thread",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.jemalloc.tcache",
        kind: Kind::Boolean,
        default: fixed("true"),
        doc: "Whether each thread keeps a cache of small blocks that it can use without a lock.",
        go: go("mcache", "Go has one for each P, without a switch"),
        acts: Acts::Jemalloc("tcache"),
        read_back: "mallctl opt.tcache",
        ..JEMALLOC
    },
    Knob {
        path: "allocator.memory_limit",
        kind: Kind::Size { min: 1 << 20, max: 1 << 50 },
        default: fixed("off"),
        doc: "Soft limit on resident memory: close to it (92 %), freed pages are given back 100 times a second until \
              memory is well below (87 %). Where live blocks alone exceed it, only the workload can shed.",
        go: go(
            "GOMEMLIMIT",
            "Go's collector turns garbage into free memory; here only what was freed already can be given back, and \
             all of the resident set counts, not only what the runtime manages",
        ),
        acts: Acts::MemoryLimit,
        read_back: "the running controller of the subject",
        ..SUBJECT
    },
    Knob {
        path: "allocator.memory_limit_cpu",
        kind: Kind::Number { above: 0.0, max: 1.0 },
        default: fixed("0.25"),
        doc: "Part of the CPUs' time that giving back for allocator.memory_limit, and the page faults that follow, may \
              cost within a second; beyond it, memory is allowed to exceed the limit.",
        go: go("GC CPU limiter", "fixed at 0.5 in Go, averaged over more time"),
        acts: Acts::MemoryLimit,
        condition: Some(Condition { path: "allocator.memory_limit", needed: Needed::AnyBut("off"), except: None }),
        read_back: "the running controller of the subject",
        ..SUBJECT
    },
    Knob {
        path: "cpu.affinity",
        kind: Kind::CpuSet,
        default: varying("every CPU that the workbench may use, less the driver's where there are more than two"),
        doc: "CPUs that the subject may run on, as a list such as 0-1,3.",
        go: go("taskset", "Go sizes GOMAXPROCS by it at start, as tokio sizes runtime.worker_threads"),
        acts: Acts::Affinity,
        read_back: "sched_getaffinity of the running subject",
        ..SUBJECT
    },
    Knob {
        path: "load.arrivals",
        kind: Kind::Choice(&["poisson", "constant", "closed"]),
        default: fixed("poisson"),
        doc: "Arrival process. Poisson has independent gaps; constant gaps lock onto timers; closed has each client \
              wait for its answer, which hides queueing, and is labelled as such.",
        ..LOAD
    },
    Knob {
        path: "load.rate",
        kind: Kind::Number { above: 0.0, max: 10_000_000.0 },
        default: varying("the scenario's"),
        doc: "Operations per second over the whole mix, in the open-loop phase.",
        ..LOAD
    },
    Knob {
        path: "load.operations",
        kind: Kind::Integer { min: 0, max: 1_000_000_000 },
        default: fixed("2000"),
        doc: "Operations of the open-loop phase in each trial; 0 leaves the phase out. A 99th percentile needs at \
              least 2000.",
        ..LOAD
    },
    Knob {
        path: "load.concurrency",
        // One source address has 65,535 ports.
        kind: Kind::Integer { min: 1, max: 65_535 },
        default: fixed("32"),
        doc: "Connections, or clients of the saturated phase.",
        ..LOAD
    },
    Knob {
        path: "load.max_in_flight",
        kind: Kind::Integer { min: 1, max: 1_048_576 },
        default: fixed("4096"),
        doc: "Operations that may be in flight or queued at the hand-off before the driver holds further ones back; \
              their intended time stays.",
        ..LOAD
    },
    Knob {
        path: "load.timeout",
        kind: Kind::Duration { min: Duration::from_millis(1), max: HOUR },
        default: fixed("2s"),
        doc: "An operation not answered this long after its intended time has timed out.",
        ..LOAD
    },
    Knob {
        path: "load.max_lag_p99",
        kind: Kind::Duration { min: Duration::from_micros(1), max: Duration::from_secs(1) },
        default: fixed("50us"),
        doc: "Largest 99th percentile of driver lag at which a trial's latencies still count; 10 % of the median \
              latency where that is more.",
        ..LOAD
    },
    Knob {
        path: "trial.blocks",
        kind: Kind::Integer { min: 1, max: 10_000 },
        default: fixed("12"),
        doc: "Blocks of the plan: each has one trial of every variant, in random order.",
        ..TRIAL
    },
    Knob {
        path: "trial.warmup",
        kind: Kind::Duration { min: Duration::ZERO, max: HOUR },
        default: fixed("200ms"),
        doc: "Load at the start of each trial that is not counted.",
        ..TRIAL
    },
    Knob {
        path: "trial.saturated",
        kind: Kind::Duration { min: Duration::ZERO, max: HOUR },
        default: fixed("500ms"),
        doc: "Closed-loop load at full concurrency in each trial (`capacity`, `cpu_per_op`); 0s leaves the phase out.",
        ..TRIAL
    },
];

const HOUR: Duration = Duration::from_secs(3600);

/// jemalloc takes far more, but 2^31 ms are 25 days: longer than any trial.
const DECAY: Kind = Kind::Milliseconds { min: -1, max: 1 << 31 };

const SUBJECT: Knob = Knob {
    path: "",
    kind: Kind::Boolean,
    default: varying(""),
    doc: "",
    go: None,
    acts: Acts::TokioBuilder,
    unstable: false,
    condition: None,
    read_back: "",
};

const TOKIO: Knob = SUBJECT;

const JEMALLOC: Knob = Knob {
    condition: Some(Condition { path: "allocator.kind", needed: Needed::Value("jemalloc"), except: None }),
    ..SUBJECT
};

const LOAD: Knob = Knob { acts: Acts::Load, read_back: "part of the plan", ..SUBJECT };

const TRIAL: Knob = Knob { acts: Acts::Trial, read_back: "part of the plan", ..SUBJECT };

const fn fixed(value: &'static str) -> DefaultValue {
    DefaultValue { prose: value, value: Some(value) }
}

const fn varying(prose: &'static str) -> DefaultValue {
    DefaultValue { prose, value: None }
}

const fn go(name: &'static str, difference: &'static str) -> Option<GoEquivalent> {
    Some(GoEquivalent { name, difference })
}
