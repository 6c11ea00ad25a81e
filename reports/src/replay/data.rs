//! From a table to blocks of trials in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use super::file::Table;
use super::{Options, ReplayError};
use crate::metric::Better;
use crate::stats::Question;

/// Metrics that are looked for where none is asked for, the quietest first (design 06 §2).
const METRICS: [&str; 4] = ["cap_cpu_us", "cpu_per_op", "cpu_us", "cap_ops_s"];
/// Columns that together name a block, as far as they are there.
const BLOCK: [&str; 3] = ["set", "chunk", "block"];
/// Fewest blocks that can show anything at the gate's error rate.
const FEWEST: usize = 8;

/// Trials of one metric by block.
#[derive(Debug, Clone)]
pub struct Trials {
    /// File, column and labels.
    pub layout: Layout,
    /// In the order of time.
    pub(super) blocks: Vec<Block>,
}

/// What a file holds.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Layout {
    /// Path as given.
    pub file: String,
    /// Column of the metric.
    pub metric: String,
    /// True where more is better.
    pub higher_is_better: bool,
    /// Relative margin of `same`.
    pub margin: f64,
    /// Smallest estimate that counts, relative.
    pub least_effect: f64,
    /// Trials read.
    pub trials: usize,
    /// Of them without a positive value of the metric: left out.
    pub without_value: usize,
    /// Blocks with at least two labels.
    pub blocks: usize,
    /// Labels of identical programs.
    pub base: Vec<String>,
    /// The others.
    pub candidates: Vec<String>,
}

/// Values by label: the base's in the order of [`Layout::base`], the candidates' in theirs.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) base: Vec<Option<f64>>,
    pub(super) candidates: Vec<Option<f64>>,
}

impl Layout {
    pub(super) fn question(&self) -> Question {
        let better = if self.higher_is_better { Better::Higher } else { Better::Lower };
        Question { better, margin: self.margin, least_effect: self.least_effect }
    }
}

pub(super) fn trials(table: &Table, options: &Options) -> Result<Trials, ReplayError> {
    let missing = |column: &str, why| ReplayError::Column {
        file: table.file.clone(),
        column: column.to_owned(),
        why,
        columns: table.columns.join(", "),
    };
    let block_at = table.position("block").ok_or_else(|| missing("block", ", which says what was interleaved"))?;
    let label_at = table.position("label").or_else(|| table.position("arm"));
    let label_at = label_at.ok_or_else(|| missing("label", ", which says what program a trial ran"))?;
    let metric = match &options.metric {
        Some(metric) => metric.as_str(),
        None => METRICS
            .into_iter()
            .find(|name| table.position(name).is_some())
            .ok_or_else(|| missing(METRICS[0], ", and no other metric known by name (choose one with --metric)"))?,
    };
    let metric_at = table.position(metric).ok_or_else(|| missing(metric, ", the metric asked for"))?;
    let key_at: Vec<usize> =
        BLOCK.iter().filter_map(|name| table.position(name)).filter(|at| *at != label_at).collect();
    debug_assert!(key_at.contains(&block_at));
    let time_at = table.position("t_ms");

    let labels: BTreeSet<&str> = table.lines.iter().map(|(_, fields)| fields[label_at].as_str()).collect();
    let base = base(table, &labels, &options.base)?;
    let candidates: Vec<String> =
        labels.iter().filter(|label| !base.iter().any(|one| one == *label)).map(|label| (*label).to_owned()).collect();

    let mut found: BTreeMap<(Vec<&str>, usize), (f64, Block)> = BTreeMap::new();
    let mut times_seen: BTreeMap<(Vec<&str>, &str), usize> = BTreeMap::new();
    let mut without_value = 0;
    for (position, (line, fields)) in table.lines.iter().enumerate() {
        let value = table.number(*line, fields, metric_at)?.filter(|value| *value > 0.0);
        without_value += usize::from(value.is_none());
        let key: Vec<&str> = key_at.iter().map(|at| fields[*at].as_str()).collect();
        let label = fields[label_at].as_str();
        // A label that stands twice in a block makes two blocks of it.
        let again = times_seen.entry((key.clone(), label)).or_default();
        #[allow(clippy::cast_precision_loss, reason = "a number of lines")]
        let order = position as f64;
        let time = match time_at {
            Some(at) => table.number(*line, fields, at)?.unwrap_or(order),
            None => order,
        };
        let empty = || Block { base: vec![None; base.len()], candidates: vec![None; candidates.len()] };
        let (began, block) = found.entry((key, *again)).or_insert_with(|| (time, empty()));
        *began = began.min(time);
        *again += 1;
        if let Some(at) = base.iter().position(|one| one == label) {
            block.base[at] = value;
        } else if let Some(at) = candidates.iter().position(|one| one == label) {
            block.candidates[at] = value;
        }
    }
    let mut blocks: Vec<(f64, Block)> = found.into_values().collect();
    blocks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let blocks: Vec<Block> = blocks.into_iter().map(|(_, block)| block).filter(paired).collect();
    if blocks.len() < FEWEST {
        let what = format!("two labels with a positive `{metric}`, the base among them");
        return Err(ReplayError::Blocks { file: table.file.clone(), found: blocks.len(), what, needed: FEWEST });
    }
    let higher_is_better = higher_is_better(metric);
    let layout = Layout {
        file: table.file.clone(),
        metric: metric.to_owned(),
        higher_is_better,
        margin: options.margin.unwrap_or(margin(metric)),
        least_effect: options.least_effect,
        trials: table.lines.len(),
        without_value,
        blocks: blocks.len(),
        base,
        candidates,
    };
    Ok(Trials { layout, blocks })
}

