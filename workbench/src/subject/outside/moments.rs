//! A recording of goroutines as what all of them did at one moment after the other: the form in which a program tells them itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flamegraphs::capture::Recording;
use flamegraphs::capture::goroutines::{Does, GoTrace, Life, Ran, Stretch, on_cpu};
use flamegraphs::capture::tasks::Frame;
use reports::run::TraceFrame;

use super::goroutines::Dump;
use super::starts::Starts;
use crate::attach::goroutines::{Goroutine, enclosing};

/// From one moment to the next, at least.
const PACE_NS: u64 = 20_000_000;
/// Goroutines that all moments together show: of very many there are fewer moments.
const MOST: u64 = 150_000;
/// What Go says of a goroutine that is on a thread.
const RUNNING: &str = "running";
/// The function that all of them begin with.
pub(crate) const FIRST: &str = "runtime.goexit";

/// All moments of a recording; samples of threads tell what goroutines did that ran.
pub(crate) fn of(trace: &GoTrace, samples: Option<&Recording>) -> Vec<Dump> {
    let frames: Vec<Arc<Vec<TraceFrame>>> = trace.stacks.iter().map(|stack| Arc::new(shown(stack))).collect();
    let stretches = trace.lives.iter().flat_map(|life| &life.stretches);
    let pace_ns = PACE_NS.max(stretches.map(|one| one.to_ns.saturating_sub(one.from_ns)).sum::<u64>() / MOST);
    let mut ran: Vec<(usize, usize, Ran)> = Vec::new();
    let mut dumps: Vec<Dump> = (0..)
        .map(|number| trace.began_ns + number * pace_ns)
        .take_while(|at_ns| *at_ns < trace.ended_ns)
        .map(|at_ns| Dump { goroutines: Vec::new(), at_ns, covers: Duration::from_nanos(pace_ns) })
        .collect();
    let starts = Starts::of(trace);
    let mut lines: HashMap<&str, Option<TraceFrame>> = HashMap::new();
    for (id, life) in (1..).zip(&trace.lives) {
        let first = begins(life, &frames);
        let line =
            first.map(|first| lines.entry(&first.function).or_insert_with(|| starts.line(&first.function)).clone());
        let creator = line.flatten().or_else(|| first.map(around_literal));
        for (at, stretch) in life.stretches.iter().enumerate() {
            // The moments within it.
            let first = stretch.from_ns.saturating_sub(trace.began_ns).div_ceil(pace_ns);
            let begin = usize::try_from(first).unwrap_or(usize::MAX).min(dumps.len());
            let within = dumps[begin..].iter_mut().enumerate().take_while(|(_, dump)| dump.at_ns < stretch.to_ns);
            for (number, dump) in within {
                let (state, frames) = match stretch.does {
                    Does::Waits { reason, stack } => {
                        let state = trace.reasons.get(usize::from(reason)).cloned().unwrap_or_default();
                        (state, frames.get(stack as usize).cloned().unwrap_or_default())
                    }
                    Does::Runs { tid } => {
                        let moment = Ran { tid, at_ns: dump.at_ns, within: (stretch.from_ns, stretch.to_ns) };
                        ran.push((begin + number, dump.goroutines.len(), moment));
                        (RUNNING.to_owned(), Arc::new(around(&life.stretches, at, &frames)))
                    }
                };
                let (since_ns, created_by) = (Some(stretch.from_ns), creator.clone());
                dump.goroutines.push(Goroutine { state, frames, created_by, count: 1, id, since_ns });
            }
        }
    }
    let moments: Vec<Ran> = ran.iter().map(|(.., moment)| *moment).collect();
    let seen = samples.map(|samples| on_cpu(samples, &moments)).unwrap_or_default();
    for ((dump, at, _), stack) in ran.iter().zip(seen) {
        if let Some(stack) = stack {
            dumps[*dump].goroutines[*at].frames = Arc::new(shown(&stack));
        }
    }
    dumps
}

/// Frames without what begins every goroutine.
pub(super) fn shown(stack: &[Frame]) -> Vec<TraceFrame> {
    let frames = stack.iter().take_while(|frame| !frame.function.starts_with(FIRST));
    let frame =
        |frame: &Frame| TraceFrame { function: frame.function.clone(), file: frame.file.clone(), line: frame.line };
    frames.map(frame).collect()
}

/// What a goroutine began with.
fn begins<'f>(life: &Life, frames: &'f [Arc<Vec<TraceFrame>>]) -> Option<&'f TraceFrame> {
    life.stretches.iter().find_map(|stretch| frames.get(stretch.waits()?.1 as usize))?.last()
}

/// Who started it where nobody saw that: the function around the one that it began with.
fn around_literal(first: &TraceFrame) -> TraceFrame {
    TraceFrame { function: enclosing(&first.function), ..first.clone() }
}

/// What a goroutine is within while it runs: the functions that it waited in before and will wait in after.
fn around(stretches: &[Stretch], at: usize, frames: &[Arc<Vec<TraceFrame>>]) -> Vec<TraceFrame> {
    let stack = |stretch: Option<&Stretch>| frames.get(stretch?.waits()?.1 as usize);
    let before = at.checked_sub(1).and_then(|before| stack(stretches.get(before)));
    match (before, stack(stretches.get(at + 1))) {
        (Some(before), Some(after)) => {
            let same = |(a, b): &(&TraceFrame, &TraceFrame)| a.function == b.function;
            let shared = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
            before[before.len() - shared..].to_vec()
        }
        (Some(only), None) | (None, Some(only)) => only.last().cloned().into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_shows_what_all_of_them_did() {
        let stack = |functions: &[&str]| -> Vec<Frame> {
            let all = functions.iter().chain(&["runtime.goexit"]);
            all.map(|name| Frame { function: (*name).into(), file: "/w/main.go".into(), line: 7 }).collect()
        };
        let stretch = |from_ms: u64, to_ms: u64, does| {
            let (from_ns, to_ns) = (from_ms * 1_000_000, to_ms * 1_000_000);
            Stretch { from_ns, to_ns, does }
        };
        let waits = |reason, stack| Does::Waits { reason, stack };
        let life = Life {
            ended: false,
            stretches: vec![
                stretch(5, 35, waits(1, 0)),
                stretch(35, 50, Does::Runs { tid: 3 }),
                stretch(50, 90, waits(0, 1)),
            ],
        };
        let trace = GoTrace {
            began_ns: 0,
            ended_ns: 70_000_000,
            lives: vec![life],
            stacks: vec![
                stack(&["runtime.gopark", "main.read", "main.serve.func1"]),
                stack(&["runtime.gopark", "main.write", "main.serve.func1"]),
            ],
            reasons: vec!["sleep".into(), "chan receive".into()],
            ..GoTrace::default()
        };
        let told = |dump: &Dump| -> Vec<String> {
            let one = |one: &Goroutine| {
                let frames: Vec<&str> = one.frames.iter().map(|frame| frame.function.as_str()).collect();
                let by = one.created_by.as_ref().map(|by| by.function.as_str()).unwrap_or_default();
                format!("{} {} {} by {by}", one.id, one.state, frames.join(" "))
            };
            dump.goroutines.iter().map(one).collect()
        };
        assert_eq!(
            of(&trace, None).iter().map(told).collect::<Vec<_>>(),
            [
                Vec::<String>::new(),
                vec!["1 chan receive runtime.gopark main.read main.serve.func1 by main.serve".into()],
                vec!["1 running main.serve.func1 by main.serve".into()],
                vec!["1 sleep runtime.gopark main.write main.serve.func1 by main.serve".into()],
            ]
        );
    }
}
