//! Who started goroutines, by what these begin with, of a program that was traced.

use std::collections::BTreeMap;

use flamegraphs::capture::goroutines::{GoTrace, Start};
use reports::run::TraceFrame;

use super::moments::shown;
use crate::attach::goroutines::enclosing;

/// Functions above the runtime's own that a compiler may have put the place into.
const INLINED: usize = 4;
/// Goroutines that started each other, to the one that the program started them from.
const DEEPEST: usize = 4;

/// Places that started goroutines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Starts<'t> {
    all: Vec<Place<'t>>,
}

#[derive(Debug, Clone)]
struct Place<'t> {
    /// What they begin with, where it is known.
    begins: &'t str,
    /// From who called the runtime to what the starter itself began with.
    stack: Vec<TraceFrame>,
    count: u64,
}

impl<'t> Starts<'t> {
    pub(crate) fn of(trace: &'t GoTrace) -> Self {
        let place = |start: &'t Start| {
            let stack = shown(trace.stacks.get(start.stack as usize)?.get(1..)?);
            (!stack.is_empty()).then_some(Place { begins: &start.begins, stack, count: start.count })
        };
        Self { all: trace.starts.iter().filter_map(place).collect() }
    }

    /// Places whose goroutines begin with a function.
    fn beginning<'s>(&'s self, function: &'s str) -> impl Iterator<Item = &'s Place<'t>> {
        let around = enclosing(function);
        let is_literal = around != function;
        self.all.iter().filter(move |place| {
            let mut near = place.stack.iter().take(INLINED);
            place.begins == function
                || place.begins.is_empty() && is_literal && near.any(|frame| frame.function == around)
        })
    }

    /// How many were started that begin with a function; `None` where nobody was seen to start any.
    pub(crate) fn count(&self, function: &str) -> Option<u64> {
        (!self.all.is_empty()).then(|| self.beginning(function).map(|place| place.count).sum())
    }

    /// The line that started most of those that begin with a function.
    pub(crate) fn line(&self, function: &str) -> Option<TraceFrame> {
        let most = self.beginning(function).max_by_key(|place| place.count)?;
        let around = enclosing(function);
        let named = most.stack.iter().take(INLINED).find(|frame| frame.function == around);
        named.or(most.stack.first()).cloned()
    }

    /// The innermost function that is the program's own (`is_own`) of those that started most of them, or who started these.
    pub(crate) fn by(&self, function: &str, is_own: &dyn Fn(&&TraceFrame) -> bool) -> Option<TraceFrame> {
        let mut function = function.to_owned();
        for _ in 0..DEEPEST {
            let mut own: BTreeMap<&TraceFrame, u64> = BTreeMap::new();
            let mut others: BTreeMap<&str, u64> = BTreeMap::new();
            for place in self.beginning(&function) {
                match place.stack.iter().find(is_own) {
                    Some(one) => *own.entry(one).or_default() += place.count,
                    None => {
                        let first = place.stack.last().map_or("", |first| &first.function);
                        *others.entry(first).or_default() += place.count;
                    }
                }
            }
            if let Some((one, _)) = own.into_iter().max_by_key(|(_, count)| *count) {
                return Some(one.clone());
            }
            function = others.into_iter().max_by_key(|(_, count)| *count)?.0.to_owned();
        }
        None
    }

    /// Those that a library started for the program: what it began with there, the program's own functions, innermost first, and
    /// how many; the most first.
    pub(crate) fn through_libraries(
        &self,
        is_own: &dyn Fn(&&TraceFrame) -> bool,
    ) -> Vec<(String, Vec<TraceFrame>, u64)> {
        let mut sums: BTreeMap<(String, Vec<TraceFrame>), u64> = BTreeMap::new();
        for place in &self.all {
            let own: Vec<TraceFrame> = place.stack.iter().filter(is_own).cloned().collect();
            let called = place.stack.first().filter(|called| !own.is_empty() && !is_own(called));
            if let Some(called) = called {
                *sums.entry((called.function.clone(), own)).or_default() += place.count;
            }
        }
        let mut all: Vec<_> = sums.into_iter().map(|((through, own), count)| (through, own, count)).collect();
        all.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        all
    }
}

#[cfg(test)]
mod tests {
    use flamegraphs::capture::tasks::Frame;

    use super::*;

    fn trace() -> GoTrace {
        let stack = |functions: &[(&str, u32)]| -> Vec<Frame> {
            let all = [("runtime.newproc", 1)].iter().chain(functions).chain(&[("runtime.goexit", 1)]);
            all.map(|(name, line)| Frame { function: (*name).into(), file: "x.go".into(), line: *line }).collect()
        };
        let start = |begins: &str, stack, count| Start { begins: begins.into(), stack, count };
        GoTrace {
            stacks: vec![
                stack(&[("net/http.(*Transport).queue", 9), ("main.ask", 49), ("net/http.(*conn).serve", 7)]),
                stack(&[("net/http.(*Transport).dialConn", 8), ("net/http.(*Transport).queue.func1", 9)]),
                stack(&[("main.main", 90)]),
            ],
            starts: vec![start("", 0, 20), start("", 1, 40), start("main.worker", 2, 1)],
            ..GoTrace::default()
        }
    }

    #[test]
    fn who_started_those_that_a_library_started_is_found_through_them() {
        let trace = trace();
        let starts = Starts::of(&trace);
        let own = |frame: &&TraceFrame| frame.function.starts_with("main.");
        let by = |function: &str| starts.by(function, &own).map(|one| (one.function, one.line));
        assert_eq!(by("net/http.(*Transport).dialConn.gowrap2"), Some(("main.ask".into(), 49)));
        assert_eq!(by("main.worker"), Some(("main.main".into(), 90)));
        assert_eq!(by("time.goFunc"), None);
    }

    #[test]
    fn what_libraries_start_for_the_program_is_counted_by_who_calls_them() {
        let trace = trace();
        let own = |frame: &&TraceFrame| frame.function.starts_with("main.");
        let all = Starts::of(&trace).through_libraries(&own);
        let told: Vec<_> =
            all.iter().map(|(through, own, count)| (through.as_str(), own[0].function.as_str(), *count)).collect();
        assert_eq!(told, [("net/http.(*Transport).queue", "main.ask", 20)]);
    }

    #[test]
    fn the_line_is_that_of_the_go_statement() {
        let trace = trace();
        let starts = Starts::of(&trace);
        let line = |function: &str| starts.line(function).map(|one| (one.function, one.line));
        assert_eq!(line("main.worker"), Some(("main.main".into(), 90)));
        assert_eq!(line("net/http.(*Transport).queue.func1"), Some(("net/http.(*Transport).queue".into(), 9)));
        assert_eq!(line("main.other"), None);
    }
}
