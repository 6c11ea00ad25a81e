//! tokio's own functions that see every task, found by symbol.
//!
//! All of them stand in vtables of tokio or are called from code generic over the task's type, so that every program has
//! them once, or once a type. Names by version: `waker::*` and `State::transition_to_*` from tokio 1.0 on (the wakers
//! generic over the task's type up to 1.21, one symbol each type), `OwnedTasks::bind_inner` from 1.22 on. Where
//! `lto = "fat"` has inlined the transitions, `raw::poll` and `raw::dealloc`, one a type and in vtables throughout 1.x, take
//! their place.

use std::fs::File;

use object::read::ReadCache;
use object::{Object, ObjectSymbol, SymbolKind};

use crate::capture::elf;

/// What a hit of a function says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Role {
    Spawned,
    WokenByValue,
    WokenByRef,
    Cloned,
    Dropped,
    Polling,
    Pending,
    Complete,
    /// In the place of [`Role::Polling`].
    Called,
    /// Its return, in the place of [`Role::Pending`].
    Returned,
    /// In the place of [`Role::Complete`].
    Freed,
}

impl Role {
    /// Paths of the functions, without generic arguments.
    fn path(self) -> &'static str {
        match self {
            Self::Spawned => "tokio::runtime::task::list::OwnedTasks::bind_inner",
            Self::WokenByValue => "tokio::runtime::task::waker::wake_by_val",
            Self::WokenByRef => "tokio::runtime::task::waker::wake_by_ref",
            Self::Cloned => "tokio::runtime::task::waker::clone_waker",
            Self::Dropped => "tokio::runtime::task::waker::drop_waker",
            Self::Polling => "tokio::runtime::task::state::State::transition_to_running",
            Self::Pending => "tokio::runtime::task::state::State::transition_to_idle",
            Self::Complete => "tokio::runtime::task::state::State::transition_to_complete",
            Self::Called | Self::Returned => "tokio::runtime::task::raw::poll",
            Self::Freed => "tokio::runtime::task::raw::dealloc",
        }
    }

    /// One for each function.
    const ALL: [Self; 10] = [
        Self::Spawned,
        Self::WokenByValue,
        Self::WokenByRef,
        Self::Cloned,
        Self::Dropped,
        Self::Polling,
        Self::Pending,
        Self::Complete,
        Self::Called,
        Self::Freed,
    ];

    /// What a recording lacks without the function; `None` where there is no recording without it.
    fn without(self) -> Option<&'static str> {
        match self {
            Self::Spawned => Some("tasks are met at their first poll, not at their spawn"),
            Self::Cloned => Some("nothing is known of where tasks wait"),
            Self::Dropped => Some("tasks that nobody can wake any more are not told"),
            Self::Complete => Some("ends of tasks are not seen"),
            Self::Called | Self::Returned | Self::Freed => Some("it is not asked for"),
            Self::WokenByValue | Self::WokenByRef | Self::Polling | Self::Pending => None,
        }
    }

    /// Which argument is the task's header, from 0.
    pub(super) fn argument(self) -> usize {
        usize::from(self == Self::Spawned)
    }

    /// Whether its stack says where a task waits, who wakes it, or where it was spawned.
    pub(super) fn has_stack(self) -> bool {
        matches!(self, Self::Cloned | Self::WokenByValue | Self::WokenByRef | Self::Spawned)
    }
}

/// A function to stop at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) role: Role,
    /// Of its first instruction in the file, bytes.
    pub(super) offset: u64,
}

/// Those of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Functions {
    pub(super) found: Vec<Function>,
    /// What the recording lacks.
    pub(super) lacks: Vec<String>,
}

/// Why a program's tasks cannot be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// No symbols at all.
    Stripped,
    /// Symbols, but none of tokio's tasks.
    NotTokio,
    /// Some of tokio's, but not these.
    Inlined(Vec<&'static str>),
}

/// Functions probed at most: every one costs a descriptor on every CPU.
const MOST: usize = 512;

/// Looks for the functions in an executable.
pub(super) fn find(file: File) -> Result<Functions, Unfit> {
    let cache = ReadCache::new(file);
    let Ok(object) = object::File::parse(&cache) else { return Err(Unfit::NotTokio) };
    let offset_of = elf::offsets(&object);
    let mut any = false;
    let mut found = Vec::new();
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition()) {
        any = true;
        // Demangling every symbol of a large program takes a second.
        let Ok(name) = symbol.name() else { continue };
        if !name.contains("tokio") || !name.contains("task") {
            continue;
        }
        if let Some(role) = role_of(&format!("{:#}", rustc_demangle::demangle(name)))
            && let Some(offset) = offset_of(symbol.address())
        {
            found.push(Function { role, offset });
        }
    }
    if !any {
        return Err(Unfit::Stripped);
    }
    // Equal functions are often merged into one.
    found.sort_unstable_by_key(|function| (function.offset, function.role));
    found.dedup_by_key(|function| function.offset);
    chosen(found)
}

