//! What type a task has, from the names of functions that are generic over it.

use super::path::{is_parameter, split_angle, split_top, type_name};
use super::task::{BLOCKING, future_name};

/// The type of a task, from the name of any function that is generic over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskType {
    /// A task, and what to call it.
    Task(String),
    /// A job of the blocking pool.
    Blocking(String),
    /// The loop of a worker.
    Worker,
}

/// Where the type arguments of such functions begin.
const GENERIC: &[&str] = &[
    "tokio::runtime::task::harness::Harness<",
    "tokio::runtime::task::core::Cell<",
    "tokio::runtime::task::raw::poll::<",
    "tokio::runtime::task::raw::poll<",
];

/// The type of task that a demangled name is about, with the future's type in full; `None` where it does not tell.
pub(crate) fn type_of(name: &str) -> Option<(TaskType, &str)> {
    let rest = GENERIC.iter().find_map(|begin| Some(&name[name.find(begin)? + begin.len()..]))?;
    let (arguments, _) = split_angle(rest)?;
    let future = split_top(arguments, ",").map_or(arguments, |(first, _)| first).trim();
    if is_parameter(future) {
        return None;
    }
    let blocking = future.strip_prefix(BLOCKING).and_then(|rest| rest.strip_prefix('<'));
    let found = match (blocking, future_name(future)) {
        (Some(_), None) => TaskType::Worker,
        (Some(_), Some(name)) => TaskType::Blocking(name.strip_prefix("blocking ").unwrap_or(&name).to_owned()),
        (None, name) => TaskType::Task(name.unwrap_or_else(|| type_name(future, 0))),
    };
    Some((found, future))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_from_both_manglings() {
        let type_of = |name: &str| super::type_of(name).map(|(found, _)| found);
        let task = |name: &str| Some(TaskType::Task(name.into()));
        assert_eq!(
            type_of(
                "<tokio::runtime::task::harness::Harness<app::serve::{closure#0}, alloc::sync::Arc<tokio::runtime::scheduler::multi_thread::handle::Handle>>>::poll"
            ),
            task("app::serve")
        );
        let cell = "core::ptr::drop_in_place<alloc::boxed::Box<tokio::runtime::task::core::Cell";
        assert_eq!(
            type_of(&format!("{cell}<fix::hog::{{{{closure}}}},alloc::sync::Arc<x::Handle>>>>")),
            task("fix::hog")
        );
        assert_eq!(
            type_of(&format!(
                "{cell}<tokio::runtime::blocking::task::BlockingTask<tokio::runtime::scheduler::multi_thread::worker::Launch::launch::{{{{closure}}}}>,tokio::runtime::blocking::schedule::BlockingSchedule>>>"
            )),
            Some(TaskType::Worker)
        );
        assert_eq!(
            type_of(&format!(
                "{cell}<tokio::runtime::blocking::task::BlockingTask<fix::job::{{{{closure}}}}>,tokio::runtime::blocking::schedule::BlockingSchedule>>>"
            )),
            Some(TaskType::Blocking("fix::job".into()))
        );
        assert_eq!(type_of("tokio::runtime::task::harness::Harness<T,S>::poll"), None);
        assert_eq!(type_of("app::main"), None);
    }
}
