//! Percentiles, timeline and trial order.

use super::intervals;
use super::variants::{Variant, Variants};
use crate::render::chart::dots::{self, Dot};
use crate::render::chart::percentiles::{self, Curve};
use crate::render::chart::{Series, WIDTHS, timeline};
use crate::render::{Page, text, words};
use crate::run::{TimelinePoint, TrialKind, TrialOutcome, VariantSummary};
use crate::stats;

/// Operations that must lie beyond a quantile for it to be trusted (design 01, "Enough data").
const OPERATIONS_BEYOND: f64 = 20.0;

/// A section with pictures.
pub(super) struct Chart {
    pub(super) id: &'static str,
    /// Name in the table of contents.
    pub(super) short: &'static str,
    pub(super) title: &'static str,
    pub(super) how: &'static str,
    pub(super) legend: Vec<Entry>,
    pub(super) pictures: Vec<Picture>,
    /// What is left out and why, may be empty.
    pub(super) note: String,
}

/// A variant in a legend.
pub(super) struct Entry {
    pub(super) class: String,
    pub(super) name: String,
}

/// The same picture for wide and narrow screens, as SVG.
pub(super) struct Picture {
    pub(super) wide: String,
    pub(super) narrow: String,
}

impl Picture {
    pub(super) fn new(draw: impl Fn(f64) -> Option<String>) -> Option<Self> {
        let [wide, narrow] = WIDTHS;
        Some(Self { wide: draw(wide)?, narrow: draw(narrow)? })
    }
}

