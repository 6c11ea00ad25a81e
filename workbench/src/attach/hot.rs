//! The places where most of a profile lies, each with its line.

use std::borrow::Borrow;
use std::collections::HashMap;

use flamegraphs::names::{self, Owners, Whose};
use flamegraphs::profile::{Location, Profile, Sample};
use reports::run::{Hot, TraceFrame};

use crate::evidence::trace::within_project;

/// Places shown.
const MOST: usize = 10;

/// Addresses from here on are the kernel's (the upper half of the address space).
const KERNEL: u64 = 1 << 63;

/// What was added up of one function.
#[derive(Default)]
struct Sum {
    value: i64,
    by_line: HashMap<i64, i64>,
    callers: Vec<String>,
}

/// A frame and whose it is.
pub(crate) struct Shown {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: i64,
    /// `None` of the kernel's, of a library that the system has, and of the language's plumbing.
    pub(crate) whose: Option<Whose>,
    /// Of the kernel's side.
    pub(crate) kernel: bool,
}

impl Shown {
    /// Of the program, and no dependency of its.
    pub(crate) fn is_written_here(&self) -> bool {
        self.whose == Some(Whose::Program)
    }

    /// The same as runs keep it.
    pub(crate) fn frame(&self) -> TraceFrame {
        let line = u32::try_from(self.line).unwrap_or(0);
        TraceFrame { function: self.function.clone(), file: within_project(&self.file).to_owned(), line }
    }

    /// A function that others stand on: its name says how a goroutine waits, not for what.
    fn is_ground(&self) -> bool {
        self.whose.is_none()
            && ["runtime.", "internal/", "sync.", "_."].iter().any(|start| self.function.starts_with(start))
    }
}

/// Handlers of Go's endpoints: what they do and wait for is the asking itself.
pub(super) const ASKING: &str = "net/http/pprof.";

/// Which frame of a stack a sample is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The innermost: CPU time is spent in the function itself.
    Leaf,
    /// The innermost of the program itself: it asked for memory, a lock or a wait that others then carried out.
    Own,
}

/// Places by a value of the profile, the hottest first; of waits only those that a thread chose, and nothing that the asking
/// for the profile caused.
pub(super) fn places(profile: &Profile, value: usize, blame: Blame) -> Vec<Hot> {
    // Preempted threads are no matter of the place where it happened.
    let chosen = |sample: &Sample| sample.label("why").is_none_or(|why| why == "blocked") && !sample.stack.is_empty();
    hottest(profile, value, chosen, |frames| match blame {
        Blame::Leaf => 0,
        Blame::Own => innermost(frames).or_else(|| frames.iter().position(|frame| !frame.is_ground())).unwrap_or(0),
    })
}

fn hottest(
    profile: &Profile,
    value: usize,
    counts: impl Fn(&Sample) -> bool,
    choose: impl Fn(&[Shown]) -> usize,
) -> Vec<Hot> {
    let mut sums: HashMap<(String, String), Sum> = HashMap::new();
    let mut whole = 0_i64;
    let owners = Owners::of_profile(profile);
    for sample in profile.samples().iter().filter(|sample| counts(sample)) {
        let amount = sample.values[value];
        if is_asking(profile, sample) {
            continue;
        }
        let frames: Vec<Shown> =
            sample.stack.iter().flat_map(|id| shown(&owners, profile, profile.location(*id))).collect();
        whole = whole.saturating_add(amount);
        let at = choose(&frames);
        let Some(place) = frames.get(at) else { continue };
        let sum = sums.entry((place.function.clone(), place.file.clone())).or_default();
        sum.value = sum.value.saturating_add(amount);
        let line = sum.by_line.entry(place.line).or_default();
        *line = line.saturating_add(amount);
        if sum.callers.is_empty() {
            let own = frames[at + 1..].iter().filter(|frame| frame.is_written_here());
            let others = own.map(|frame| &frame.function).filter(|name| **name != place.function);
            sum.callers = others.take(2).cloned().collect();
        }
    }
    let mut all: Vec<Hot> = sums
        .into_iter()
        .filter(|(_, sum)| sum.value > 0)
        .map(|((function, file), Sum { value, by_line, callers })| {
            // The line that has most of it; of equals the first.
            let line = by_line.into_iter().max_by_key(|(line, amount)| (*amount, -line)).map_or(0, |(line, _)| line);
            #[allow(clippy::cast_precision_loss, reason = "a share")]
            let share = value as f64 / whole.max(1) as f64;
            Hot { function, file, line, share, value, callers }
        })
        .collect();
    all.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.function.cmp(&b.function)));
    all.truncate(MOST);
    all
}

/// Whether a stack stands in the handlers that were asked for the profile.
pub(crate) fn is_asking(profile: &Profile, sample: &Sample) -> bool {
    let lines = sample.stack.iter().flat_map(|id| &profile.location(*id).lines);
    lines.into_iter().any(|line| profile.function(line.function).name.starts_with(ASKING))
}

/// Whether a function says nothing of a program: what languages bring along, and the runtime that polls tasks.
pub(crate) fn is_plumbing(function: &str, file: &str) -> bool {
    is_plumbing_for(&Owners::default(), function, file)
}

fn is_plumbing_for(owners: &Owners, function: &str, file: &str) -> bool {
    let path = function.trim_start_matches(['<', '&']);
    let runtime = ["tokio::runtime::", "tokio::loom::"].iter().any(|start| path.starts_with(start));
    runtime || owners.whose(function, file) == Whose::Language
}

