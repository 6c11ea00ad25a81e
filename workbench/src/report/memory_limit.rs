//! Memory limits that could not be kept.

use reports::metric::format_value;
use reports::run::VariantSummary;

/// Below this part of a trial it is a wave, not a state.
const NOTABLE: f64 = 0.01;

/// One sentence for each variant that was above its limit while nothing could be given back, or was not allowed to be:
/// where live blocks take more than the limit, Go's collector would run without end.
pub(super) fn doubts(variants: &[VariantSummary]) -> Vec<String> {
    let part = |variant: &VariantSummary, name: &str| {
        variant.metrics.get(name).map(|metric| metric.value).filter(|part| *part >= NOTABLE)
    };
    let mut doubts = Vec::new();
    for variant in variants {
        let (name, limit) = (&variant.name, variant.knobs.get("allocator.memory_limit").map_or("?", String::as_str));
        if let Some(over) = part(variant, "memory_limit.over") {
            let live = variant.metrics.get("allocated.max").map_or_else(String::new, |live| {
                format!("; live blocks alone took up to {}", format_value(live.value, &live.unit))
            });
            doubts.push(format!(
                "`{name}`: over its memory limit of {limit} for {:.0} % of the time with nothing left to give back{live}: \
                 only shedding or a higher limit helps",
                over * 100.0
            ));
        }
        if let Some(paused) = part(variant, "memory_limit.paused") {
            doubts.push(format!(
                "`{name}`: for {:.0} % of the time its memory limit of {limit} was not kept because that had cost more CPU \
                 than `allocator.memory_limit_cpu` allows",
                paused * 100.0
            ));
        }
    }
    doubts
}

#[cfg(test)]
mod tests {
    use reports::run::MetricValue;

    use super::*;

    fn variant(metrics: &[(&str, f64, &str)]) -> VariantSummary {
        VariantSummary {
            name: "limit".into(),
            knobs: [("allocator.memory_limit".to_owned(), "128MiB".to_owned())].into(),
            metrics: metrics
                .iter()
                .map(|(name, value, unit)| {
                    ((*name).to_owned(), MetricValue { value: *value, unit: (*unit).to_owned() })
                })
                .collect(),
            ..VariantSummary::default()
        }
    }

    #[test]
    fn a_live_set_above_the_limit_is_told_plainly() {
        let over = variant(&[("memory_limit.over", 0.43, "1"), ("allocated.max", 171_000_000.0, "B")]);
        insta::assert_snapshot!(doubts(&[over]).join("\n"), @"`limit`: over its memory limit of 128MiB for 43 % of the time with nothing left to give back; live blocks alone took up to 163 MiB: only shedding or a higher limit helps");
        let paused = variant(&[("memory_limit.over", 0.005, "1"), ("memory_limit.paused", 0.2, "1")]);
        insta::assert_snapshot!(doubts(&[paused]).join("\n"), @"`limit`: for 20 % of the time its memory limit of 128MiB was not kept because that had cost more CPU than `allocator.memory_limit_cpu` allows");
        assert!(doubts(&[variant(&[])]).is_empty());
    }
}
