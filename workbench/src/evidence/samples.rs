//! CPU samples with their times, as the run keeps them and pages show them.

use std::collections::{BTreeMap, HashMap};

use flamegraphs::moments::Timed;
use flamegraphs::names::Options;
use flamegraphs::profile::{LabelValue, Profile, Sample};
use flamegraphs::trees::{Tree, Trees};
use reports::run::{FORMAT, FrameTree, Kinds, MOST_SAMPLES, OperationColumns, Samples, TakenColumns};

use super::cpu::{OpenPhase, Span};

/// What is kept of a recording whose profile is `timed`; of one whose samples have no times, how many each stack has.
pub(crate) fn of(timed: &Timed, span: &Span<'_>, trial: u32, source: &str) -> Samples {
    let stacks = stacks(&timed.profile, span.period_ns, span.wall_s, source);
    if timed.moments().is_empty() {
        return Samples { trial, ..counted(stacks, &timed.profile, |_| true) };
    }
    let every = timed.moments().len().div_ceil(MOST_SAMPLES).max(1);
    Samples {
        trial,
        open_at_s: span.open.map(|open| seconds(open.started_ns.saturating_sub(span.began_ns))),
        every: u32::try_from(every).unwrap_or(u32::MAX),
        forgotten: span.samples.saturating_sub(timed.moments().len() as u64),
        taken: taken(timed, span.began_ns, every),
        operations: span.open.map(|open| operations(open, span.began_ns)),
        ..stacks
    }
}

/// What is kept of a CPU profile that somebody else took: how many samples each stack has, of those that `counts`.
pub(crate) fn of_profile(profile: &Profile, source: &str, counts: impl Fn(&Sample) -> bool) -> Samples {
    let (period_ns, length_ns) = (profile.meta.period.unsigned_abs(), profile.meta.duration_nanos.unsigned_abs());
    counted(stacks(profile, period_ns, seconds(length_ns), source), profile, counts)
}

/// The stacks of a profile, without any sample.
fn stacks(profile: &Profile, period_ns: u64, wall_s: f64, source: &str) -> Samples {
    let whole = Options { fold_runtime: false, task_root: false, ..Options::default() };
    let Trees { names, trees } = Trees::new(profile, &[Options::default(), whole]);
    let (tags, tag) = tags(profile);
    Samples {
        format: FORMAT,
        source: source.to_owned(),
        period_s: seconds(period_ns),
        wall_s,
        every: 1,
        names,
        kinds: Kinds { leaf: trees.iter().map(|tree| tree.leaves.clone()).collect(), tag },
        trees: trees.iter().map(tree).collect(),
        tags,
        ..Samples::default()
    }
}

/// As many samples as the profile counts, all at the beginning.
fn counted(stacks: Samples, profile: &Profile, counts: impl Fn(&Sample) -> bool) -> Samples {
    let column = profile.sample_types().iter().position(|one| one.unit == "count").unwrap_or(0);
    let count = |sample: &Sample| usize::try_from(sample.values[column]).unwrap_or(0);
    let counted = || profile.samples().iter().enumerate().filter(|(_, sample)| counts(sample));
    let all = counted().fold(0_usize, |sum, (_, sample)| sum.saturating_add(count(sample)));
    let every = all.div_ceil(MOST_SAMPLES).max(1);
    let each = counted().flat_map(|(at, sample)| std::iter::repeat_n(at, count(sample)));
    let kind: Vec<u32> = each.step_by(every).filter_map(|at| u32::try_from(at).ok()).collect();
    Samples {
        timeless: true,
        every: u32::try_from(every).unwrap_or(u32::MAX),
        taken: TakenColumns { after_us: vec![0; kind.len()], kind },
        ..stacks
    }
}

fn tree(tree: &Tree) -> FrameTree {
    let back = (0_u32..).zip(&tree.parents).map(|(at, parent)| at - parent).collect();
    FrameTree { back, name: tree.names.clone() }
}

/// Sets of labels, and which each sample of the profile has. Variant and trial say nothing here.
fn tags(profile: &Profile) -> (Vec<BTreeMap<String, String>>, Vec<u32>) {
    let mut known: HashMap<BTreeMap<String, String>, u32> = HashMap::new();
    let mut all = Vec::new();
    let ids = profile.samples().iter().map(|sample| {
        let labels = labels(sample);
        *known.entry(labels).or_insert_with_key(|labels| {
            all.push(labels.clone());
            u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
        })
    });
    let ids = ids.collect();
    (all, ids)
}

