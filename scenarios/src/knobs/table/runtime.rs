//! tokio's runtime builder, 1.54. Names are the builder's, without `enable_` and `disable_`.

use std::time::Duration;

use super::{HOUR, MULTI_THREAD, TOKIO, fixed, go, varying};
use crate::knobs::{Condition, Kind, Knob, Needed};

pub(super) const KNOBS: &[Knob] = &[
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
        condition: MULTI_THREAD,
        read_back: "order in which two woken tasks run in a runtime built the same way",
        ..TOKIO
    },
];
