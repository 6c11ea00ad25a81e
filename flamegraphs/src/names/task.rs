//! Which spawned future a frame polls.

use super::kind::{self, Kind};
use super::path::{is_parameter, split_angle, split_top, type_name};

/// Frames whose first type argument is the future of a task (tokio 1.x, both manglings).
const POLLS: &[&str] = &[
    "<tokio::runtime::task::harness::Harness<",
    "tokio::runtime::task::harness::Harness<",
    "tokio::runtime::task::raw::poll::<",
    "tokio::runtime::task::raw::poll<",
];
pub(super) const BLOCKING: &str = "tokio::runtime::blocking::task::BlockingTask";
const MAX_DEPTH: u32 = 8;

/// What a frame says about tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// It polls this future.
    Named(String),
    /// It polls a future whose type the name does not tell (legacy mangling has `Harness<T,S>`).
    Unknown,
}

/// What the demangled name of a frame says; `None` where it polls no task, or one of the runtime's own.
pub(super) fn of(name: &str) -> Option<Task> {
    let rest = POLLS.iter().find_map(|begin| name.strip_prefix(begin))?;
    let (arguments, _) = split_angle(rest)?;
    let future = split_top(arguments, ",").map_or(arguments, |(first, _)| first).trim();
    if is_parameter(future) {
        return Some(Task::Unknown);
    }
    future_name(future).map(Task::Named)
}

/// What to call the task of a future; `None` for loops of the runtime itself.
pub(super) fn future_name(future: &str) -> Option<String> {
    if let Some(inner) = future.strip_prefix(BLOCKING).and_then(|rest| rest.strip_prefix('<')) {
        let (closure, _) = split_angle(inner)?;
        return future_name(closure).map(|name| format!("blocking {name}"));
    }
    let head = type_name(future, 0);
    // Worker loops are run as blocking tasks; they are threads, not tasks.
    if head.starts_with("tokio::runtime::") {
        return None;
    }
    Some(known(&program_type(future, 0).unwrap_or(head)))
}

/// The first type of the program (or of its HTTP server) in a type: of `Pin<Box<app::serve::{closure#0}>>`, `app::serve`.
fn program_type(name: &str, depth: u32) -> Option<String> {
    let head = type_name(name, 0);
    if matches!(kind::of(&head), Kind::Own | Kind::Web) && !is_parameter(&head) && head.contains("::") {
        return Some(head);
    }
    if depth == MAX_DEPTH {
        return None;
    }
    let (_, mut rest) = name.split_once('<')?;
    if let Some((arguments, _)) = split_angle(rest) {
        rest = arguments;
    }
    loop {
        let (first, more) = split_top(rest, ",").unwrap_or((rest, ""));
        // `Future<Output = app::Reply>` names a result, not the future.
        if !first.contains(" = ")
            && let Some(found) = program_type(first.trim(), depth + 1)
        {
            return Some(found);
        }
        if more.is_empty() {
            return None;
        }
        rest = more;
    }
}

/// Futures of HTTP servers by what they are.
pub(super) fn known(name: &str) -> String {
    match name {
        "axum::serve::handle_connection" => "axum connection".to_owned(),
        _ if name.starts_with("axum::serve::") => "axum accept".to_owned(),
        _ if name.starts_with("hyper_util::server::") || name.starts_with("hyper::server::") => {
            "hyper connection".to_owned()
        }
        _ => name.to_owned(),
    }
}
