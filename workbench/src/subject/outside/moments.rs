//! A recording of goroutines as what all of them did at one moment after the other: the form in which a program tells them itself.

use std::time::Duration;

use flamegraphs::capture::goroutines::{GoTrace, Life, Stretch};
use reports::run::TraceFrame;

use super::goroutines::Dump;
use crate::attach::goroutines::{Goroutine, enclosing};

/// From one moment to the next.
const PACE_NS: u64 = 20_000_000;
/// What Go says of a goroutine that is on a thread.
const RUNNING: &str = "running";
/// The function that all of them begin with.
const FIRST: &str = "runtime.goexit";

/// All moments of a recording.
pub(super) fn of(trace: &GoTrace) -> Vec<Dump> {
    let frames: Vec<Vec<TraceFrame>> = trace.stacks.iter().map(|stack| shown(stack)).collect();
    let mut dumps: Vec<Dump> = (0..)
        .map(|number| trace.began_ns + number * PACE_NS)
        .take_while(|at_ns| *at_ns < trace.ended_ns)
        .map(|at_ns| Dump { goroutines: Vec::new(), at_ns, covers: Duration::from_nanos(PACE_NS) })
        .collect();
    for (id, life) in (1..).zip(&trace.lives) {
        let creator = creator(life, &frames);
        for (at, stretch) in life.stretches.iter().enumerate() {
            // The moments within it.
            let first = stretch.from_ns.saturating_sub(trace.began_ns).div_ceil(PACE_NS);
            let begin = usize::try_from(first).unwrap_or(usize::MAX).min(dumps.len());
            for dump in dumps[begin..].iter_mut().take_while(|dump| dump.at_ns < stretch.to_ns) {
                let (state, frames) = match stretch.waits {
                    Some((reason, stack)) => {
                        let state = trace.reasons.get(usize::from(reason)).cloned().unwrap_or_default();
                        (state, frames.get(stack as usize).cloned().unwrap_or_default())
                    }
                    None => (RUNNING.to_owned(), around(&life.stretches, at, &frames)),
                };
                dump.goroutines.push(Goroutine { state, frames, created_by: creator.clone(), count: 1, id });
            }
        }
    }
    dumps
}

/// Frames without what begins every goroutine.
fn shown(stack: &[flamegraphs::capture::tasks::Frame]) -> Vec<TraceFrame> {
    let frames = stack.iter().take_while(|frame| !frame.function.starts_with(FIRST));
    let frame = |frame: &flamegraphs::capture::tasks::Frame| TraceFrame {
        function: frame.function.clone(),
        file: frame.file.clone(),
        line: frame.line,
    };
    frames.map(frame).collect()
}

/// Who started it: the function around the one that it began with.
fn creator(life: &Life, frames: &[Vec<TraceFrame>]) -> Option<TraceFrame> {
    let stack = life.stretches.iter().find_map(|stretch| frames.get(stretch.waits?.1 as usize));
    let first = stack?.last()?;
    Some(TraceFrame { function: enclosing(&first.function), ..first.clone() })
}

/// What a goroutine is within while it runs: the functions that it waited in before and will wait in after.
fn around(stretches: &[Stretch], at: usize, frames: &[Vec<TraceFrame>]) -> Vec<TraceFrame> {
    let stack = |stretch: Option<&Stretch>| frames.get(stretch?.waits?.1 as usize);
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
    use flamegraphs::capture::tasks::Frame;

    use super::*;

    #[test]
    fn each_moment_shows_what_all_of_them_did() {
        let stack = |functions: &[&str]| -> Vec<Frame> {
            let all = functions.iter().chain(&["runtime.goexit"]);
            all.map(|name| Frame { function: (*name).into(), file: "/w/main.go".into(), line: 7 }).collect()
        };
        let stretch =
            |from_ms: u64, to_ms: u64, waits| Stretch { from_ns: from_ms * 1_000_000, to_ns: to_ms * 1_000_000, waits };
        let life = Life {
            ended: false,
            stretches: vec![stretch(5, 35, Some((1, 0))), stretch(35, 50, None), stretch(50, 90, Some((0, 1)))],
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
            of(&trace).iter().map(told).collect::<Vec<_>>(),
            [
                Vec::<String>::new(),
                vec!["1 chan receive runtime.gopark main.read main.serve.func1 by main.serve".into()],
                vec!["1 running main.serve.func1 by main.serve".into()],
                vec!["1 sleep runtime.gopark main.write main.serve.func1 by main.serve".into()],
            ]
        );
    }
}
