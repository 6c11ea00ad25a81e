//! Histograms of durations, merged over tasks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use serde::Serialize;

use crate::run::console::Durations;

/// Quantiles of a distribution of durations, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Durations counted.
    pub count: u64,
    /// Median.
    pub p50_s: f64,
    /// 99 of 100 are no longer.
    pub p99_s: f64,
    /// The longest.
    pub max_s: f64,
    /// Tasks that it was gathered from.
    pub tasks: u64,
    /// Histograms that could not be decoded.
    pub unreadable: u64,
}

/// Adds histograms up.
#[derive(Debug, Default)]
pub(super) struct Merged {
    sum: Option<Histogram<u64>>,
    highest: u64,
    tasks: u64,
    unreadable: u64,
}

impl Merged {
    pub(super) fn add(&mut self, durations: &Durations) {
        self.tasks += 1;
        let bytes = STANDARD.decode(&durations.raw).ok();
        let decoded = bytes.and_then(|bytes| Deserializer::new().deserialize::<u64, _>(&mut bytes.as_slice()).ok());
        let Some(one) = decoded else {
            self.unreadable += 1;
            return;
        };
        // Values beyond the greatest that it can hold were recorded as that one (console-subscriber's `record_duration`);
        // the greatest of them is known.
        self.highest = self.highest.max(durations.highest.unwrap_or(0)).max(if one.is_empty() { 0 } else { one.max() });
        match &mut self.sum {
            None => self.sum = Some(one),
            Some(sum) => {
                sum.auto(true);
                if sum.add(&one).is_err() {
                    self.unreadable += 1;
                }
            }
        }
    }

    pub(super) fn spread(&self) -> Option<Spread> {
        let sum = self.sum.as_ref()?;
        let seconds = |nanoseconds: u64| nanoseconds as f64 / 1e9;
        let count = sum.len();
        if count == 0 {
            return None;
        }
        Some(Spread {
            count,
            p50_s: seconds(sum.value_at_quantile(0.5).min(self.highest)),
            p99_s: seconds(sum.value_at_quantile(0.99).min(self.highest)),
            max_s: seconds(self.highest),
            tasks: self.tasks,
            unreadable: self.unreadable,
        })
    }
}
