//! Tasks by spawn site, from the goroutine profile of our own endpoints (`probe::endpoints`), whose labels carry them.

use flamegraphs::Profile;
use flamegraphs::profile::{LabelValue, Sample};
use reports::run::{SiteKind, SiteRecord, Waits};

/// A record for each sample that names a site.
pub(super) fn of(profile: &Profile) -> Vec<SiteRecord> {
    profile.samples().iter().filter_map(site).collect()
}

fn site(sample: &Sample) -> Option<SiteRecord> {
    let (file, line, column) = place(sample.label("site")?);
    let number = |key: &str| {
        sample.labels.iter().find_map(|label| match &label.value {
            LabelValue::Number { value, .. } if label.key == key => u64::try_from(value.get()).ok(),
            _ => None,
        })
    };
    let count = |key: &str| number(key).unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of a recording")]
    let seconds = |key: &str| count(key) as f64 / 1e9;
    let alive = u64::try_from(sample.values.first().copied().unwrap_or(0)).unwrap_or(0);
    Some(SiteRecord {
        file: file.to_owned(),
        line,
        column,
        kind: SiteKind::Task,
        spawned: count("spawned"),
        finished: number("finished").unwrap_or_else(|| count("spawned").saturating_sub(alive)),
        alive,
        polls: count("polls"),
        busy_s: seconds("busy"),
        longest_poll_s: seconds("longest_poll"),
        long_polls: count("long_polls"),
        stalls: count("stalls"),
        in_poll: count("in_poll"),
        bytes: count("allocated"),
        allocations: count("allocations"),
        // The endpoints have tokio measure every wait; how many they were their labels do not say.
        latency: Waits::EveryPoll,
        waits: 0,
        schedule_latency_s: seconds("schedule_latency"),
        worst_schedule_latency_s: seconds("worst_schedule_latency"),
    })
}

/// `src/main.rs:31:9`; `(other sites)` has no file.
fn place(site: &str) -> (&str, u32, u32) {
    let mut parts = site.rsplitn(3, ':');
    let column = parts.next().and_then(|column| column.parse().ok());
    let line = parts.next().and_then(|line| line.parse().ok());
    match (parts.next(), line, column) {
        (Some(file), Some(line), Some(column)) => (file, line, column),
        _ => ("", 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroI64;

    use flamegraphs::profile::{Builder, Frame, Label, ValueType};

    use super::*;

    #[test]
    fn labels_become_the_records_that_they_came_from() {
        let mut builder = Builder::new([ValueType::new("goroutine", "count")]);
        let at = builder.location(1, &[Frame { function: "task spawned at src/main.rs:31:9", ..Frame::default() }]);
        let number = |key: &str, value| Label::number(key, NonZeroI64::new(value).unwrap(), "");
        let labels = [
            Label::text("site", "src/main.rs:31:9"),
            number("spawned", 9),
            number("polls", 40),
            number("busy", 30_500_000),
            number("stalls", 2),
            number("allocated", 4096),
        ];
        builder.sample(&[at], &[4], &labels).unwrap();
        builder.sample(&[at], &[1], &[]).unwrap();
        let sites = of(&builder.finish());
        assert_eq!(sites.len(), 1);
        let site = &sites[0];
        assert_eq!((site.file.as_str(), site.line, site.column), ("src/main.rs", 31, 9));
        assert_eq!((site.alive, site.spawned, site.finished, site.polls, site.stalls), (4, 9, 5, 40, 2));
        assert!((site.busy_s - 0.0305).abs() < 1e-12);
        assert_eq!(place("(other sites)"), ("", 0, 0));
    }
}
