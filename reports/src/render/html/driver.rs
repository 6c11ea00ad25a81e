//! How the load driver kept up.

use std::collections::{BTreeMap, BTreeSet};

use super::header::trial_list;
use super::variants::{Variant, Variants};
use crate::render::{number, text};
use crate::run::DriverRecord;

/// The table, and why trials were limited.
pub(super) struct Driver {
    pub(super) rows: Vec<Row>,
    pub(super) reasons: Vec<String>,
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
        let mut reasons = Vec::new();
        for variant in &variants.all {
            let mut alike: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for trial in &variant.measured {
                if let Some(why) = &trial.driver.limited {
                    alike.entry(why).or_default().push(trial.index);
                }
            }
            for (why, trials) in alike {
                reasons.push(format!("{}, {}: {}", variant.name, trial_list(&trials), text::sentence(why)));
            }
        }
        Self { rows, reasons }
    }
}

fn row(variant: &Variant<'_>) -> Row {
    let records: Vec<_> = variant.measured.iter().map(|trial| &trial.driver).collect();
    let median = |pick: fn(&DriverRecord) -> f64| {
        let mut values: Vec<_> = records.iter().map(|record| pick(record)).collect();
        number::median(&mut values).map_or_else(|| number::ABSENT.into(), number::seconds)
    };
    let words = |pick: fn(&DriverRecord) -> &str| {
        let all: BTreeSet<_> = records.iter().map(|record| pick(record)).collect();
        text::name(&all.into_iter().collect::<Vec<_>>().join(", "))
    };
    let worst = records.iter().map(|record| record.lag_p99).fold(0.0, f64::max);
    let (asked, sent) = records.iter().fold((0, 0), |(asked, sent), record| (asked + record.asked, sent + record.sent));
    let limited = records.iter().filter(|record| record.limited.is_some()).count();
    Row {
        name: variant.name.clone(),
        class: variant.class(),
        placement: words(|record| &record.placement),
        pacing: words(|record| &record.pacing),
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
