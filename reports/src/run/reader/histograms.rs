//! The merged histograms of a variant, and the metrics that they give.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::run::{Metrics, hlog};

/// The merged histograms of one variant, values in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VariantHistograms {
    /// Latency from the intended time over all measured operations; absent without a single one.
    pub measured: Option<Histogram<u64>>,
    /// Time from sending over all measured operations.
    pub measured_service: Option<Histogram<u64>>,
    /// By tag as the driver recorded it: `<op>`, `<op>.service`, `<op>.error`, `driver.lag`.
    pub by_tag: BTreeMap<String, Histogram<u64>>,
}

impl VariantHistograms {
    pub(super) fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::new();
        let mut put = |family: &str, operation: &str, histogram: &Histogram<u64>| {
            for (quantile, value) in hlog::quantiles(histogram) {
                metrics.insert(format!("{family}.{quantile}{operation}"), value);
            }
        };
        if let Some(histogram) = &self.measured {
            put("latency", "", histogram);
        }
        if let Some(histogram) = &self.measured_service {
            put("service_time", "", histogram);
        }
        for (tag, histogram) in &self.by_tag {
            if tag == "driver.lag" || tag.ends_with(".error") {
                continue;
            }
            match tag.strip_suffix(".service") {
                Some(operation) => put("service_time", &format!("[{operation}]"), histogram),
                None => put("latency", &format!("[{tag}]"), histogram),
            }
        }
        metrics
    }
}
