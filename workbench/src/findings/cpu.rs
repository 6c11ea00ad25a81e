//! A CPU profile by functions of the program itself.

use std::collections::{BTreeMap, HashMap};

use flamegraphs::capture::system_call;
use flamegraphs::names;
use flamegraphs::profile::{Location, LocationId, Profile, Sample};
use reports::findings::{CalledBack, CpuRow, CpuTable, ENTERING};
use reports::run::TraceFrame;

use crate::attach::hot::{Shown, innermost, is_asking, shown};
use crate::evidence::trace::within_project;

/// Rows that are kept.
const MOST: usize = 200;

/// What CPU time is held against: function, file, threads.
type Held = (String, String, String);

/// Where in a function its time went, seconds: by line, and by the functions of the program that stood around it.
#[derive(Default)]
struct Places {
    lines: HashMap<u32, f64>,
    paths: HashMap<Vec<TraceFrame>, f64>,
}

/// The table; `None` where the profile has no CPU time.
pub(super) fn table(profile: &Profile) -> Option<CpuTable> {
    let value = profile.type_index("cpu").or_else(|| profile.type_index("samples"))?;
    let owners = names::Owners::of_profile(profile);
    let mut known: HashMap<LocationId, Vec<Shown>> = HashMap::new();
    let mut rows: BTreeMap<Held, (CpuRow, Places)> = BTreeMap::new();
    let mut called_back: Vec<CalledBack> = Vec::new();
    let (mut total_s, mut inside_s, mut named_s) = (0.0, 0.0, 0.0);
    let samples: Vec<&Sample> = profile.samples().iter().filter(|sample| !is_asking(profile, sample)).collect();
    for id in samples.iter().flat_map(|sample| &sample.stack) {
        known.entry(*id).or_insert_with(|| shown(&owners, profile, profile.location(*id)));
    }
    let told =
        |sample: &Sample| -> Vec<&Shown> { sample.stack.iter().filter_map(|id| known.get(id)).flatten().collect() };
    let mut callers = names::Callers::default();
    for (number, sample) in samples.iter().enumerate() {
        callers.learn(number, &owned(&told(sample)), u64::try_from(sample.values[value]).unwrap_or(0));
    }
    for sample in &samples {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one profile")]
        let seconds = sample.values[value] as f64 * 1e-9;
        let frames = told(sample);
        total_s += seconds;
        let inside = || sample.stack.iter().map(|id| profile.location(*id)).filter(|at| is_of_program(profile, at));
        if inside().next().is_some() {
            inside_s += seconds;
            named_s += if inside().any(|at| !at.lines.is_empty()) { seconds } else { 0.0 };
        }
        // A stack that broke off in a library is its caller's, with all that is in it.
        let caller = callers.of(&owned(&frames)).map(|(number, at)| told(samples[number]).split_off(at));
        let at = innermost(&frames).filter(|_| caller.is_none());
        let from_held = caller.as_deref().unwrap_or(&frames[at.unwrap_or(frames.len())..]);
        let path = own_path(from_held);
        for by in callers_back(&frames) {
            match called_back.iter_mut().find(|known| (&known.by.function, &known.by.file) == (&by.function, &by.file))
            {
                Some(known) => known.total_s += seconds,
                None => called_back.push(CalledBack { by, total_s: seconds }),
            }
        }
        let (function, file, line) = from_held.first().map_or((String::new(), String::new(), 0), |frame| {
            (frame.function.clone(), frame.file.clone(), u32::try_from(frame.line).unwrap_or(0))
        });
        let thread = names::thread_name(sample.label("thread").unwrap_or_default());
        let key = (function.clone(), file.clone(), thread.clone());
        let (row, places) = rows.entry(key).or_insert_with(|| {
            let row = CpuRow { function, file: within_project(&file).to_owned(), thread, ..CpuRow::default() };
            (row, Places::default())
        });
        row.total_s += seconds;
        row.served_s += if is_called(&frames) { seconds } else { 0.0 };
        *places.lines.entry(line).or_default() += seconds;
        *places.paths.entry(path).or_default() += seconds;
        let inner = &frames[..at.unwrap_or(frames.len())];
        let call = system_call(inner.iter().map(|frame| frame.function.as_str()));
        let call = if call.is_empty() && inner.iter().any(|frame| is_entry(&frame.function)) {
            ENTERING.to_owned()
        } else {
            call
        };
        if !call.is_empty() {
            *row.calls.entry(call).or_default() += seconds;
        } else if inner.iter().any(|frame| names::is_allocation(&frame.function)) {
            row.allocator_s += seconds;
            row.freed_s += if inner.iter().any(|frame| names::is_release(&frame.function)) { seconds } else { 0.0 };
        } else if let Some(named) = inner.iter().find(|frame| !is_nameless(frame)) {
            row.copied_s += if names::is_copy(&named.function) { seconds } else { 0.0 };
            row.filled_s += if names::is_fill(&named.function) { seconds } else { 0.0 };
        }
    }
    if total_s <= 0.0 {
        return None;
    }
    let mut rows: Vec<CpuRow> = rows
        .into_values()
        .map(|(row, places)| {
            let most = places.lines.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let path = places.paths.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
            CpuRow {
                line: most.map_or(0, |(line, _)| line),
                path: path.map(|(path, _)| path).unwrap_or_default(),
                ..row
            }
        })
        .collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows.truncate(MOST);
    let named = if inside_s > 0.0 { named_s / inside_s } else { 1.0 };
    Some(CpuTable { total_s, rows, called_back, named })
}