/// Transitions where there are any, else the calls that they lie in; refused where there is neither.
fn chosen(mut found: Vec<Function>) -> Result<Functions, Unfit> {
    if found.is_empty() {
        return Err(Unfit::NotTokio);
    }
    let has = |role| found.iter().any(|function| function.role == role);
    let mut lacks = Vec::new();
    let whole = has(Role::Polling) && has(Role::Pending);
    let by_calls = !whole && has(Role::Called);
    if by_calls {
        // Half of them would tell of some polls twice.
        found.retain(|one| !matches!(one.role, Role::Polling | Role::Pending | Role::Complete));
        let called: Vec<Function> = found.iter().copied().filter(|one| one.role == Role::Called).collect();
        found.extend(called.into_iter().map(|one| Function { role: Role::Returned, ..one }));
        lacks.push(INLINED.to_owned());
    } else {
        found.retain(|one| !matches!(one.role, Role::Called | Role::Freed));
    }
    found.truncate(MOST);
    let has = |role| found.iter().any(|function| function.role == role);
    let instead = |role: &Role| by_calls && matches!(role, Role::Polling | Role::Pending | Role::Complete);
    let missing = || Role::ALL.into_iter().filter(|role| !has(*role) && !instead(role));
    let needed: Vec<&str> = missing().filter(|role| role.without().is_none()).map(Role::path).collect();
    if !needed.is_empty() {
        return Err(Unfit::Inlined(needed));
    }
    let asked = missing().filter(|role| !matches!(role, Role::Called | Role::Freed));
    lacks.extend(asked.filter_map(|role| Some(format!("no `{}`: {}", role.path(), role.without()?))));
    Ok(Functions { found, lacks })
}

/// What is different then.
const INLINED: &str = "tokio's transitions were inlined (`lto = \"fat\"`): polls are told by `raw::poll` and its return; an end \
    of a task is seen only where its memory is given back by a call, and may not be";

/// What a demangled name is: `<tokio::runtime::task::state::State>::transition_to_idle`, or without the brackets.
fn role_of(name: &str) -> Option<Role> {
    let mut path = String::with_capacity(name.len());
    let mut depth = 0_u32;
    let mut before = ' ';
    // `<A<S>>::f::<T>` and `A<S>::f` both become `A::f`.
    let name = name.strip_prefix('<').unwrap_or(name);
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            // Not the arrow of `fn() -> T`.
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ if depth == 0 => path.push(c),
            _ => {}
        }
        before = c;
    }
    let path = path.replace("::::", "::");
    let path = path.strip_suffix("::").unwrap_or(&path);
    Role::ALL.into_iter().find(|role| role.path() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_manglings_are_known() {
        let state = "tokio::runtime::task::state::State";
        assert_eq!(role_of(&format!("<{state}>::transition_to_idle")), Some(Role::Pending));
        assert_eq!(role_of(&format!("{state}::transition_to_idle")), Some(Role::Pending));
        assert_eq!(role_of("tokio::runtime::task::waker::wake_by_val"), Some(Role::WokenByValue));
        assert_eq!(
            role_of("tokio::runtime::task::waker::wake_by_val::<app::f::{closure#0}, alloc::sync::Arc<x::Y>>"),
            Some(Role::WokenByValue)
        );
        assert_eq!(
            role_of("<tokio::runtime::task::list::OwnedTasks<alloc::sync::Arc<x::Handle>>>::bind_inner"),
            Some(Role::Spawned)
        );
        assert_eq!(role_of("tokio::runtime::task::list::OwnedTasks<S>::bind_inner"), Some(Role::Spawned));
        assert_eq!(role_of("tokio::runtime::task::waker::wake_by_val::inner"), None);
        assert_eq!(role_of("app::wake_by_val"), None);
    }

    #[test]
    fn calls_take_the_place_of_transitions_that_are_not_there() {
        let of = |roles: &[Role]| (1..).zip(roles).map(|(offset, role)| Function { role: *role, offset }).collect();
        let roles = |found: Result<Functions, Unfit>| found.unwrap().found.into_iter().map(|one| one.role).collect();
        let wakes = [Role::WokenByValue, Role::WokenByRef, Role::Cloned, Role::Dropped, Role::Spawned];
        let calls = [Role::Called, Role::Called, Role::Freed];
        let transitions = [Role::Polling, Role::Pending, Role::Complete];
        let whole: Vec<Role> = roles(chosen(of(&[&wakes[..], &calls, &transitions].concat())));
        assert_eq!(whole, [&wakes[..], &transitions].concat());
        let inlined = chosen(of(&[&wakes[..], &calls, &transitions[..1]].concat()));
        assert_eq!(inlined.as_ref().unwrap().lacks, [INLINED]);
        let inlined: Vec<Role> = roles(inlined);
        assert_eq!(inlined, [&wakes[..], &calls, &[Role::Returned, Role::Returned]].concat());
        let refused = chosen(of(&[&wakes[1..], &calls].concat()));
        assert_eq!(refused, Err(Unfit::Inlined(vec![Role::WokenByValue.path()])));
        assert!(matches!(chosen(of(&wakes)), Err(Unfit::Inlined(missing)) if missing.len() == 2));
    }

    #[test]
    fn a_program_without_tokio_is_told_apart_from_one_without_symbols() {
        let this = File::open("/proc/self/exe").unwrap();
        assert_eq!(find(this), Err(Unfit::NotTokio));
        assert_eq!(find(File::open("/proc/self/status").unwrap()), Err(Unfit::NotTokio));
    }
}
