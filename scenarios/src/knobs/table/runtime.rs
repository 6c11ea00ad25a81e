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
        path: "runtime.thread_stack_size",
        kind: Kind::Bytes { min: 16 << 10, max: 1 << 30 },
        default: fixed("2MiB"),
        doc: "Stack of each worker and blocking thread, a multiple of the page size. Address space, touched as it is used. The thread that current_thread runs on has its own.",
        go: go(
            "debug.SetMaxStack",
            "a goroutine's stack starts at 2 to 8 KiB and grows; a thread's is what it is, and a task has none",
        ),
        read_back: "stack of a worker (current_thread: a blocking thread) of a runtime built the same way",
        ..TOKIO
    },
    Knob {
        path: "runtime.max_io_events_per_tick",
        kind: Kind::Integer { min: 1, max: 65536 },
        default: fixed("1024"),
        doc: "Most input and output events that one look at the kernel yields. Smaller gives tasks that are already woken their turn sooner.",
        go: go("netpoll", "128 events a look in Go, fixed"),
        read_back: "sockets noticed in one look of a runtime built the same way; above 256 a lower bound",
        ..TOKIO
    },
    Knob {
        path: "runtime.max_io_events_per_busy_tick",
        kind: Kind::Integer { min: 1, max: 65536 },
        default: varying("as runtime.max_io_events_per_tick"),
        doc: "The same for looks of a worker that still has tasks to run. Under overload a small number leaves the rest in the kernel instead of overflowing the worker's queue of 256.",
        go: go("netpoll", "128 events a look in Go, busy or not"),
        read_back: "sockets noticed in one look of a busy runtime built the same way; above 256 a lower bound",
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
    Knob {
        path: "runtime.alt_timer",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether each worker has timers of its own instead of one wheel behind a lock for all.",
        go: go("timers of a P", "since Go 1.14 each P has its own, without a switch"),
        read_back: "kind that a timer of a runtime built the same way names",
        unstable: true,
        condition: MULTI_THREAD,
        ..TOKIO
    },
    Knob {
        path: "runtime.eager_driver_handoff",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether a worker that comes back from waiting for events lets another one wait in its place before it polls a task, so that a long poll does not delay input, output and timers.",
        go: go(
            "handoffp, sysmon",
            "Go takes the P from a thread that blocks and has sysmon poll the network; tokio does so only if told",
        ),
        read_back: "a timer that fires while the only other worker is kept busy, in a runtime built the same way",
        unstable: true,
        condition: MULTI_THREAD,
        ..TOKIO
    },
    Knob {
        path: "runtime.sharded_blocking_queue",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether jobs of spawn_blocking queue in several places, each behind its own lock, instead of one.",
        go: go("none", "a goroutine that blocks queues nowhere: its thread is set aside"),
        read_back: "order in which queued jobs run in a runtime built the same way",
        unstable: true,
        ..TOKIO
    },
    Knob {
        path: "runtime.rng_seed",
        kind: Kind::Integer { min: 0, max: 4294967295 },
        default: varying("random"),
        doc: "Seed of the runtime's choices: the branch that select! looks at first, the worker that is robbed first. Makes runs more alike, never identical.",
        go: go("none", "Go's select chooses at random, without a seed"),
        read_back: "choices of select! beside those of a runtime of the same seed",
        unstable: true,
        ..TOKIO
    },
    Knob {
        path: "runtime.unhandled_panic",
        kind: Kind::Choice(&["ignore", "shutdown_runtime"]),
        default: fixed("ignore"),
        doc: "What a panic of a task that nobody catches does: end that task, or end the runtime.",
        go: go("panic", "ends the whole program in Go, always"),
        read_back: "what becomes of a runtime built the same way whose task panics",
        unstable: true,
        condition: Some(Condition {
            path: "runtime.flavor",
            needed: Needed::Value("current_thread"),
            except: Some("ignore"),
        }),
        ..TOKIO
    },
    Knob {
        path: "runtime.metrics_poll_time_histogram",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether the time of every poll is counted by length. Costs two clock reads for each; polls through the LIFO slot count as one.",
        go: go("runtime/trace", "Go measures no time slices unless traced"),
        read_back: "RuntimeMetrics::poll_time_histogram_enabled of a runtime built the same way",
        unstable: true,
        ..TOKIO
    },
    Knob {
        path: "runtime.track_task_schedule_latency",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether each task remembers when it was woken. Costs a clock read for each wake; 1.8 times a bounce between two tasks, nothing that shows on a request.",
        go: go("runtime/metrics", "/sched/latencies:seconds is always on in Go, for one goroutine in eight"),
        read_back: "TaskMeta::schedule_latency in a runtime built the same way",
        unstable: true,
        ..TOKIO
    },
    Knob {
        path: "runtime.metrics_schedule_latency_histogram",
        kind: Kind::Boolean,
        default: fixed("false"),
        doc: "Whether times from wake to poll are counted by length; switches track_task_schedule_latency on.",
        go: go("/sched/latencies:seconds", "always on in Go, for one goroutine in eight"),
        read_back: "RuntimeMetrics::schedule_latency_histogram_enabled of a runtime built the same way",
        unstable: true,
        ..TOKIO
    },
];
