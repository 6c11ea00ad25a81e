//! How the load driver kept up.

use std::collections::{BTreeMap, BTreeSet};

use super::header::trial_list;
use super::variants::{Variant, Variants};
use crate::render::{number, text, words};
use crate::run::DriverRecord;

/// The table, and why trials were limited.
pub(super) struct Driver {
    pub(super) rows: Vec<Row>,
    /// One line for each variant with limited trials.
    pub(super) limited: Vec<String>,
    pub(super) reasons: Vec<String>,
    pub(super) reasons_title: String,
}

/// One variant.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) placement: String,
    pub(super) pacing: String,
    pub(super) lag_p50: String,
    pub(super) lag_p99: String,
    pub(super) worst: String,
    pub(super) limit: String,
    pub(super) sent: String,
    pub(super) cpu: String,
    pub(super) limited: String,
    pub(super) bad: bool,
}

impl Driver {
    pub(super) fn new(variants: &Variants<'_>) -> Self {
        let rows = variants.all.iter().filter(|variant| !variant.measured.is_empty()).map(row).collect();
        let limited: Vec<_> = variants.all.iter().filter_map(limited).collect();
        let reasons: Vec<_> = variants.all.iter().flat_map(reasons).collect();
        let reasons_title = words::plural(reasons.len() as u64, "reason, by trial", "reasons, by trial");
        Self { rows, limited, reasons, reasons_title }
    }
}

/// `fixed: 3 of 12 trials limited, worst in trial 9 with a lag p99 of 9.2 ms`; `None` where the driver kept up.
fn limited(variant: &Variant<'_>) -> Option<String> {
    let late: Vec<_> = variant.measured.iter().filter(|trial| trial.driver.limited.is_some()).collect();
    let worst = late.iter().max_by(|a, b| a.driver.lag_p99.total_cmp(&b.driver.lag_p99))?;
    Some(format!(
        "{}: {} of {} limited, the worst is trial {} with a lag p99 of {}",
        variant.name,
        late.len(),
        words::plural(variant.measured.len() as u64, "trial", "trials"),
        worst.index,
        number::seconds(worst.driver.lag_p99)
    ))
}

/// Why trials were limited, alike ones together.
fn reasons(variant: &Variant<'_>) -> Vec<String> {
    let mut alike: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for trial in &variant.measured {
        if let Some(why) = &trial.driver.limited {
            alike.entry(why).or_default().push(trial.index);
        }
    }
    alike
        .into_iter()
        .map(|(why, trials)| format!("{}, {}: {}", variant.name, trial_list(&trials), text::sentence(why)))
        .collect()
}

fn row(variant: &Variant<'_>) -> Row {
    let records: Vec<_> = variant.measured.iter().map(|trial| &trial.driver).collect();
    let median = |pick: fn(&DriverRecord) -> f64| {
        let mut values: Vec<_> = records.iter().map(|record| pick(record)).collect();
        number::median(&mut values).map_or_else(|| number::ABSENT.into(), number::seconds)
    };
    let distinct = |pick: fn(&DriverRecord) -> &str| {
        let all: BTreeSet<_> = records.iter().map(|record| pick(record)).collect();
        text::name(&all.into_iter().collect::<Vec<_>>().join(", "))
    };
    let worst = records.iter().map(|record| record.lag_p99).fold(0.0, f64::max);
    let (asked, sent) = records.iter().fold((0, 0), |(asked, sent), record| (asked + record.asked, sent + record.sent));
    let limited = records.iter().filter(|record| record.limited.is_some()).count();
    Row {
        name: variant.name.clone(),
        class: variant.class(),
        placement: distinct(|record| &record.placement),
        pacing: distinct(|record| &record.pacing),
        lag_p50: median(|record| record.lag_p50),
        lag_p99: median(|record| record.lag_p99),
        worst: number::seconds(worst),
        limit: median(|record| record.lag_limit),
        sent: format!("{} of {}", number::count(sent as f64), number::count(asked as f64)),
        cpu: number::seconds(records.iter().map(|record| record.cpu_s).sum()),
        limited: format!("{limited} of {}", records.len()),
        bad: limited > 0,
    }
}
