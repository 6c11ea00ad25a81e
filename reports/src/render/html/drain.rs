//! What graceful shutdowns did.

use super::variants::Variants;
use crate::render::number;

/// One variant, over its measured trials.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) in_flight: String,
    pub(super) drained: String,
    pub(super) cut: String,
    pub(super) any_cut: bool,
    pub(super) median: String,
    pub(super) worst: String,
    pub(super) deadline: String,
}

/// Variants that drained; none for subjects without a network.
pub(super) fn rows(variants: &Variants<'_>) -> Vec<Row> {
    variants
        .all
        .iter()
        .filter_map(|variant| {
            let drains: Vec<_> = variant.measured.iter().filter_map(|trial| trial.drain.as_ref()).collect();
            let first = *drains.first()?;
            let mut took: Vec<_> = drains.iter().map(|drain| drain.took_s).collect();
            let cut: u64 = drains.iter().map(|drain| drain.cut).sum();
            Some(Row {
                name: variant.name.clone(),
                class: variant.class(),
                in_flight: number::count(drains.iter().map(|drain| drain.in_flight).sum::<u64>() as f64),
                drained: number::count(drains.iter().map(|drain| drain.drained).sum::<u64>() as f64),
                cut: number::count(cut as f64),
                any_cut: cut > 0,
                worst: number::seconds(took.iter().copied().fold(0.0, f64::max)),
                median: number::median(&mut took).map_or_else(|| number::ABSENT.into(), number::seconds),
                deadline: number::seconds(first.deadline_s),
            })
        })
        .collect()
}