fn paired(block: &Block) -> bool {
    let of_base = block.base.iter().flatten().count();
    of_base >= 2 || of_base == 1 && block.candidates.iter().any(Option::is_some)
}

/// What people call the program that others are measured against, without a number behind it.
const BASES: [&str; 12] =
    ["base", "baseline", "main", "master", "old", "before", "control", "ctl", "ref", "reference", "parent", "aa"];

/// Labels of identical programs: those asked for; else those that are one letter, or the same letter and a number, of the
/// letter that comes first (`A`, or `A1` and `A2`), however many there are; else those that are called like a base
/// (`base`, or `main-1` and `main-2`).
fn base(table: &Table, labels: &BTreeSet<&str>, asked: &[String]) -> Result<Vec<String>, ReplayError> {
    let complain = |what: String| ReplayError::Labels {
        file: table.file.clone(),
        what,
        labels: labels.iter().copied().collect::<Vec<_>>().join(", "),
    };
    if let Some(unknown) = asked.iter().find(|label| !labels.contains(label.as_str())) {
        return Err(complain(format!("no trial is labelled `{unknown}` (--base)")));
    }
    if !asked.is_empty() {
        return Ok(asked.to_vec());
    }
    let letter = |label: &str| {
        let mut characters = label.chars();
        let first = characters.next().filter(|first| first.is_alphabetic())?;
        characters.all(|character| character.is_ascii_digit()).then(|| first.to_ascii_uppercase())
    };
    let first = labels.iter().filter_map(|label| letter(label)).min();
    let of = |is: &dyn Fn(&str) -> bool| -> Vec<String> {
        labels.iter().filter(|label| is(label)).map(|label| (*label).to_owned()).collect()
    };
    let lettered = of(&|label| first.is_some() && letter(label) == first);
    if !lettered.is_empty() {
        return Ok(lettered);
    }
    let stem = |label: &str| {
        label.to_lowercase().trim_end_matches(|c: char| c.is_ascii_digit() || "-_. ".contains(c)).to_owned()
    };
    let called = BASES.into_iter().map(|name| of(&|label| stem(label) == name)).find(|found| !found.is_empty());
    called.ok_or_else(|| {
        complain("no labels like `A1` and `A2`, or `base`: say which programs are identical with --base".to_owned())
    })
}

fn higher_is_better(metric: &str) -> bool {
    ["ops_s", "per_s", "rps", "throughput", "capacity"].iter().any(|part| metric.contains(part))
}

/// The minimum effect of the metric in a run's own comparisons, by what its column is called.
fn margin(metric: &str) -> f64 {
    let name = match metric {
        _ if higher_is_better(metric) => "capacity",
        _ if metric.contains("cpu") || metric.contains("utime") => "cpu_per_op",
        _ => "latency.p99",
    };
    crate::metric::lookup(name).map_or(0.10, |metric| metric.minimum_effect)
}
