//! What a Go engineer's fingers know, and what does the same here: for `list habits`.

use serde::Serialize;

/// One habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Habit {
    /// What one does in Go.
    pub go: &'static str,
    /// What one does here, in a sentence.
    pub here: &'static str,
    /// A command to type; empty where there is none. `PID`, `URL` and `RUN` stand for one's own.
    pub command: &'static str,
    /// Knobs that it is about, by path.
    pub knobs: &'static [&'static str],
    /// Where the likeness ends, which is what one must know.
    pub difference: &'static str,
}

/// Habits of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they are about.
    pub name: &'static str,
    /// In the order one learns them.
    pub habits: &'static [Habit],
}

const NONE: Habit = Habit { go: "", here: "", command: "", knobs: &[], difference: "" };

/// All of them.
pub const GROUPS: &[Group] = &[
    Group {
        name: "Is it faster?",
        habits: &[
            Habit {
                go: "go test -bench . -count=10, then benchstat old new",
                here: "Every run measures its variants in random blocks and compares each with the first.",
                command: "workbench run --vary runtime.worker_threads=1,2",
                difference: "Latency counts from the moment an operation was due, under load, with an interval; a benchmark loop waits for its own answers.",
                ..NONE
            },
            Habit {
                go: "-benchmem: B/op, allocs/op",
                here: "Every trial counts them: alloc.bytes_per_op and alloc.count_per_op.",
                command: "workbench show @ --json",
                difference: "Rust allocates where the source says so (Box, Vec, Arc, format!): there is no escape analysis to ask with -gcflags=-m.",
                ..NONE
            },
        ],
    },
    Group {
        name: "Where does it go?",
        habits: &[
            Habit {
                go: "go tool pprof http://…/debug/pprof/profile?seconds=30",
                here: "Evidence of a run, or of any process that runs already. All profiles open in `go tool pprof`.",
                command: "workbench attach PID --for 30s",
                difference: "Taken from outside by perf events where the kernel allows it; every profile states its coverage of the CPU time that the kernel counted.",
                ..NONE
            },
            Habit {
                go: "import _ \"net/http/pprof\"",
                here: "The crate `probe` with the feature `endpoints`: three lines in `main`, the same paths, `go tool pprof` reads them.",
                command: "",
                difference: "goroutine shows tasks by the place that spawned them; mutex, block and trace answer 404 with the reason.",
                ..NONE
            },
            Habit {
                go: "/debug/pprof/heap, -sample_index=alloc_space, -inuse_objects",
                here: "Heap evidence under each allocator, with the same four sample types and the same 512 KiB between samples.",
                command: "workbench run --evidence heap",
                difference: "In use means allocated while it was recorded and not freed: there is no garbage that waits for a collector. A resize counts as a new block.",
                ..NONE
            },
            Habit {
                go: "/debug/pprof/goroutine?debug=2",
                here: "Tasks by spawn site, with polls, allocations and stalls; live in tokio-console.",
                command: "workbench console",
                difference: "A task that waits has no stack: its state is the future. Who waits on what is in `show RUN --resources`.",
                ..NONE
            },
            Habit {
                go: "/debug/pprof/block and mutex, fgprof",
                here: "Waits of threads from outside; waits of tasks on mutexes, semaphores and channels by tokio-console.",
                command: "workbench run --evidence console",
                difference: "A task that waits does not block its thread, so the two are different pictures.",
                ..NONE
            },
            Habit {
                go: "go tool trace, the flight recorder",
                here: "Polls longer than a threshold are caught while they last: their stack, and why they did not go on.",
                command: "workbench run --evidence tasks --stall-after 10ms",
                difference: "Go preempts a goroutine after 10 ms; nobody preempts a poll, and every task of that worker waits.",
                ..NONE
            },
        ],
    },
    Group {
        name: "The scheduler",
        habits: &[
            Habit {
                go: "GOMAXPROCS",
                here: "Worker threads of the runtime, and the CPUs that they may use.",
                command: "workbench run --vary runtime.worker_threads=1,2,4",
                knobs: &["runtime.worker_threads", "cpu.affinity"],
                difference: "Blocking calls have up to 512 threads of their own besides (spawn_blocking), and a call that blocks a worker is not handed off as in Go.",
            },
            Habit {
                go: "GODEBUG=schedtrace=1000, gctrace=1",
                here: "WORKBENCH_TRACE=sched=1000,alloc=1000 in a service with `probe::endpoints` prints lines of that shape.",
                command: "",
                difference: "There is no collection to trace: the line tells what the allocator holds, gave back and faulted in.",
                ..NONE
            },
            Habit {
                go: "runtime/metrics, /sched/latencies:seconds",
                here: "/debug/metrics.json of a service, by Go's names where there is a counterpart; /metrics for Prometheus.",
                command: "",
                difference: "Schedule latency is measured per task, from its wake to its poll.",
                ..NONE
            },
            Habit {
                go: "goleak.VerifyNone",
                here: "Tasks alive by spawn site at the end of a recording.",
                command: "workbench show @ --tasks",
                difference: "That a task will never end cannot be proved; one that nobody can wake is told as a lost waker.",
                ..NONE
            },
        ],
    },
    Group {
        name: "Memory",
        habits: &[
            Habit {
                go: "GOGC",
                here: "The nearest dial is how long freed pages are kept.",
                command: "workbench run allocator-lab --vary allocator.jemalloc.dirty_decay_ms=0,1000,10000",
                knobs: &["allocator.jemalloc.dirty_decay_ms", "allocator.jemalloc.muzzy_decay_ms"],
                difference: "GOGC trades the collector's CPU for garbage; decay trades page faults for freed pages. What is live is not touched.",
            },
            Habit {
                go: "GOMEMLIMIT",
                here: "A soft limit that gives freed pages back near it, within a budget of CPU.",
                command: "workbench run memory-limit",
                knobs: &["allocator.memory_limit", "allocator.memory_limit_cpu"],
                difference: "Only freed pages can be given back: where live blocks exceed the limit the program must shed, and is told so.",
            },
            Habit {
                go: "debug.FreeOSMemory, madvdontneed=1",
                here: "Decay of 0 gives pages back at once; muzzy decay of 0 is MADV_DONTNEED, above it MADV_FREE.",
                command: "",
                knobs: &[
                    "allocator.jemalloc.dirty_decay_ms",
                    "allocator.jemalloc.muzzy_decay_ms",
                    "allocator.mimalloc.purge_delay",
                ],
                difference: "At once is dear: in bursts it took four times the CPU of the default.",
            },
            Habit {
                go: "runtime.ReadMemStats",
                here: "The allocator over time: live, allocated, active, resident, retained, faults and pages given back.",
                command: "workbench run --evidence allocator",
                difference: "HeapIdle less HeapReleased is what lies between active and resident here. Reading does not stop the world.",
                ..NONE
            },
            Habit {
                go: "GC pauses",
                here: "Look for what replaces them: drops of large structures, page faults, pages given back on the thread that frees.",
                command: "workbench run --incident",
                knobs: &["allocator.jemalloc.background_thread"],
                difference: "Nothing stops all threads; the cost falls on whoever frees or faults, and a background thread can take it.",
            },
            Habit {
                go: "a choice of allocator: none",
                here: "jemalloc, mimalloc and glibc in one program, compared in one run.",
                command: "workbench run allocator-lab --vary allocator.kind=jemalloc,mimalloc,system",
                knobs: &["allocator.kind"],
                difference: "Page faults are not comparable between allocators: mimalloc takes huge pages.",
            },
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs;

    #[test]
    fn knobs_that_are_named_exist_and_nothing_is_left_empty() {
        let known: Vec<&str> = knobs::describe().iter().map(|row| row.path).collect();
        for habit in GROUPS.iter().flat_map(|group| group.habits) {
            for part in [habit.go, habit.here, habit.difference] {
                assert!(!part.is_empty() && part.trim() == part, "{habit:?}");
            }
            for path in habit.knobs {
                assert!(known.contains(path), "{path}: there is no such knob");
            }
        }
    }
}
