//! All rules over all variants, and which cause stands first.

use super::cause::{Answer, Cause, percent};
use super::experiment;
use super::joined::Joined;
use super::path;
use super::remaining::{did_not_last, remains};
use super::rules::{RULES, long_poll_cpu, other_side, rare_stall, waiting_on_owner};
use super::usable::usable;
use super::{Culprit, Explanation, Finding, RuledOut, Undecided, Unused, deciding};

/// What the evidence says of each variant.
pub fn explain(variants: &[Joined<'_>]) -> Explanation {
    let mut all = Explanation::default();
    for joined in variants {
        of_variant(&usable(joined), &mut all);
    }
    all
}

fn of_variant(joined: &Joined<'_>, all: &mut Explanation) {
    let mut causes = Vec::new();
    let mut saw = Vec::new();
    let mut open: Vec<(Option<Culprit>, Undecided)> = Vec::new();
    let mut blind: Vec<(&'static str, Vec<String>)> = Vec::new();
    for rule in RULES {
        match (rule.look)(joined) {
            Answer::Found(found) => {
                saw.push(rule.slug);
                causes.extend(found);
            }
            Answer::RuledOut(because) => {
                all.ruled_out.push(RuledOut { variant: joined.variant.into(), rule: rule.slug.into(), because });
            }
            Answer::Open { place, sentence, experiment } => open.push((
                place,
                Undecided { variant: joined.variant.into(), rules: vec![rule.slug.into()], sentence, experiment },
            )),
            Answer::Unfit { evidence, because } => all.unused.push(Unused {
                variant: joined.variant.into(),
                evidence: evidence.into(),
                because,
                rules: vec![rule.slug.into()],
            }),
            Answer::Blind(evidence) => match blind.iter_mut().find(|(known, _)| *known == evidence) {
                Some((_, rules)) => rules.push(rule.slug.into()),
                None => blind.push((evidence, vec![rule.slug.into()])),
            },
        }
    }
    all.unused.extend(blind.iter().map(|(evidence, rules)| Unused {
        variant: joined.variant.into(),
        evidence: (*evidence).into(),
        because: joined.missing.get(evidence).cloned().unwrap_or_else(|| match joined.ended {
            Some(_) => "no trial ended well".into(),
            None => "it was not gathered".into(),
        }),
        rules: rules.clone(),
    }));
    all.unused.extend(joined.felt.as_ref().filter(|felt| felt.doubtful).map(|_| {
        Unused {
            variant: joined.variant.into(),
            evidence: "latency".into(),
            because:
                "the load driver could not keep up in any measured trial: latencies are upper bounds, in which what is \
                  late now and then does not stand out; run it again while the machine is quieter"
                    .into(),
            rules: vec![rare_stall::SLUG.into()],
        }
    }));
    let partly = joined.partly.iter().map(|(evidence, because)| Unused {
        variant: joined.variant.into(),
        evidence: (*evidence).into(),
        because: because.clone(),
        rules: Vec::new(),
    });
    for one in partly {
        let is_same = |known: &Unused| known.variant == one.variant && known.because == one.because;
        if !all.unused.iter().any(is_same) {
            all.unused.push(one);
        }
    }
    causes.iter_mut().for_each(|cause| deciding::decide(joined, cause));
    let mut ranked = stalls_first(joined, ranked(causes));
    ranked.iter_mut().for_each(|cause| experiment::offer(joined, cause));
    // Of several rules for one mechanism another may have found it.
    all.ruled_out.retain(|out| out.variant != joined.variant || ranked.iter().all(|cause| cause.rule != out.rule));
    let beside = saw.into_iter().filter(|slug| ranked.iter().all(|cause| cause.rule != *slug));
    all.ruled_out.extend(beside.map(|slug| RuledOut {
        variant: joined.variant.into(),
        rule: slug.into(),
        because: "what it saw is at the place of a finding above, which lies deeper or explains more: it is no cause of its own".into(),
    }));
    let is_new = |place: &Option<Culprit>| place.as_ref().is_none_or(|place| !is_said(joined, &ranked, place));
    all.undecided.extend(open.into_iter().filter(|(place, _)| is_new(place)).map(|(_, one)| one));
    match ranked.as_slice() {
        [] => {
            let remains = did_not_last(joined, &blind).or_else(|| remains(joined, &blind));
            all.undecided.extend(remains.or_else(|| other_side::waited_for(joined)));
        }
        [first, second, ..] => all.undecided.extend(rivals(joined, first, second)),
        [_] => {}
    }
    all.findings.extend((1..).zip(ranked).map(|(rank, cause)| Finding {
        variant: joined.variant.into(),
        rule: cause.rule.into(),
        rank,
        path: path::around(joined, &cause),
        title: cause.title,
        share: cause.share,
        culprit: cause.culprit,
        evidence: cause.evidence,
        refuted_by: cause.refuted_by,
        next: cause.next,
        proof: cause.proof.into(),
    }));
}

/// Whether a finding is about that place already: it stands there, or is about CPU that is spent within it.
fn is_said(joined: &Joined<'_>, causes: &[Cause], place: &Culprit) -> bool {
    causes.iter().any(|cause| {
        let here = cause.culprit.as_ref().is_some_and(|culprit| culprit.is_at(place));
        let of_cpu = cause.proof == "cpu" || cause.rule == long_poll_cpu::SLUG;
        here || of_cpu && path::around(joined, cause).iter().any(|frame| frame.is_at(place))
    })
}

/// Two causes whose shares differ by less are not told apart by them: evidence of one trial is no better.
const ALIKE: f64 = 0.15;
/// Shares whose sum is beyond this cannot both be true.
const BOTH: f64 = 1.1;

/// What remains where two causes explain the excess about equally, and not both can.
fn rivals(joined: &Joined<'_>, first: &Cause, second: &Cause) -> Option<Undecided> {
    // What stands before all others follows from what it is, not from its share.
    let alike = (first.share - second.share).abs() < ALIKE && first.share + second.share > BOTH;
    if first.foremost || second.foremost || !alike {
        return None;
    }
    let place = |cause: &Cause| cause.culprit.as_ref().map(|at| format!(" in {}", at.sentence())).unwrap_or_default();
    let mut rules = vec![first.rule.to_owned(), second.rule.to_owned()];
    rules.dedup();
    Some(Undecided {
        variant: joined.variant.into(),
        sentence: format!(
            "{}{} and {}{} explain about as much ({} and {}), and together more than there is: one may follow from the \
             other. Where a longer look still shows both, mend the first and look again",
            first.rule,
            place(first),
            second.rule,
            place(second),
            percent(first.share),
            percent(second.share)
        ),
        rules,
        experiment: joined.again("cpu,wait,trace --duration 30s"),
    })
}

/// Part of what a keeper explains from which what it does meanwhile explains it, where that is seldom.
const MOST_OF_IT: f64 = 0.5;

/// Who keeps a lock while it calls what stalls everybody now and then is where the stall is felt, and not what it is.
fn stalls_first(joined: &Joined<'_>, mut causes: Vec<Cause>) -> Vec<Cause> {
    let within = |keeper: &Cause, stall: &Cause| {
        let (Some(keeps), Some(stalls)) = (&keeper.culprit, &stall.culprit) else { return false };
        let path = path::around(joined, keeper);
        let called = path.iter().take_while(|frame| frame.function != keeps.function);
        let is_called = called.into_iter().any(|frame| frame.function == stalls.function);
        // What others call who keep nothing is where it is felt in turn.
        let by_others = joined.loops.is_some_and(|loops| loops.is_called_beside(stalls.name(), keeps.name()));
        is_called && stall.share >= MOST_OF_IT * keeper.share && !keeper.foremost && !by_others
    };
    let Some(stall) = causes.iter().position(|cause| cause.proof == rare_stall::PROOF) else { return causes };
    let before = |keeper: &Cause| keeper.rule == waiting_on_owner::SLUG && within(keeper, &causes[stall]);
    if let Some(keeper) = causes[..stall].iter().position(before) {
        let stall = causes.remove(stall);
        causes.insert(keeper, stall);
    }
    causes
}

/// How many times as much another cause at the same place must explain to stand before one that lies deeper.
const FAR_MORE: f64 = 2.0;

/// The most important first; of several at one place the one that lies deepest.
fn ranked(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by(|a, b| b.foremost.cmp(&a.foremost).then(b.depth.cmp(&a.depth)).then(b.share.total_cmp(&a.share)));
    let mut kept: Vec<Cause> = Vec::new();
    for cause in causes {
        let same = |known: &Cause| match (&known.culprit, &cause.culprit) {
            (Some(known), Some(new)) => known.function == new.function && known.file == new.file,
            _ => false,
        };
        match kept.iter_mut().find(|known| same(known)) {
            // What lies deeper but explains little of it is beside the point.
            Some(known) if !known.foremost && cause.share > FAR_MORE * known.share => *known = cause,
            Some(_) => {}
            None => kept.push(cause),
        }
    }
    kept.sort_by(|a, b| b.foremost.cmp(&a.foremost).then(b.share.total_cmp(&a.share)).then(b.depth.cmp(&a.depth)));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{CpuRow, CpuTable, Loops};
    use crate::run::TraceFrame;

    #[test]
    fn what_stalls_stands_before_who_keeps_a_lock_meanwhile_unless_others_call_it_too() {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let path = vec![frame("app::pack", 2), frame("app::append", 6)];
        let culprit = |at: usize| Some(super::super::cause::at(&path[at]));
        let keeper = Cause { rule: waiting_on_owner::SLUG, share: 0.8, culprit: culprit(1), ..Cause::default() };
        let stall = Cause {
            rule: rare_stall::SLUG,
            proof: rare_stall::PROOF,
            share: 0.5,
            culprit: culprit(0),
            ..Cause::default()
        };
        let rows = vec![CpuRow { total_s: 1.0, path: path.clone(), ..CpuRow::default() }];
        let cpu = CpuTable { rows, ..CpuTable::default() };
        let first = |source: &str| {
            let mut loops = Loops::default();
            loops.read("a.rs", source);
            let joined = Joined { cpu: Some(&cpu), loops: Some(&loops), ..Joined::default() };
            stalls_first(&joined, vec![keeper.clone(), stall.clone()])[0].rule
        };
        let source = "fn pack(all: &Text) {\n    write(all);\n}\nfn append(&self) {\n    let all = self.all.lock();\n    pack(&all);\n}\n";
        assert_eq!(first(source), rare_stall::SLUG);
        let beside = format!("{source}fn archive(all: Text) {{\n    pack(&all);\n}}\n");
        assert_eq!(first(&beside), waiting_on_owner::SLUG, "that it is done under the lock is decided there");
    }
}
