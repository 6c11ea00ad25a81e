//! From what became of every limit to the gate's verdict, its sentence and its exit code.

use reports::limits::{GateOutcome, GateVerdict, LimitOutcome, LimitVerdict, OnCannotTell, Stopped};

use super::referee::GateReferee;
use crate::conductor::Ending;
use crate::exit::Exit;

impl GateReferee {
    /// The verdict, after the measurements ended so.
    pub fn outcome(&self, ending: &Ending) -> GateOutcome {
        let stopped = match ending {
            Ending::Complete => self.stopped(),
            _ => Stopped::CutShort,
        };
        let limits = self.gate.judge.outcomes(stopped);
        let verdict = verdict(&limits, ending);
        let pairs = self.gate.judge.pairs();
        GateOutcome {
            verdict,
            exit: exit(verdict, self.gate.on_cannot_tell, ending) as u8,
            sentence: sentence(verdict, &limits, pairs, stopped),
            base: self.gate.base.clone(),
            candidate: self.gate.candidate.clone(),
            on_cannot_tell: self.gate.on_cannot_tell,
            alpha: self.gate.judge.alpha(),
            looks: self.gate.looks().iter().map(|look| count(*look)).collect(),
            pairs: count(pairs),
            stopped,
            limits,
        }
    }
}

fn verdict(limits: &[LimitOutcome], ending: &Ending) -> GateVerdict {
    let any = |verdict| limits.iter().any(|limit| limit.verdict == verdict);
    match ending {
        // Errors of the other trials do not make a broken limit whole.
        _ if any(LimitVerdict::Broken) => GateVerdict::Broken,
        Ending::SubjectFailed { .. } | Ending::Refused(_) => GateVerdict::SubjectFailed,
        _ if any(LimitVerdict::NotComparable) => GateVerdict::NotComparable,
        Ending::Complete if limits.iter().all(|limit| limit.verdict == LimitVerdict::Held) => GateVerdict::Passed,
        _ => GateVerdict::CannotTell,
    }
}

fn exit(verdict: GateVerdict, on_cannot_tell: OnCannotTell, ending: &Ending) -> Exit {
    match (verdict, ending) {
        (_, Ending::Interrupted) => Exit::Interrupted,
        (_, Ending::Refused(_)) => Exit::Usage,
        (GateVerdict::Passed, _) => Exit::Done,
        (GateVerdict::Broken, _) => Exit::Regressed,
        (GateVerdict::SubjectFailed, _) => Exit::SubjectFailed,
        (GateVerdict::NotComparable, _) => Exit::Usage,
        (GateVerdict::CannotTell, _) if on_cannot_tell == OnCannotTell::Pass => Exit::Done,
        (GateVerdict::CannotTell, _) => Exit::CannotTell,
    }
}

fn sentence(verdict: GateVerdict, limits: &[LimitOutcome], pairs: usize, stopped: Stopped) -> String {
    let told = |wanted| -> Vec<&str> {
        limits.iter().filter(|limit| limit.verdict == wanted).map(|limit| limit.sentence.as_str()).collect()
    };
    let (held, broken) = (told(LimitVerdict::Held), told(LimitVerdict::Broken));
    let all = limits.len();
    let after = match stopped {
        Stopped::Early => format!("decided after {}", plural(pairs)),
        Stopped::AllPairs => format!("after all {}", plural(pairs)),
        Stopped::OutOfTime => format!("after the {} that fit in the time", plural(pairs)),
        Stopped::CutShort => format!("ended after {}", plural(pairs)),
    };
    match verdict {
        GateVerdict::Passed if all == 1 => format!("Passed, {after}. {}.", held.join(". ")),
        GateVerdict::Passed => format!("Passed, {after}: all {all} limits are kept. {}.", held.join(". ")),
        GateVerdict::Broken => {
            let of = if all == 1 {
                "the limit is".to_owned()
            } else {
                format!("{} of {all} limits {}", broken.len(), if broken.len() == 1 { "is" } else { "are" })
            };
            format!("Failed, {after}: {of} broken. {}.", broken.join(". "))
        }
        GateVerdict::CannotTell => {
            let open = told(LimitVerdict::CannotTell);
            let kept = if held.is_empty() { String::new() } else { format!(", {} of {all} are kept", held.len()) };
            format!("Cannot tell, {after}: no limit is shown to be broken{kept}. {}.", open.join(". "))
        }
        GateVerdict::NotComparable => {
            format!("No verdict, {after}. {}.", told(LimitVerdict::NotComparable).join(". "))
        }
        GateVerdict::SubjectFailed => format!("No verdict, {after}: a subject failed."),
    }
}

fn plural(pairs: usize) -> String {
    if pairs == 1 { "1 pair".to_owned() } else { format!("{pairs} pairs") }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
