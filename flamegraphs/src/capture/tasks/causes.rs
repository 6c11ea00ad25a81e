//! What a wait is for, by the path of the function that somebody waits in.

use super::sites::{Cause, Frame, Whose};
use crate::names;

/// By the path of a function of tokio.
const CAUSES: &[(&str, Cause)] = &[
    ("tokio::time::", Cause::Timer),
    ("tokio::runtime::time::", Cause::Timer),
    ("tokio::net::", Cause::Socket),
    ("tokio::runtime::io::", Cause::Socket),
    ("tokio::io::", Cause::Socket),
    ("tokio::sync::mpsc", Cause::Channel),
    ("tokio::sync::oneshot", Cause::Channel),
    ("tokio::sync::broadcast", Cause::Channel),
    ("tokio::sync::watch", Cause::Channel),
    ("tokio::sync::notify", Cause::Notify),
    ("tokio::sync::mutex", Cause::Lock),
    ("tokio::sync::rwlock", Cause::Lock),
    ("tokio::sync::semaphore", Cause::Lock),
    ("tokio::sync::batch_semaphore", Cause::Lock),
    ("tokio::sync::barrier", Cause::Lock),
    ("tokio::sync::once_cell", Cause::Lock),
    ("tokio::runtime::task::join", Cause::Join),
    // The end of a task wakes whoever joins it.
    ("tokio::runtime::task::harness::Harness", Cause::Join),
    ("tokio::runtime::task::harness::complete", Cause::Join),
    ("tokio::runtime::task::core::Trailer", Cause::Join),
    ("tokio::task::join_set", Cause::Join),
    ("tokio::fs::", Cause::BlockingPool),
    ("tokio::runtime::blocking", Cause::BlockingPool),
    ("tokio::process", Cause::Process),
    ("tokio::signal", Cause::Process),
    ("tokio::runtime::scheduler::defer", Cause::Yield),
    ("tokio::task::yield_now", Cause::Yield),
];

/// By the path of a function of Rust's standard library, or of C's, in which a thread sleeps until another wakes it:
/// std/src/sys/sync, std/src/thread, and what they call.
const THREAD_CAUSES: &[(&str, Cause)] = &[
    ("sync::mutex", Cause::Lock),
    ("sync::rwlock", Cause::Lock),
    ("sync::reentrant_lock", Cause::Lock),
    ("pthread_mutex", Cause::Lock),
    ("pthread_rwlock", Cause::Lock),
    ("lll_lock", Cause::Lock),
    ("thread_parking", Cause::Notify),
    ("sync::condvar", Cause::Notify),
    ("pthread_cond", Cause::Notify),
    ("thread::join", Cause::Join),
    ("pthread_join", Cause::Join),
    ("pthread_clockjoin", Cause::Join),
    ("pthread_timedjoin", Cause::Join),
];

/// By a word of the path of a function of a library that brings locks of its own: the field's terms, whatever it is called.
/// A condition variable goes with a mutex.
const WORDS: &[(&str, Cause)] =
    &[("condvar", Cause::Notify), ("mutex", Cause::Lock), ("rwlock", Cause::Lock), ("rw_lock", Cause::Lock)];

/// What a thread that sleeps in a futex waits for: somebody's lock, or that it is told.
pub(super) fn of_a_thread(frames: &[Frame], whose: &[Whose]) -> Cause {
    let language = frames.iter().zip(whose).filter(|(_, whose)| **whose == Whose::Standard).map(|(frame, _)| frame);
    let told = language.filter_map(|frame| {
        let named = |(part, _): &&(&str, Cause)| frame.function.contains(part);
        THREAD_CAUSES.iter().find(named).map(|(_, cause)| *cause)
    });
    told.into_iter().next().unwrap_or_else(|| {
        let library = frames.iter().zip(whose).take_while(|(_, whose)| **whose != Whose::Program);
        let names = library.filter(|(_, whose)| **whose == Whose::Library).map(|(frame, _)| &frame.function);
        let names: Vec<String> = names.map(|name| names::clean_name(name).to_lowercase()).collect();
        let word = WORDS.iter().find(|(word, _)| names.iter().any(|name| name.contains(word)));
        word.map_or(Cause::Other, |(_, cause)| *cause)
    })
}

pub(super) fn cause(function: &str) -> Cause {
    let path = function.trim_start_matches('<');
    CAUSES.iter().find(|(begin, _)| path.starts_with(begin)).map_or(Cause::Other, |(_, cause)| *cause)
}
