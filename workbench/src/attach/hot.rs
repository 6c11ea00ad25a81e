//! The places where most of a profile lies, each with its line.

use std::collections::HashMap;

use flamegraphs::names;
use flamegraphs::profile::{Location, Profile, Sample};
use serde::Serialize;

/// Places shown.
const MOST: usize = 10;

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Place {
    /// Function, readable.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: i64,
}

/// A place and its share of the whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hot {
    /// Where.
    pub place: Place,
    /// Its part of the profile's value, 0 to 1.
    pub share: f64,
    /// The value itself: samples of CPU, nanoseconds of waiting.
    pub value: i64,
    /// The nearest callers that are no plumbing, nearest first.
    pub callers: Vec<String>,
}

/// What was added up of one function.
#[derive(Default)]
struct Sum {
    value: i64,
    by_line: HashMap<i64, i64>,
    callers: Vec<String>,
}

/// A frame and whether it is of the program itself, not of the kernel, a library or the language's plumbing.
struct Shown {
    place: Place,
    own: bool,
}

/// Functions by the CPU time spent in themselves.
pub(super) fn cpu(profile: &Profile) -> Vec<Hot> {
    hottest(profile, 0, |_| true, |_| 0)
}

/// Places by the time that threads were blocked in them: the innermost frame of the program itself.
pub(super) fn waits(profile: &Profile) -> Vec<Hot> {
    let blocked = |sample: &Sample| sample.label("why") == Some("blocked") && !sample.stack.is_empty();
    hottest(profile, 1, blocked, |frames| frames.iter().position(|frame| frame.own).unwrap_or(0))
}

fn hottest(
    profile: &Profile,
    value: usize,
    counts: impl Fn(&Sample) -> bool,
    choose: impl Fn(&[Shown]) -> usize,
) -> Vec<Hot> {
    let mut sums: HashMap<(String, String), Sum> = HashMap::new();
    let mut whole = 0_i64;
    for sample in profile.samples().iter().filter(|sample| counts(sample)) {
        let amount = sample.values[value];
        whole = whole.saturating_add(amount);
        let frames: Vec<Shown> = sample.stack.iter().flat_map(|id| shown(profile, profile.location(*id))).collect();
        let at = choose(&frames);
        let Some(Shown { place, .. }) = frames.get(at) else { continue };
        let sum = sums.entry((place.function.clone(), place.file.clone())).or_default();
        sum.value = sum.value.saturating_add(amount);
        *sum.by_line.entry(place.line).or_default() += amount;
        if sum.callers.is_empty() {
            let own = frames[at + 1..].iter().filter(|frame| frame.own);
            let others = own.map(|frame| &frame.place.function).filter(|name| **name != place.function);
            sum.callers = others.take(2).cloned().collect();
        }
    }
    let mut all: Vec<Hot> = sums
        .into_iter()
        .map(|((function, file), Sum { value, by_line, callers })| {
            // The line that has most of it; of equals the first.
            let line = by_line.into_iter().max_by_key(|(line, amount)| (*amount, -line)).map_or(0, |(line, _)| line);
            #[allow(clippy::cast_precision_loss, reason = "a share")]
            let share = value as f64 / whole.max(1) as f64;
            Hot { place: Place { function, file, line }, share, value, callers }
        })
        .collect();
    all.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.place.function.cmp(&b.place.function)));
    all.truncate(MOST);
    all
}

/// Whether waiting in a function of the program's own file says nothing: what languages bring along.
fn is_plumbing(place: &Place) -> bool {
    let path = place.function.trim_start_matches(['<', '&']);
    let brought = ["std::", "core::", "alloc::", "__rust", "runtime.", "internal/", "syscall."];
    // Debug information of Rust's own libraries names them by the compiler's commit.
    path.is_empty() || place.file.starts_with("/rustc/") || brought.iter().any(|start| path.starts_with(start))
}

/// Functions of a location, innermost first.
fn shown(profile: &Profile, location: &Location) -> Vec<Shown> {
    // The program is the first of the mappings.
    let inside = location.mapping.is_some_and(|mapping| {
        let files = profile.mappings();
        files[mapping.index()].file == files[0].file
    });
    if location.lines.is_empty() {
        let place = Place { function: format!("{:#x}", location.address), file: String::new(), line: 0 };
        return vec![Shown { place, own: false }];
    }
    location
        .lines
        .iter()
        .map(|line| {
            let function = profile.function(line.function);
            let place =
                Place { function: names::clean_name(&function.name), file: function.file.clone(), line: line.line };
            Shown { own: inside && !is_plumbing(&place), place }
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
        let hot = waits(&profile("blocked"));
        assert_eq!(
            hot[0].place,
            Place { function: "app::ledger::post".into(), file: "src/ledger.rs".into(), line: 41 }
        );
        assert_eq!((hot[0].value, hot[0].callers.as_slice()), (400, &["app::serve".to_owned()][..]));
        assert!((hot[0].share - 0.8).abs() < 1e-9);
        assert_eq!(hot[1].place.function, "app::serve");
        assert_eq!(waits(&profile("preempted")), []);
    }

    #[test]
    fn cpu_belongs_to_the_function_that_ran() {
        let hot = cpu(&profile("blocked"));
        assert_eq!((hot.len(), hot[0].place.function.as_str(), hot[0].value), (1, "schedule", 5));
    }
}
