//! Readable stacks: what a person would call the frames.
//!
//! A raw stack of an async Rust program is about 67 frames deep and 10,000 characters long; cleaned it is about 9
//! frames and 200 characters:
//! `tokio-rt-worker;[runtime];task axum connection;[hyper];http_service::login;argon2::Argon2::hash_password_into`.
//! The profile itself is never altered: cleaning yields [`Folded`] stacks.
//!
//! What happens to a stack (each step has a switch in [`Options`]):
//! - the profiler's own frames at the leaf go;
//! - the thread's name becomes the root, `worker-3` and `worker-4` are one `worker`;
//! - a poll of a spawned future becomes `task <future>`, told from the type in `Harness<T, _>`;
//! - tokio, std, core, alloc and panic plumbing: one `[runtime]` at the root; gone where it only passes a call on; the
//!   called function (`alloc::vec::Vec::push`) where the time was spent inside;
//! - hyper, axum, tower and their kin: one `[hyper]`;
//! - `::{closure#0}`, generics, hashes and crate disambiguators go, `<T as Trait>::method` is `T::method`;
//! - equal neighbours (an async function and its future; recursion) are one frame.

mod allocation;
mod callers;
mod kind;
mod parse;
mod path;
mod stack;
mod task;
#[cfg(feature = "capture")]
mod task_type;
mod whose;

pub use allocation::{is_allocation, is_copy, is_fill, is_release};
pub use callers::Callers;
#[cfg(feature = "capture")]
pub(crate) use task_type::{TaskType, type_of};
pub use whose::{Owners, Whose, innermost};

use std::borrow::Cow;
use std::collections::HashMap;

use crate::folded::{Differences, FoldError, Folded, for_each_stack, unsymbolised};
use crate::profile::{Function, LocationId, Profile, Sample};
use parse::Parsed;

/// For [`Metadata::drop_frames`](crate::profile::Metadata::drop_frames) of what a signal-driven profiler recorded:
/// `go tool pprof` then leaves out the handler and everything it called, as [`fold`] does. Without it each sample's
/// leaf is the profiler's unwinder.
pub const DROP_FRAMES: &str = "<?(pprof|backtrace)::.*|.*perf_signal_handler|__restore_rt";
/// The same for heap profiles: `go tool pprof` then leaves out allocators and what calls them on a program's behalf, as
/// [`fold`] does with [`Options::heap`].
pub const DROP_ALLOCATOR_FRAMES: &str = "<?(probe::(heap|allocator)|backtrace|tikv_jemallocator|mimalloc|alloc::(alloc|raw_vec))::.*|__rust_(re)?alloc.*|__rustc::__rust_.*|__r(dl|g)_.*|_?rjem_.*|_?mi_.*|malloc|calloc|realloc";
/// What frames without a home are shown as.
pub const RUNTIME: &str = "[runtime]";
/// HTTP plumbing.
pub const WEB: &str = "[hyper]";

/// What to make of stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The label `thread` becomes the root frame, pool indexes merged.
    pub thread_root: bool,
    /// Polls of spawned futures become `task …` frames.
    pub task_root: bool,
    /// Plumbing is folded.
    pub fold_runtime: bool,
    /// Leaf frames of allocators are dropped too: right for heap profiles, whose every leaf is `malloc`; wrong for CPU
    /// profiles, where the allocator may be the finding.
    pub drop_allocator: bool,
}

impl Default for Options {
    /// For CPU and wait profiles.
    fn default() -> Self {
        Self { thread_root: true, task_root: true, fold_runtime: true, drop_allocator: false }
    }
}

impl Options {
    /// For heap and allocation profiles.
    pub fn heap() -> Self {
        Self { drop_allocator: true, ..Self::default() }
    }
}

/// Folds one value of a profile into readable stacks.
///
/// # Errors
/// Where there is no such value, or one is negative.
pub fn fold(profile: &Profile, type_index: usize, options: &Options) -> Result<Folded, FoldError> {
    fold_by(profile, type_index, options, |_| Some(""))
}

/// The same, of the samples for which `leaf` has something; what it has stands at the leaf, unless it is empty.
///
/// # Errors
/// Where there is no such value, or one is negative.
pub fn fold_by(
    profile: &Profile,
    type_index: usize,
    options: &Options,
    leaf: impl Fn(&Sample) -> Option<&'static str>,
) -> Result<Folded, FoldError> {
    let known = Known::new(profile);
    let mut threads: HashMap<&str, String> = HashMap::new();
    let mut folded = Folded::new();
    for_each_stack(profile, type_index, |sample, value| {
        let Some(leaf) = leaf(sample) else { return };
        let root_first = known.frames(sample);
        let thread = sample.label("thread").filter(|_| options.thread_root);
        let thread = thread.map(|name| threads.entry(name).or_insert_with(|| thread_name(name)).as_str());
        let mut names = stack::readable(&root_first, thread, options);
        names.extend((!leaf.is_empty()).then_some(Cow::Borrowed(leaf)));
        folded.add(&names, value);
    })?;
    Ok(folded)
}

