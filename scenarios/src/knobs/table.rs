//! The table of knobs.

mod go;
mod jemalloc;
mod mimalloc;
mod runtime;
mod system;

use std::time::Duration;

use super::{Acts, Condition, DefaultValue, GoEquivalent, Kind, Knob, Needed};

/// Every knob, in the order in which they are listed.
pub const KNOBS: &[Knob] = &joined();

/// Sections of the table.
const SECTIONS: &[&[Knob]] =
    &[runtime::KNOBS, ALLOCATOR, jemalloc::KNOBS, mimalloc::KNOBS, system::KNOBS, CPU, go::KNOBS, SHAPE];

const COUNT: usize = {
    let (mut count, mut section) = (0, 0);
    while section < SECTIONS.len() {
        count += SECTIONS[section].len();
        section += 1;
    }
    count
};

const fn joined() -> [Knob; COUNT] {
    let mut all = [SUBJECT; COUNT];
    let (mut at, mut section) = (0, 0);
    while section < SECTIONS.len() {
        let mut row = 0;
        while row < SECTIONS[section].len() {
            all[at] = SECTIONS[section][row];
            at += 1;
            row += 1;
        }
        section += 1;
    }
    all
}

const ALLOCATOR: &[Knob] = &[
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
];

const CPU: &[Knob] = &[Knob {
    path: "cpu.affinity",
    kind: Kind::CpuSet,
    default: varying("every CPU that the workbench may use, less the driver's where there are more than two"),
    doc: "CPUs that the subject may run on, as a list such as 0-1,3.",
    go: go("taskset", "Go sizes GOMAXPROCS by it at start, as tokio sizes runtime.worker_threads"),
    acts: Acts::Affinity,
    read_back: "sched_getaffinity of the running subject",
    ..SUBJECT
}];

/// The load and the shape of a trial.
const SHAPE: &[Knob] = &[
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
        path: "load.protocol",
        kind: Kind::Choice(&["auto", "http1", "http2", "lines"]),
        default: fixed("auto"),
        doc: "What a networked subject is spoken to in. `auto` goes by the target: HTTP/1.1 for http, what the server \
              prefers for https, lines of text for tcp. http2 without TLS takes the server's word for granted.",
        ..LOAD
    },
    Knob {
        path: "load.connection",
        kind: Kind::Choice(&["keep-alive", "close"]),
        default: fixed("keep-alive"),
        doc: "Whether connections are kept, or made anew for each request, whose latency then includes connecting.",
        ..LOAD
    },
    Knob {
        path: "load.tls_insecure",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Take any certificate, whoever signed it: for subjects with one they signed themselves.",
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

const MULTI_THREAD: Option<Condition> =
    Some(Condition { path: "runtime.flavor", needed: Needed::Value("multi_thread"), except: None });

const JEMALLOC: Knob = Knob { condition: allocator("jemalloc"), ..SUBJECT };

const MIMALLOC: Knob = Knob { condition: allocator("mimalloc"), ..SUBJECT };

const SYSTEM: Knob = Knob { condition: allocator("system"), ..SUBJECT };

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

const fn allocator(kind: &'static str) -> Option<Condition> {
    Some(Condition { path: "allocator.kind", needed: Needed::Value(kind), except: None })
}
