//! CPU samples with their times, as the run keeps them and pages show them.

use std::collections::{BTreeMap, HashMap};

use flamegraphs::moments::Timed;
use flamegraphs::names::Options;
use flamegraphs::profile::{LabelValue, Profile, Sample};
use flamegraphs::trees::{Tree, Trees};
use reports::run::{FORMAT, FrameTree, Kinds, MOST_SAMPLES, OperationColumns, Samples, TakenColumns};

use super::cpu::{OpenPhase, Span};

/// What is kept of a recording whose profile is `timed`.
pub(super) fn of(timed: &Timed, span: &Span<'_>, trial: u32, source: &str) -> Samples {
    let began_ns = span.began_ns;
    let profile = &timed.profile;
    let whole = Options { fold_runtime: false, task_root: false, ..Options::default() };
    let Trees { names, trees } = Trees::new(profile, &[Options::default(), whole]);
    let (tags, tag) = tags(profile);
    let every = timed.moments().len().div_ceil(MOST_SAMPLES).max(1);
    Samples {
        format: FORMAT,
        trial,
        source: source.to_owned(),
        period_s: seconds(span.period_ns),
        wall_s: span.wall_s,
        open_at_s: span.open.map(|open| seconds(open.started_ns.saturating_sub(began_ns))),
        every: u32::try_from(every).unwrap_or(u32::MAX),
        forgotten: span.samples.saturating_sub(timed.moments().len() as u64),
        names,
        kinds: Kinds { leaf: trees.iter().map(|tree| tree.leaves.clone()).collect(), tag },
        trees: trees.iter().map(tree).collect(),
        tags,
        taken: taken(timed, began_ns, every),
        operations: span.open.map(|open| operations(open, began_ns)),
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
        assert_eq!((kept.every, kept.open_at_s), (1, Some(0.0005)));
    }
}
