//! Every comparison as an interval, one below the other.

use super::charts::{Chart, Picture};
use crate::metric;
use crate::render::chart::forest::{self, Row};
use crate::render::{text, words};
use crate::run::{Comparison, RunSummary};

/// More than this many are a table, no picture.
const MOST: usize = 36;

/// The picture; `None` where nothing was compared in pairs.
pub(super) fn chart(summary: &RunSummary) -> Option<Chart> {
    let several = summary.variants.len() > 2;
    let mut compared: Vec<&Comparison> = summary.comparisons.iter().collect();
    compared.sort_by_key(|one| words::rank(&one.metric));
    let rows: Vec<Row> = compared.into_iter().filter_map(|one| row(one, several)).take(MOST).collect();
    let picture = Picture::new(|width| forest::svg(&rows, "1 = no change", width))?;
    Some(Chart {
        id: "intervals",
        short: "Intervals",
        title: "How sure is it?",
        how: "Each bar is the 95 % interval of variant ÷ base over paired trials, the dot its estimate. A bar that does not \
              touch the line in the middle is a change that chance does not explain; within the shaded band a change is too \
              small to matter; a bar that covers both says that these trials cannot tell.",
        legend: Vec::new(),
        pictures: vec![picture],
        note: String::new(),
    })
}

fn row(one: &Comparison, several: bool) -> Option<Row> {
    let (ratio, low, high) = (one.ratio?, one.low?, one.high?);
    let good = |value: f64| value > 0.0 && value.is_finite();
    if !good(ratio) || !good(low) || !good(high) {
        return None;
    }
    let name = metric::words(&one.metric);
    let label = if several { format!("{} · {name}", one.candidate) } else { name };
    let effect = metric::lookup(&one.metric).map_or(0.0, |metric| metric.minimum_effect);
    let value = {
        let change = crate::limits::words::change;
        format!("{} [{}, {}]", change(ratio), change(low), change(high))
    };
    Some(Row {
        label: text::name(&label),
        interval: [low, ratio, high],
        band: (effect > 0.0).then(|| ((1.0 + effect).recip(), 1.0 + effect)),
        class: words::verdict_class(one.verdict),
        value,
    })
}
