//! What is served under which path, and why the rest is not.

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::time::Instant;

use tokio::runtime::Handle;

use super::connection::Connection;
use super::figures::Source;
use super::heap::{self, View};
use super::recording::Tasks;
use super::request::Request;
use super::response::{Response, Status, TEXT};
use super::{goroutine, index, metrics_json, profile, prometheus, symbol};
use crate::heap::Profiler;

/// A path of Go's that has no counterpart here.
pub(super) struct Absent {
    /// Behind `/debug/pprof/`.
    pub(super) name: &'static str,
    /// Why, and the nearest thing that exists.
    pub(super) reason: &'static str,
}

/// Go's profiles that are not served.
pub(super) const ABSENT: &[Absent] = &[
    Absent {
        name: "mutex",
        reason: "locks of std, parking_lot and tokio do not report contention. Nearest: threads that wait for a lock \
                 use no CPU, so compare the CPU of /debug/pprof/profile with what you expect, and see voluntary \
                 context switches in /debug/metrics.json.",
    },
    Absent {
        name: "block",
        reason: "neither tokio nor std records where something waits. Nearest: /debug/metrics.json has queue depths, \
                 parked workers and blocking threads.",
    },
    Absent {
        name: "threadcreate",
        reason: "nothing records the stacks that start threads. (Go's own has recorded none since 2019.) Nearest: \
                 /debug/metrics.json has the number of threads.",
    },
    Absent {
        name: "goroutineleak",
        reason: "without a garbage collector nothing proves that a task can never be woken. Nearest: a number of live \
                 tasks in /debug/metrics.json that only grows.",
    },
    Absent {
        name: "trace",
        reason: "the format of Go's execution trace describes Go's scheduler. Nearest: WORKBENCH_TRACE=sched=1000 in \
                 the environment prints the state of the scheduler each second.",
    },
];

/// Everything that requests need.
pub(super) struct Routes {
    source: Source,
    tasks: Tasks,
    /// The heap sampler, where it runs all the time.
    heap: Option<Profiler>,
}

impl Routes {
    pub(super) fn new(runtime: Option<Handle>, tasks: Tasks, heap: Option<Profiler>) -> Self {
        Self { source: Source { runtime, began: Instant::now() }, tasks, heap }
    }

    /// The answer to a request of an allowed host and method.
    ///
    /// # Errors
    /// The client hung up meanwhile.
    pub(super) fn answer(&self, request: &Request, connection: &Connection<'_>) -> io::Result<Response> {
        Ok(match request.path.as_str() {
            "/debug/metrics.json" => Response::ok("application/json", metrics_json::render(&self.source.figures())),
            "/metrics" => Response::ok(prometheus::CONTENT_TYPE, prometheus::render(&self.source.figures())),
            "/" | "/debug/" | "/debug/pprof" | "/debug/pprof/" => {
                index::page(self.source.alive_tasks(), self.tasks.recorder().is_ok(), self.heap.is_some())
            }
            path => match path.strip_prefix("/debug/pprof/") {
                Some("heap") => return heap::answer(View::Heap, self.heap.as_ref(), request, connection),
                Some("allocs") => return heap::answer(View::Allocs, self.heap.as_ref(), request, connection),
                Some("goroutine") => match self.tasks.recorder() {
                    Ok(recorder) => return goroutine::answer(recorder, request, connection),
                    Err(reason) => Response::refusal(Status::NotFound, format!("goroutine is not available: {reason}")),
                },
                Some("profile") => return profile::answer(request, connection),
                Some("cmdline") => Response::ok(TEXT, command_line()),
                Some("symbol") => symbol::answer(request.whole_query()),
                Some(name) => not_served(name),
                None => Response::refusal(Status::NotFound, "nothing here; see /debug/pprof/"),
            },
        })
    }
}

/// Arguments with NUL between them, as Go has them.
fn command_line() -> Vec<u8> {
    std::env::args_os().map(OsStringExt::into_vec).collect::<Vec<_>>().join(&0)
}

fn not_served(name: &str) -> Response {
    match ABSENT.iter().find(|absent| absent.name == name) {
        Some(absent) => Response::refusal(Status::NotFound, format!("{name} is not available: {}", absent.reason)),
        None => Response::refusal(Status::NotFound, "Unknown profile; see /debug/pprof/"),
    }
}