/// Every chart that has something to show.
pub(super) fn all(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Chart> {
    let legend =
        || variants.all.iter().map(|variant| Entry { class: variant.class(), name: variant.name.clone() }).collect();
    let mut charts = vec![
        Chart {
            id: "percentiles",
            short: "Percentiles",
            title: "Latency by percentile",
            how: "Read up from a percentile: that share of measured operations was answered within this time of its intended \
                  start; a line is dotted where fewer than 20 operations lie beyond, and a lower line is better. Within the band lie half of the trials.",
            legend: legend(),
            pictures: percentile_curves(page, variants),
            note: void(page),
        },
        Chart {
            id: "timeline",
            short: "Timeline",
            title: "Latency and memory over time",
            how: "Strong lines are medians over trials, faint ones single trials, crosses moments with failed operations; \
                  a bump in all trials belongs to the service, in one trial to chance.",
            legend: legend(),
            pictures: timelines(page, variants),
            note: void(page),
        },
        Chart {
            id: "trials",
            short: "Trials",
            title: "Trials in the order they ran",
            how: "Each dot is one trial and each dashed line a variant's median; dots that climb or fall together are drift of \
                  the machine, which pairing cancels, and hollow dots were driver-limited.",
            legend: legend(),
            pictures: trial_dots(page, variants),
            note: String::new(),
        },
    ];
    charts.retain(|chart| !chart.pictures.is_empty());
    if let Some(chart) = intervals::chart(page.summary) {
        charts.insert(0, chart);
    }
    charts
}

/// Whether the latencies of a variant are void: more than half of its trials were driver-limited (design 01).
fn is_void(variant: &VariantSummary) -> bool {
    variant.driver_limited * 2 > variant.trials
}

/// Names the variants that latency charts leave out.
fn void(page: &Page<'_>) -> String {
    let left_out: Vec<_> = page
        .summary
        .variants
        .iter()
        .filter(|variant| is_void(variant))
        .map(|variant| {
            format!(
                "The latency of {} is not drawn: the driver could not keep up in {} of {}.",
                text::name(&variant.name),
                variant.driver_limited,
                words::plural(u64::from(variant.trials), "trial", "trials")
            )
        })
        .collect();
    left_out.join(" ")
}

/// Variants whose latencies count.
fn valid<'v, 'a>(page: &Page<'_>, variants: &'v Variants<'a>) -> Vec<&'v Variant<'a>> {
    let void = |variant: &&Variant<'_>| page.summary.variants.get(variant.index).is_some_and(is_void);
    variants.all.iter().filter(|variant| !void(variant)).collect()
}

fn percentile_curves(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Picture> {
    let series: Vec<_> = valid(page, variants)
        .into_iter()
        .filter_map(|variant| {
            let points = page.curves.get(variant.raw)?.clone();
            Some(Series {
                name: variant.name.clone(),
                index: variant.index,
                data: Curve { points, band: band(variant), trusted: trusted(variant) },
            })
        })
        .collect();
    Picture::new(|width| percentiles::svg(&series, width)).into_iter().collect()
}

/// Between which latencies half of the trials lie, at the percentiles that every trial keeps.
fn band(variant: &Variant<'_>) -> Vec<(f64, f64, f64)> {
    const KEPT: [(f64, &str); 4] =
        [(0.5, "latency.p50"), (0.9, "latency.p90"), (0.99, "latency.p99"), (0.999, "latency.p99_9")];
    let trials = || variant.measured.iter().filter(|trial| trial.driver.limited.is_none());
    let at = |(quantile, metric): (f64, &str)| {
        let values: Vec<f64> = trials().filter_map(|trial| trial.metrics.get(metric).copied()).collect();
        // Quartiles of fewer say nothing.
        let enough = values.len() >= 4;
        Some((quantile, stats::quantile(&values, 0.25)?, stats::quantile(&values, 0.75)?)).filter(|_| enough)
    };
    KEPT.into_iter().filter_map(at).collect()
}

/// Largest quantile with [`OPERATIONS_BEYOND`] measured operations beyond it, over all trials together; 1 where no counts exist.
fn trusted(variant: &Variant<'_>) -> f64 {
    let operations: u64 = variant
        .measured
        .iter()
        .filter(|trial| trial.driver.limited.is_none())
        .flat_map(|trial| trial.operations.iter())
        .filter(|operation| operation.measured)
        .map(|operation| operation.answered)
        .sum();
    if operations == 0 { 1.0 } else { 1.0 - OPERATIONS_BEYOND / operations as f64 }
}

fn timelines(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Picture> {
    let series = |variant: &Variant<'_>, limited_too: bool| -> Series<Vec<&[TimelinePoint]>> {
        let trials = variant.measured.iter().filter(|trial| limited_too || trial.driver.limited.is_none());
        Series {
            name: variant.name.clone(),
            index: variant.index,
            data: trials.filter_map(|trial| page.timelines.get(&trial.index).map(Vec::as_slice)).collect(),
        }
    };
    let timed: Vec<_> = valid(page, variants).into_iter().map(|variant| series(variant, false)).collect();
    let sampled: Vec<_> = variants.all.iter().map(|variant| series(variant, true)).collect();
    Picture::new(|width| timeline::svg(&timed, &sampled, width)).into_iter().collect()
}

fn trial_dots(page: &Page<'_>, variants: &Variants<'_>) -> Vec<Picture> {
    let failed: Vec<u32> = page
        .trials
        .iter()
        .filter(|trial| trial.kind == TrialKind::Measure && trial.outcome != TrialOutcome::Ok)
        .map(|trial| trial.index)
        .collect();
    // Driver-limited latencies are void, CPU per operation stands.
    let metrics = [("latency.p99", "p99 latency", "s", true), ("cpu_per_op", "CPU per operation", "s/op", false)];
    metrics
        .into_iter()
        .filter_map(|(metric, title, unit, needs_driver)| {
            let series: Vec<_> = variants
                .all
                .iter()
                .map(|variant| Series {
                    name: variant.name.clone(),
                    index: variant.index,
                    data: variant
                        .measured
                        .iter()
                        .map(|trial| Dot {
                            trial: trial.index,
                            value: trial.metrics.get(metric).copied(),
                            limited: needs_driver && trial.driver.limited.is_some(),
                        })
                        .collect(),
                })
                .collect();
            Picture::new(|width| dots::svg(title, unit, &series, &failed, width))
        })
        .collect()
}
