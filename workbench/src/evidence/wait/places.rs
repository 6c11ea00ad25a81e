//! Where threads waited: places in the program, and the longest single waits.

use std::collections::HashMap;

use flamegraphs::capture::{Recording, Waiting, Why, system_call};
use flamegraphs::names::{self, Owners};
use flamegraphs::profile::{LocationId, Profile};
use reports::run::{LongWait, WaitCause, WaitPlace};

use crate::attach::hot::{Shown, innermost, shown};

/// Places kept of each cause.
const MOST_PLACES: usize = 20;
/// Single waits kept.
const MOST_WAITS: usize = 40;
/// Callers of a place that are named, and functions of its stack that are kept.
const CALLERS: usize = 3;
const MOST_OWN: usize = 24;

/// Waits of one thread from one stack.
struct Sum<'a> {
    waits: u64,
    ns: u64,
    longest_ns: u64,
    stack: &'a [LocationId],
}

/// Places that threads waited in, by cause and time.
pub(super) fn places(recording: &Recording, waiting: &Waiting) -> Vec<WaitPlace> {
    let mut frames = Frames::of(&waiting.profile);
    let mut sums: HashMap<(u32, Option<u32>, Why), Sum<'_>> = HashMap::new();
    for wait in &waiting.waits {
        let key = (wait.thread, wait.stack, waiting.why(wait));
        let sum = sums.entry(key).or_insert_with(|| Sum { waits: 0, ns: 0, longest_ns: 0, stack: waiting.stack(wait) });
        (sum.waits, sum.ns, sum.longest_ns) = (sum.waits + 1, sum.ns + wait.ns(), sum.longest_ns.max(wait.ns()));
    }
    let mut places: HashMap<(WaitCause, String, String, u32, String, String), WaitPlace> = HashMap::new();
    // The longest first: where lines do not tell places apart, the one with most of it stands for all.
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(key, sum)| (std::cmp::Reverse(sum.ns), *key));
    for ((thread, _, why), added) in sums {
        let name = recording.threads.get(thread as usize).map(|thread| thread.name.as_str()).unwrap_or_default();
        let mut place = frames.place(added.stack);
        (place.cause, place.thread) = (cause(why), names::thread_name(name));
        // A CPU is taken wherever a thread happens to be: lines and calls say nothing then.
        let anywhere = why == Why::Preempted;
        if anywhere {
            place.within = String::new();
        }
        let key = (
            place.cause,
            place.function.clone(),
            place.file.clone(),
            if anywhere { 0 } else { place.line },
            place.within.clone(),
            place.thread.clone(),
        );
        let sum = places.entry(key).or_insert(place);
        sum.waits += added.waits;
        sum.total_s += seconds(added.ns);
        sum.longest_s = sum.longest_s.max(seconds(added.longest_ns));
    }
    let mut all: Vec<WaitPlace> = places.into_values().collect();
    all.sort_by(|a, b| {
        a.cause.cmp(&b.cause).then(b.total_s.total_cmp(&a.total_s)).then_with(|| a.function.cmp(&b.function))
    });
    let mut kept = HashMap::new();
    all.retain(|place| {
        let count: &mut usize = kept.entry(place.cause).or_default();
        *count += 1;
        *count <= MOST_PLACES
    });
    all
}

/// The longest waits that were not idleness.
pub(super) fn longest(recording: &Recording, waiting: &Waiting, began_ns: u64) -> Vec<LongWait> {
    let mut frames = Frames::of(&waiting.profile);
    let mut all: Vec<_> = waiting.waits.iter().filter(|wait| waiting.why(wait) != Why::Parked).collect();
    all.sort_by_key(|wait| (std::cmp::Reverse(wait.ns()), wait.from_ns));
    all.truncate(MOST_WAITS);
    let told = all.into_iter().filter_map(|wait| {
        let thread = recording.threads.get(wait.thread as usize)?;
        let WaitPlace { function, file, line, .. } = frames.place(waiting.stack(wait));
        Some(LongWait {
            cause: cause(waiting.why(wait)),
            thread: thread.name.clone(),
            tid: thread.tid,
            at_s: seconds(wait.from_ns.saturating_sub(began_ns)),
            duration_s: seconds(wait.ns()),
            function,
            file,
            line,
        })
    });
    told.collect()
}