/// Folds a difference: stacks whose values add up to more than nothing. `None` where there are none, or no such value.
pub fn fold_excess(profile: &Profile, type_index: usize, options: &Options) -> Option<Folded> {
    profile.sample_types().get(type_index)?;
    let mut sums = Differences::default();
    each_stack(profile, options, |sample, stack| sums.add(stack, sample.values[type_index]));
    let folded = sums.excess();
    (!folded.is_empty()).then_some(folded)
}

/// The readable stack of every sample of a profile, root first, in the order of [`Profile::samples`].
pub fn each_stack(profile: &Profile, options: &Options, mut each: impl FnMut(&Sample, &[Cow<'_, str>])) {
    let known = Known::new(profile);
    for sample in profile.samples() {
        let thread = sample.label("thread").filter(|_| options.thread_root).map(thread_name);
        let root_first = known.frames(sample);
        each(sample, &stack::readable(&root_first, thread.as_deref(), options));
    }
}

/// Frames of a profile, each understood once.
struct Known<'p> {
    profile: &'p Profile,
    functions: Vec<Parsed>,
    /// By location: what stands for an address without a symbol.
    addresses: Vec<Option<Parsed>>,
}

impl<'p> Known<'p> {
    fn new(profile: &'p Profile) -> Self {
        let unknown = |location| Parsed::native(unsymbolised(profile, location));
        let addresses = profile.locations().iter().map(|at| at.lines.is_empty().then(|| unknown(at))).collect();
        Self { profile, functions: profile.functions().iter().map(parse_function).collect(), addresses }
    }

    /// Root first.
    fn frames<'k>(&'k self, sample: &Sample) -> Vec<&'k Parsed> {
        let of = |id: &LocationId| {
            let lines = self.profile.location(*id).lines.iter().rev();
            self.addresses[id.index()].iter().chain(lines.map(|line| &self.functions[line.function.index()]))
        };
        sample.stack.iter().rev().flat_map(of).collect()
    }
}

/// One stack, root first, of names as a symbol table or a profiler gives them.
pub fn clean_stack<S: AsRef<str>>(root_first: &[S], thread: Option<&str>, options: &Options) -> Vec<String> {
    let parsed: Vec<Parsed> = root_first.iter().map(|name| Parsed::new(name.as_ref())).collect();
    let thread = thread.filter(|_| options.thread_root).map(thread_name);
    let frames: Vec<&Parsed> = parsed.iter().collect();
    stack::readable(&frames, thread.as_deref(), options).into_iter().map(|name| name.into_owned()).collect()
}

/// One name without closures, generics, hashes; demangled where it is mangled (Rust legacy and v0).
pub fn clean_name(name: &str) -> String {
    Parsed::new(name).text
}

/// A thread's name without the index in its pool: `tokio-rt-worker-3` is `tokio-rt-worker`.
pub fn thread_name(name: &str) -> String {
    let name = name.trim();
    let closed = name.strip_suffix([')', ']']).unwrap_or(name);
    let stem = closed.trim_end_matches(|c: char| c.is_ascii_digit());
    let base = stem.trim_end_matches(['-', '_', '#', ':', '/', '.', ' ', '(', '[']);
    let indexed = stem.len() < closed.len() && base.len() < stem.len();
    match (indexed, base.is_empty()) {
        (true, false) => base.to_owned(),
        _ if name.is_empty() => "[thread without a name]".to_owned(),
        _ => name.to_owned(),
    }
}

/// The readable name of a function, and whether it is the program's, or that of a library it chose.
pub fn told(function: &Function) -> (String, bool) {
    let parsed = parse_function(function);
    (parsed.text, parsed.kind == kind::Kind::Own)
}

/// The symbol's name says more than the debug information where it is mangled: it has the generic arguments.
fn parse_function(function: &Function) -> Parsed {
    let symbol = rustc_demangle::try_demangle(&function.system_name).is_ok();
    Parsed::new(if symbol || function.name.is_empty() { &function.system_name } else { &function.name })
}

#[cfg(test)]
mod tests;