/// Where, in a stack, leaf first, the innermost function of the program stands; where there is none, of a library that it
/// chose.
pub(crate) fn innermost<S: Borrow<Shown>>(frames: &[S]) -> Option<usize> {
    names::innermost(frames.iter().map(|frame| frame.borrow().whose))
}

/// Functions of a location, innermost first.
pub(crate) fn shown(owners: &Owners, profile: &Profile, location: &Location) -> Vec<Shown> {
    let kernel = location.address >= KERNEL;
    // The program is the first of the mappings; a profile without mappings is of one program.
    let files = profile.mappings();
    let inside = location.mapping.map_or(files.is_empty(), |at| files[at.index()].file == files[0].file);
    if location.lines.is_empty() {
        return vec![Shown {
            function: format!("{:#x}", location.address),
            file: String::new(),
            line: 0,
            whose: None,
            kernel,
        }];
    }
    location
        .lines
        .iter()
        .map(|line| {
            let function = profile.function(line.function);
            let (name, file) = (names::clean_name(&function.name), function.file.clone());
            let told = inside && !kernel && !is_plumbing_for(owners, &name, &file);
            let whose = told.then(|| owners.whose(&name, &file));
            Shown { whose, function: name, file, line: line.line, kernel }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use flamegraphs::profile::{Builder, Frame, Label, Mapping, ValueType};

    use super::*;

    fn profile(why: &str) -> Profile {
        let mut builder = Builder::new([ValueType::new("waits", "count"), ValueType::new("delay", "nanoseconds")]);
        builder.mapping(Mapping { start: 0x10, limit: 0x100, file: "/bin/app".into(), ..Mapping::default() });
        builder.mapping(Mapping { start: 0x100, limit: 0x200, file: "/lib/libc.so".into(), ..Mapping::default() });
        let frame = |function, file, line| Frame { function, file, line, ..Frame::default() };
        let kernel = builder.location(0xffff_ffff_8000_0000, &[frame("schedule", "", 0)]);
        let lock =
            builder.location(0x10, &[frame("std::sys::sync::mutex::futex::Mutex::lock_contended", "mutex.rs", 1)]);
        let library = builder.location(0x110, &[frame("pthread_cond_wait", "", 0)]);
        let guilty = builder.location(0x20, &[frame("app::ledger::post", "src/ledger.rs", 41)]);
        let other = builder.location(0x30, &[frame("app::ledger::post", "src/ledger.rs", 50)]);
        let main = builder.location(0x40, &[frame("app::serve", "src/main.rs", 9)]);
        let labels = [Label::text("why", why)];
        builder.sample(&[kernel, lock, guilty, main], &[3, 300], &labels).unwrap();
        builder.sample(&[kernel, lock, other, main], &[1, 100], &labels).unwrap();
        builder.sample(&[kernel, library, main], &[1, 100], &labels).unwrap();
        builder.finish()
    }

    #[test]
    fn waits_belong_to_the_innermost_function_of_the_program() {
        let hot = places(&profile("blocked"), 1, Blame::Own);
        assert_eq!(
            (hot[0].function.as_str(), hot[0].file.as_str(), hot[0].line),
            ("app::ledger::post", "src/ledger.rs", 41)
        );
        assert_eq!((hot[0].value, hot[0].callers.as_slice()), (400, &["app::serve".to_owned()][..]));
        assert!((hot[0].share - 0.8).abs() < 1e-9);
        assert_eq!(hot[1].function, "app::serve");
        assert_eq!(places(&profile("preempted"), 1, Blame::Own), []);
    }

    #[test]
    fn cpu_belongs_to_the_function_that_ran() {
        let hot = places(&profile("blocked"), 0, Blame::Leaf);
        assert_eq!((hot.len(), hot[0].function.as_str(), hot[0].value), (1, "schedule", 5));
    }

    #[test]
    fn profiles_of_go_name_the_program_and_not_its_library() {
        let read = |bytes: &[u8]| flamegraphs::read::pprof(bytes).unwrap();
        let mutex = read(include_bytes!("fixtures/mutex.pb.gz"));
        let hot = places(&mutex, mutex.type_index("delay").unwrap(), Blame::Own);
        assert_eq!((hot[0].function.as_str(), hot[0].file.as_str()), ("main.(*Ledger).Add", "faulty/main.go"));
        let leaked = read(include_bytes!("fixtures/goroutineleak.pb.gz"));
        let hot = places(&leaked, 0, Blame::Own);
        assert_eq!((hot[0].function.as_str(), hot[0].value), ("main.abandon.func1", 100));
        let cpu = read(include_bytes!("fixtures/cpu.pb.gz"));
        let hot = places(&cpu, 1, Blame::Leaf);
        assert!(hot.iter().any(|one| one.callers.iter().any(|caller| caller == "main.digest")), "{hot:?}");
        for (function, own) in [
            ("net/http.(*conn).serve", false),
            ("runtime.gopark", false),
            ("main.work", true),
            ("github.com/x/sync.(*Pool).Get", true),
            ("gopkg.in/y.v3.F", true),
            ("shop::sync::post", true),
        ] {
            assert_eq!(!is_plumbing(function, ""), own, "{function}");
        }
    }
}
