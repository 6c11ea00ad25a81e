//! Whether a thread that gave its CPU up had nothing to do, told by the functions it was in.
//!
//! A worker of a runtime that finds no work parks: it sleeps in epoll or on a futex until somebody brings some. That is
//! no wait to explain. A worker that sleeps within the poll of a task is one, though the system call may be the same.

use crate::names::clean_name;

/// What a function says of a wait within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A runtime's own waiting for work.
    Park,
    /// A runtime calls the program: what waits further in is the program's.
    Call,
}

/// Where runtimes wait for work, without generics.
const PARKS: [&str; 14] = [
    "tokio::runtime::scheduler::multi_thread::park::",
    "tokio::runtime::scheduler::multi_thread::worker::Context::park",
    "tokio::runtime::scheduler::current_thread::Context::park",
    "tokio::runtime::park::",
    "tokio::runtime::driver::Driver::park",
    "tokio::runtime::blocking::pool::Inner::run",
    "rayon_core::sleep::Sleep::sleep",
    // What this workbench itself has in the built-in subjects: the listener to its commands, and who looks at memory.
    "workbench::child::",
    "workbench::load::",
    // Go: a thread that found no goroutine, or is kept aside.
    "runtime.findRunnable",
    "runtime.stopm",
    "runtime.stoplockedm",
    "runtime.sysmon",
    "runtime.templateThread",
];

/// Functions below [`PARKS`] by name that call the program all the same.
const CALLS: [&str; 1] = ["tokio::runtime::park::CachedParkThread::block_on"];

/// What a function's name says, as the debug information or the symbol table gives it.
pub(super) fn mark(function: &str) -> Option<Mark> {
    // Most functions are neither: names are taken apart only where they may be.
    if !["tokio::", "rayon_core::", "runtime.", "workbench::"].iter().any(|home| function.contains(home)) {
        return None;
    }
    let name = clean_name(function);
    if CALLS.iter().any(|call| name.starts_with(call)) || is_poll_of_a_task(&name) {
        return Some(Mark::Call);
    }
    PARKS.iter().any(|park| name.starts_with(park)).then_some(Mark::Park)
}

/// `tokio::runtime::task::raw::poll`, `…::harness::poll_future`, `…::harness::Harness::poll`, `…::core::Core::poll`: one
/// of them is never inlined away.
fn is_poll_of_a_task(name: &str) -> bool {
    let function = name.rsplit("::").next().unwrap_or_default();
    name.starts_with("tokio::runtime::task::") && function.starts_with("poll")
}

/// Whether a stack, leaf first, ends in a runtime's waiting for work.
pub(super) fn is_parked(marks: impl IntoIterator<Item = Option<Mark>>) -> bool {
    // The innermost decides: a worker of tokio is itself a job of the blocking pool.
    marks.into_iter().flatten().next() == Some(Mark::Park)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(leaf_first: &[&str]) -> bool {
        is_parked(leaf_first.iter().map(|name| mark(name)))
    }

    const WORKER: [&str; 3] = [
        "tokio::runtime::scheduler::multi_thread::worker::run",
        "tokio::runtime::task::raw::poll::<tokio::runtime::blocking::task::BlockingTask<_>, _>",
        "tokio::runtime::blocking::pool::Inner::run",
    ];

    #[test]
    fn a_worker_without_work_is_parked() {
        let parks = [
            "epoll_wait",
            "mio::poll::Poll::poll",
            "tokio::runtime::io::driver::Driver::turn",
            "<tokio::runtime::scheduler::multi_thread::park::Inner>::park_driver",
            "<tokio::runtime::scheduler::multi_thread::worker::Context>::park_internal",
        ];
        assert!(parked(&[&parks[..], &WORKER].concat()));
        assert!(parked(&["syscall", "std::sys::sync::condvar::futex::Condvar::wait_timeout", WORKER[2]]));
        assert!(parked(&["__poll", "tokio::runtime::park::CachedParkThread::park"]));
        assert!(parked(&["runtime.futex", "runtime.notesleep", "runtime.stopm", "runtime.findRunnable"]));
    }

    #[test]
    fn what_sleeps_within_a_poll_is_not() {
        let inside = ["futex_wait", "std::sys::sync::mutex::futex::Mutex::lock_contended", "app::serve::{closure#0}"];
        let poll = ["tokio::runtime::task::harness::poll_future::<app::serve::{closure#0}, _>"];
        assert!(!parked(&[&inside[..], &poll, &WORKER].concat()));
        let root = ["nanosleep", "app::main::{closure#0}", "<tokio::runtime::park::CachedParkThread>::block_on::<_>"];
        assert!(!parked(&root), "the future that main waits for is the program's");
        assert!(!parked(&["futex_wait", "app::work", "std::thread::spawn"]), "without a runtime nobody can tell");
    }
}