/// Functions of the program in a stack, innermost first, each once in a row: what a function was inlined into of itself (a
/// closure, a state machine) is no caller.
fn own_path(frames: &[&Shown]) -> Vec<TraceFrame> {
    let mut path: Vec<TraceFrame> = Vec::new();
    for frame in frames.iter().filter(|frame| frame.is_written_here()) {
        let file = within_project(&frame.file);
        if path.last().is_none_or(|last| last.function != frame.function || last.file != file) {
            let line = u32::try_from(frame.line).unwrap_or(0);
            path.push(TraceFrame { function: frame.function.clone(), file: file.to_owned(), line });
        }
    }
    path
}

/// Whether nothing but its address is known of a frame: a C library without symbols, in which copies end.
fn is_nameless(frame: &Shown) -> bool {
    frame.function.starts_with("0x") && !frame.kernel
}

/// Functions of the program that called a library which called another function of the program back, each once.
fn callers_back(frames: &[&Shown]) -> Vec<TraceFrame> {
    let mut callers: Vec<TraceFrame> = Vec::new();
    let own = frames.iter().enumerate().filter(|(_, frame)| frame.is_written_here());
    for ((at, inner), (outer_at, outer)) in own.clone().zip(own.skip(1)) {
        let file = within_project(&outer.file);
        let is_new = callers.iter().all(|known| known.function != outer.function || known.file != file);
        if outer_at > at + 1 && inner.function != outer.function && is_new {
            let line = u32::try_from(outer.line).unwrap_or(0);
            callers.push(TraceFrame { function: outer.function.clone(), file: file.to_owned(), line });
        }
    }
    callers
}

/// Functions beyond the outermost of the program from which a library called it: every thread and goroutine begins in one of
/// the language's.
const BEYOND: usize = 2;

/// Whether the outermost function of the program was called by a library.
fn is_called(frames: &[&Shown]) -> bool {
    frames.iter().rposition(|frame| frame.is_written_here()).is_some_and(|at| frames.len() - at > BEYOND)
}

/// A stack as [`names::Callers`] takes it.
fn owned<'a>(frames: &[&'a Shown]) -> Vec<(&'a str, Option<names::Whose>)> {
    frames.iter().map(|frame| (frame.function.as_str(), frame.whose)).collect()
}

/// Whether an address is in the program's own file: the first of the mappings.
fn is_of_program(profile: &Profile, location: &Location) -> bool {
    let files = profile.mappings();
    location.mapping.is_some_and(|at| files[at.index()].file == files[0].file)
}

/// Whether the kernel was entered by a system call: what it does before and after the call itself, such as giving the CPU
/// to whom the call woke, bears no name of a call (arch/x86/entry/entry_64.S, arch/arm64/kernel/entry.S).
fn is_entry(function: &str) -> bool {
    function.starts_with("entry_SYSCALL_64") || function.starts_with("el0t_64_sync")
}