fn labels(sample: &Sample) -> BTreeMap<String, String> {
    let text = |value: &LabelValue| match value {
        LabelValue::Text(text) => text.clone(),
        LabelValue::Number { value, unit } => format!("{value} {unit}").trim_end().to_owned(),
    };
    let told = sample.labels.iter().filter(|label| !matches!(label.key.as_str(), "variant" | super::cpu::TRIAL));
    told.map(|label| (label.key.clone(), text(&label.value))).collect()
}

/// Every so-manieth sample.
fn taken(timed: &Timed, began_ns: u64, every: usize) -> TakenColumns {
    let kept = || timed.moments().iter().step_by(every);
    TakenColumns {
        after_us: differences(kept().map(|moment| moment.time_ns.saturating_sub(began_ns))),
        kind: kept().map(|moment| moment.sample).collect(),
    }
}

fn operations(open: &OpenPhase, began_ns: u64) -> OperationColumns {
    let begin = open.started_ns.saturating_sub(began_ns);
    OperationColumns {
        after_us: differences(open.each.at_ns.iter().map(|at| begin + at)),
        took_us: open.each.took_ns.iter().map(|took| took / 1000).collect(),
        total: open.each.total,
        late_driver: open.each.late_driver,
    }
}

/// Ascending nanoseconds as differences in microseconds, without adding up what is cut off.
fn differences(times_ns: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut before = 0;
    let each = times_ns.map(|ns| {
        let us = ns / 1000;
        let after = us.saturating_sub(before);
        before = before.max(us);
        after
    });
    each.collect()
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one recording")]
fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use flamegraphs::moments::Moment;
    use flamegraphs::profile::{Builder, Frame, Label, ValueType};

    use super::*;
    use crate::load::EachOperation;

    #[test]
    fn samples_keep_their_order_their_threads_and_their_stacks() {
        let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
        let at = builder.location(1, &[Frame { function: "app::work", ..Frame::default() }]);
        let mut sample = |thread: &str| {
            let labels = [Label::text("thread", thread), Label::text("variant", "a")];
            u32::try_from(builder.sample(&[at], &[1, 1], &labels).unwrap()).unwrap()
        };
        let (one, two) = (sample("w-1"), sample("w-2"));
        let moment = |time_ns, sample| Moment { time_ns, sample };
        let moments = vec![moment(2_500_000, two), moment(1_000_500, one), moment(2_500_900, one)];
        let timed = Timed::new(builder.finish(), moments);
        let each =
            EachOperation { at_ns: vec![0, 3_000_000], took_ns: vec![5_000, 7_000_999], total: 9, late_driver: 1 };
        let open = OpenPhase { started_ns: 1_500_000, each, ..OpenPhase::default() };
        let span = Span { period_ns: 1, began_ns: 1_000_000, wall_s: 1.0, samples: 3, open: Some(&open) };
        let kept = of(&timed, &span, 7, "perf");
        assert_eq!(kept.taken, TakenColumns { after_us: vec![0, 1_500, 0], kind: vec![one, two, one] });
        assert_eq!(kept.tags.iter().map(|tags| tags["thread"].as_str()).collect::<Vec<_>>(), ["w-1", "w-2"]);
        assert!(kept.tags.iter().all(|tags| !tags.contains_key("variant")));
        assert_eq!(kept.names, ["", "w", "app::work"]);
        let operations = kept.operations.unwrap();
        assert_eq!((operations.after_us, operations.took_us), (vec![500, 3_000], vec![5, 7_000]));
        assert_eq!((kept.every, kept.open_at_s, kept.timeless), (1, Some(0.0005), false));
    }

    #[test]
    fn a_profile_without_times_keeps_how_many_samples_each_stack_has() {
        let mut builder = Builder::new([ValueType::new("cpu", "nanoseconds"), ValueType::new("samples", "count")]);
        for (address, function, count) in [(1, "main.work", 3), (2, "main.asked", 5), (3, "main.rest", 1)] {
            let at = builder.location(address, &[Frame { function, ..Frame::default() }]);
            builder.sample(&[at], &[count * 10_000_000, count], &[]).unwrap();
        }
        builder.meta().period = 10_000_000;
        builder.meta().duration_nanos = 2_000_000_000;
        let profile = builder.finish();
        let asked = profile.samples()[1].stack.clone();
        let kept = of_profile(&profile, "its own", |sample| sample.stack != asked);
        assert_eq!(kept.taken, TakenColumns { after_us: vec![0; 4], kind: vec![0, 0, 0, 2] });
        assert_eq!((kept.timeless, kept.period_s, kept.wall_s, kept.every), (true, 0.01, 2.0, 1));
        assert_eq!(kept.kinds.leaf[0].len(), 3, "what does not count keeps its stack");
    }
}