fn cause(why: Why) -> WaitCause {
    match why {
        Why::Blocked => WaitCause::Blocked,
        Why::Preempted => WaitCause::Preempted,
        Why::Parked => WaitCause::Parked,
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

/// Functions by location, each told once.
struct Frames<'a> {
    profile: &'a Profile,
    owners: Owners,
    known: HashMap<LocationId, Vec<Shown>>,
}

impl<'a> Frames<'a> {
    fn of(profile: &'a Profile) -> Self {
        Self { profile, owners: Owners::of_profile(profile), known: HashMap::new() }
    }

    /// The place that a stack, leaf first, stands for.
    fn place(&mut self, stack: &[LocationId]) -> WaitPlace {
        for id in stack {
            self.known.entry(*id).or_insert_with(|| shown(&self.owners, self.profile, self.profile.location(*id)));
        }
        let frames: Vec<&Shown> = stack.iter().filter_map(|id| self.known.get(id)).flatten().collect();
        let at = innermost(&frames);
        // A wait outside of all that is the program's own: what it called is better than nothing.
        let found = at.or_else(|| frames.iter().position(|frame| !is_kernel(frame))).map(|at| frames[at]);
        let mut callers: Vec<String> = Vec::new();
        let outer = at.map(|at| &frames[at + 1..]).unwrap_or_default();
        for frame in outer.iter().filter(|frame| frame.is_written_here()) {
            let name = &frame.function;
            if callers.len() < CALLERS && callers.last() != Some(name) && found.is_none_or(|own| own.function != *name)
            {
                callers.push(name.clone());
            }
        }
        WaitPlace {
            cause: WaitCause::Blocked,
            function: found.map(|place| place.function.clone()).unwrap_or_default(),
            file: found.map(|place| place.file.clone()).unwrap_or_default(),
            line: found.and_then(|place| u32::try_from(place.line).ok()).unwrap_or(0),
            within: within(&frames),
            thread: String::new(),
            callers,
            own: at
                .map(|at| frames[at..].iter().copied().filter(|frame| frame.is_written_here()))
                .into_iter()
                .flatten()
                .take(MOST_OWN)
                .map(Shown::frame)
                .collect(),
            asks: String::new(),
            called_back: false,
            waits: 0,
            total_s: 0.0,
            longest_s: 0.0,
        }
    }
}

/// Of the kernel: names without a file and not of a mapping.
fn is_kernel(frame: &Shown) -> bool {
    frame.kernel
}

/// What a thread was in when it left, in the kernel's words: the system call, or the fault.
fn within(frames: &[&Shown]) -> String {
    let kernel = frames.iter().take_while(|frame| is_kernel(frame)).map(|frame| frame.function.as_str());
    // Without one: an interrupt, or the way back from a system call, on which the CPU was given to somebody else.
    system_call(kernel)
}

#[cfg(test)]
mod tests {
    use flamegraphs::profile::{Builder, Frame, Mapping, ValueType};

    use super::*;

    #[test]
    fn a_wait_belongs_to_the_program_and_names_its_system_call() {
        let mut builder = Builder::new([ValueType::new("waits", "count"), ValueType::new("delay", "nanoseconds")]);
        builder.mapping(Mapping { start: 0x10, limit: 0x100, file: "/bin/app".into(), ..Mapping::default() });
        let frame = |function, file, line| Frame { function, file, line, ..Frame::default() };
        let kernel =
            |builder: &mut Builder, n: u64, name| builder.location(0xffff_ffff_8000_0000 + n, &[frame(name, "", 0)]);
        let schedule = kernel(&mut builder, 0, "schedule");
        let call = kernel(&mut builder, 1, "__x64_sys_futex");
        let fault = kernel(&mut builder, 2, "asm_exc_page_fault");
        let lock =
            builder.location(0x10, &[frame("std::sys::sync::mutex::futex::Mutex::lock_contended", "mutex.rs", 1)]);
        let own = builder.location(0x20, &[frame("app::ledger::post", "src/ledger.rs", 41)]);
        let main = builder.location(0x40, &[frame("app::serve", "src/main.rs", 9)]);
        let profile = builder.finish();
        let mut frames = Frames::of(&profile);
        let place = frames.place(&[schedule, call, lock, own, main]);
        assert_eq!(
            (place.function.as_str(), place.line, place.within.as_str(), place.callers.as_slice()),
            ("app::ledger::post", 41, "futex", &["app::serve".to_owned()][..])
        );
        let own_lines: Vec<u32> = place.own.iter().map(|frame| frame.line).collect();
        assert_eq!(own_lines, [41, 9]);
        assert_eq!(frames.place(&[schedule, fault, own]).within, "page fault");
        assert_eq!(frames.place(&[]).function, "");
        assert_eq!(frames.place(&[schedule, lock]).function, "std::sys::sync::mutex::futex::Mutex::lock_contended");
    }
}
