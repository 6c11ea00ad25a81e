//! Good and bad operations of a trial.

use crate::run::hlog::Interval;
use crate::run::{Slo, SloCount, TrialKind, TrialOutcome, TrialRecord};

const NANOS: f64 = 1e9;

/// Counts the measured operations of a trial. `None` for evidence, for a subject that failed, and, where the objective
/// has a latency, for a driver that fell behind: its latencies are not the subject's.
///
/// `intervals` hold latencies from the intended time in nanoseconds, those of timeouts and unanswered operations among
/// them. A histogram keeps three digits: what it cannot tell from the objective's latency counts as good.
pub fn count(slo: &Slo, record: &TrialRecord, intervals: &[Interval]) -> Option<SloCount> {
    let counts = record.kind == TrialKind::Measure && record.outcome == TrialOutcome::Ok;
    if !counts || slo.latency_s.is_some() && record.driver.limited.is_some() {
        return None;
    }
    let mut sum = SloCount { trial: record.index, variant: record.variant.clone(), ..SloCount::default() };
    for operation in record.operations.iter().filter(|operation| operation.measured) {
        // Both were written down with an age of at least the timeout.
        let never = operation.timeouts + operation.unanswered;
        sum.operations += operation.scheduled;
        sum.failed += operation.errors + never;
        if let Some(latency_s) = slo.latency_s {
            let own = intervals.iter().filter(|interval| interval.tag == operation.name);
            let beyond: u64 = own.map(|interval| beyond(&interval.histogram, latency_s)).sum();
            sum.slow += beyond.saturating_sub(never);
        }
    }
    Some(sum)
}

/// Values whose bucket lies wholly above.
fn beyond(histogram: &hdrhistogram::Histogram<u64>, latency_s: f64) -> u64 {
    let above = |value: &u64| {
        #[allow(clippy::cast_precision_loss, reason = "nanoseconds below 2^53 are 104 days")]
        let lowest = histogram.lowest_equivalent(*value) as f64;
        lowest > latency_s * NANOS
    };
    histogram
        .iter_recorded()
        .filter(|one| above(&one.value_iterated_to()))
        .map(|one| one.count_since_last_iteration())
        .sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hdrhistogram::Histogram;

    use super::*;
    use crate::compare::fixture;
    use crate::run::OperationRecord;

    const MS: u64 = 1_000_000;

    fn record() -> (TrialRecord, Vec<Interval>) {
        let plan = fixture::plan(&["only"], 1);
        let mut record = fixture::trial(&plan.trials[0], BTreeMap::new());
        let orders = OperationRecord {
            name: "orders".into(),
            measured: true,
            scheduled: 100,
            answered: 95,
            errors: 2,
            timeouts: 2,
            unanswered: 1,
            ..OperationRecord::default()
        };
        let logins = OperationRecord {
            name: "logins".into(),
            measured: false,
            scheduled: 50,
            answered: 0,
            errors: 50,
            ..OperationRecord::default()
        };
        record.operations = vec![orders, logins];
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        histogram.record_n(10 * MS, 90).unwrap();
        histogram.record_n(400 * MS, 5).unwrap();
        // Timeouts and unanswered operations, with their age.
        histogram.record_n(2_000 * MS, 3).unwrap();
        let interval =
            |tag: &str| Interval { tag: tag.into(), start_s: 0.0, duration_s: 1.0, histogram: histogram.clone() };
        (record, vec![interval("orders"), interval("logins"), interval("orders.service")])
    }

    fn slo(latency_s: Option<f64>) -> Slo {
        Slo { objective: 0.99, latency_s, window_s: 2_592_000.0 }
    }

    #[test]
    fn what_was_never_answered_is_bad_once() {
        let (record, intervals) = record();
        let counted = |latency_s| count(&slo(latency_s), &record, &intervals).unwrap();
        let of = |count: SloCount| (count.operations, count.failed, count.slow);
        assert_eq!(of(counted(Some(0.35))), (100, 5, 5));
        assert_eq!(of(counted(Some(0.4))), (100, 5, 0), "as late as the objective allows is in time");
        assert_eq!(of(counted(Some(3.0))), (100, 5, 0), "longer than the timeout");
        assert_eq!(of(counted(None)), (100, 5, 0));
    }

    #[test]
    fn a_late_driver_voids_latencies_only() {
        let (mut record, intervals) = record();
        record.driver.limited = Some("lag".into());
        assert_eq!(count(&slo(Some(0.35)), &record, &intervals), None);
        assert_eq!(count(&slo(None), &record, &intervals).unwrap().failed, 5);
        record.outcome = TrialOutcome::SubjectFailed { reason: String::new(), stderr: String::new() };
        assert_eq!(count(&slo(None), &record, &intervals), None);
    }
}
