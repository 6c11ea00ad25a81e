//! Which functions a program gives to a thread of their own, by the source: whoever wrote that knew that they take long.

use std::collections::BTreeSet;

use super::cause::{Cause, at};
use super::joined::Joined;
use super::leaving::Left;
use super::naming::functions;
use super::rules::{long_poll_cpu, poll_blocked, rare_stall};
use super::tokens::{is_name, within, word_at};
use super::{Culprit, Loops};
use crate::run::TraceFrame;

/// What takes a closure, or a function, and runs it where it keeps no worker from others (`tokio::task`).
const OFFLOADS: [&str; 2] = ["spawn_blocking", "block_in_place"];

impl Loops {
    /// Whether a function that there is once is given to a thread of its own by another one than its caller: where a poll calls it
    /// all the same, who calls it decides on that.
    fn is_offloaded(&self, culprit: &Culprit, caller: &str) -> bool {
        let name = culprit.name();
        let elsewhere = |(offloaded, by): &(String, String)| offloaded == name && by != caller;
        self.declared(name) == 1 && self.files.values().any(|lines| lines.offloaded.iter().any(elsewhere))
    }

    /// Whether a function that there is once is called by another one than this, too.
    pub(super) fn is_called_beside(&self, function: &str, caller: &str) -> bool {
        let beside = |left: &Left| left.name == function && ![function, caller].contains(&left.function.as_str());
        self.declared(function) == 1 && self.calls_where(beside).next().is_some()
    }

    /// Who calls such a function within a poll, of a stack from the inside to the outside.
    pub(super) fn calls_offloaded<'f>(&self, culprit: &Culprit, own: &'f [TraceFrame]) -> Option<&'f TraceFrame> {
        let is_it = |frame: &TraceFrame| frame.function == culprit.function && frame.file == culprit.file;
        let at = own.iter().rposition(is_it)?;
        own.get(at + 1).filter(|caller| self.is_offloaded(culprit, caller.name()))
    }
}

/// Has a cause that keeps a worker in such a function be about who calls it there.
pub(super) fn decides(joined: &Joined<'_>, cause: &mut Cause) {
    let keeps = [long_poll_cpu::SLUG, poll_blocked::SLUG, rare_stall::SLUG].contains(&cause.rule);
    let (Some(place), Some(loops)) = (cause.culprit.as_ref().filter(|_| keeps), joined.loops) else { return };
    let polls = joined.polls().iter().filter(|row| !row.blocking);
    let calls = polls.filter_map(|row| Some((row.total_s, loops.calls_offloaded(place, row.own())?)));
    let Some((_, calls)) = calls.max_by(|a, b| a.0.total_cmp(&b.0)) else { return };
    cause.evidence.push(format!(
        "{} is given to a thread of its own elsewhere, as the source says: that it is called within a poll is decided in {}",
        place.function,
        at(calls).sentence()
    ));
    cause.title = format!("{}, called there by {}", cause.title, calls.function);
    cause.culprit = Some(at(calls));
}

/// Names of functions that stand in what is given to such a thread, each with that of the function which gives it.
pub(super) fn offloaded(tokens: &[(u32, String)]) -> BTreeSet<(String, String)> {
    let word = |at: usize| word_at(tokens, at);
    let all = functions(tokens);
    let begins = |at: &usize| OFFLOADS.contains(&word(*at)) && word(at + 1) == "(";
    let given = (0..tokens.len()).filter(begins).map(|at| within(tokens, at + 1));
    let names = given.flat_map(|range| {
        // What is called there, or is handed over whole.
        let last = range.end;
        range.filter(move |at| is_name(word(*at)) && (word(at + 1) == "(" || at + 1 == last))
    });
    let by = |at: usize| all.iter().rfind(|one| one.contains(&at)).map_or("", |one| word(one.start));
    names.map(|at| (word(at).to_owned(), by(at).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
fn typeset(stock: &Stock) -> Edition {
    stock.sorted()
}
fn proof(stock: &Stock) {
    stock.read();
}
impl Press {
    async fn edition(&self) -> Edition {
        typeset(&self.stock)
    }
    async fn night_shift(&self) {
        let press = self.clone();
        let edition = spawn_blocking(move || typeset(&press.stock)).await;
    }
}
";

    fn stack(own: &[(&str, u32)]) -> Vec<TraceFrame> {
        own.iter()
            .map(|(name, line)| TraceFrame { function: (*name).into(), file: "a.rs".into(), line: *line })
            .collect()
    }

    #[test]
    fn who_calls_what_others_give_away_decides_on_that() {
        let mut loops = Loops::default();
        loops.read("a.rs", SOURCE);
        let own = stack(&[("press::typeset", 2), ("press::Press::edition", 9), ("press::main", 30)]);
        let culprit = |frame: &TraceFrame| crate::findings::cause::at(frame);
        let of = |loops: &Loops, at: usize| loops.calls_offloaded(&culprit(&own[at]), &own).map(|frame| frame.line);
        assert_eq!(of(&loops, 0), Some(9));
        assert_eq!(of(&loops, 1), None, "nobody gives it away");
        assert!(loops.is_called_beside("typeset", "edition") && !loops.is_called_beside("edition", "main"));
        loops.read("b.rs", "fn typeset(stock: &Other) {\n}\n");
        assert!(!loops.is_called_beside("typeset", "edition"));
        assert_eq!(of(&loops, 0), None, "one of two of that name");
        loops.read("b.rs", "fn all() {\n    block_in_place(proof)\n}\n");
        let proof = Culprit { function: "press::proof".into(), ..culprit(&own[0]) };
        assert!(loops.is_offloaded(&proof, "edition"));
        assert!(!loops.is_offloaded(&proof, "all"), "who does either knows what it does");
    }
}
