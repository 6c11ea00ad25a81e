//! When a service was late: the limit on latency, and the pieces of a phase in which it was exceeded. Pure.

/// A measured operation of an open-loop phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Intended time, nanoseconds since the phase began.
    pub at_ns: u64,
    /// From then to the answer, nanoseconds.
    pub took_ns: u64,
}

/// A limit on latency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Nanoseconds.
    pub ns: u64,
    /// Where it is from, as a sentence.
    pub from: String,
}

/// A piece of the phase in which an operation was waited for that turned out late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First nanosecond since the phase began.
    pub from_ns: u64,
    /// One past the last.
    pub to_ns: u64,
    /// Late operations.
    pub late: u64,
    /// The longest of them, nanoseconds.
    pub worst_ns: u64,
}

/// A limit that leaves this share of the phase within windows, or more, tells nothing apart.
const MOST_OF_PHASE: f64 = 0.2;
/// Latency beyond this many medians is late, where nobody said what is.
const MEDIANS: u64 = 3;
/// Quantiles that are tried after that.
const QUANTILES: [(f64, &str); 5] =
    [(0.9, "90th"), (0.95, "95th"), (0.99, "99th"), (0.995, "99.5th"), (0.999, "99.9th")];

/// The one that stands where none tells anything apart.
const LAST: f64 = 0.99;

/// The limit where nobody gave one: three times the median, or the lowest usual percentile beyond it that leaves at most a
/// fifth of the phase within windows. `quantile` is that of the measured operations, nanoseconds.
pub fn derived(operations: &[Operation], phase_ns: u64, quantile: impl Fn(f64) -> u64) -> Limit {
    let least = quantile(0.5).saturating_mul(MEDIANS);
    #[allow(clippy::cast_precision_loss, reason = "nanoseconds of one phase")]
    let tells = |ns: u64| {
        let within: u64 = windows(operations, ns, phase_ns).iter().map(Window::length_ns).sum();
        within as f64 <= MOST_OF_PHASE * phase_ns as f64
    };
    if tells(least) {
        let from = format!("{MEDIANS} times the median latency of this trial, since no limit was given");
        return Limit { ns: least, from };
    }
    // Where some are never answered a percentile may be how long they were waited for, which nobody exceeds.
    let exceeded = |ns: u64| operations.iter().any(|one| one.took_ns > ns && one.at_ns < phase_ns);
    let fits = |ns: u64| ns > least && exceeded(ns) && tells(ns);
    let found = QUANTILES.into_iter().find(|(at, _)| fits(quantile(*at)));
    match found {
        Some((at, name)) => Limit {
            ns: quantile(at),
            from: format!(
                "the {name} percentile of this trial, since no limit was given and a lower one leaves more than a fifth \
                 of the time late"
            ),
        },
        None if exceeded(quantile(LAST)) => Limit {
            ns: quantile(LAST),
            from: "the 99th percentile of this trial, since no limit was given; it was late nearly all the time"
                .to_owned(),
        },
        None => Limit {
            ns: least,
            from: format!(
                "{MEDIANS} times the median latency of this trial, since no limit was given; somebody waited for longer \
                 nearly all the time"
            ),
        },
    }
}

/// Pieces of a phase in which an operation was waited for that took longer than `limit_ns`, in the order of time. They do
/// not overlap.
pub fn windows(operations: &[Operation], limit_ns: u64, phase_ns: u64) -> Vec<Window> {
    let late = operations.iter().filter(|one| one.took_ns > limit_ns && one.at_ns < phase_ns);
    let mut late: Vec<Operation> = late.copied().collect();
    late.sort_unstable_by_key(|one| (one.at_ns, one.took_ns));
    let mut windows: Vec<Window> = Vec::new();
    for one in late {
        let end = one.at_ns.saturating_add(one.took_ns).min(phase_ns);
        match windows.last_mut().filter(|last| one.at_ns <= last.to_ns) {
            Some(last) => {
                last.to_ns = last.to_ns.max(end);
                last.late += 1;
                last.worst_ns = last.worst_ns.max(one.took_ns);
            }
            None => windows.push(Window { from_ns: one.at_ns, to_ns: end, late: 1, worst_ns: one.took_ns }),
        }
    }
    windows
}

/// What is left of a phase, in pieces no longer than `longest_ns`.
pub fn rest(windows: &[Window], phase_ns: u64, longest_ns: u64) -> Vec<(u64, u64)> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let ends = windows.iter().map(|window| (window.from_ns, window.to_ns)).chain([(phase_ns, phase_ns)]);
    for (begin, end) in ends {
        while from < begin {
            let to = begin.min(from.saturating_add(longest_ns.max(1)));
            pieces.push((from, to));
            from = to;
        }
        from = from.max(end);
    }
    pieces
}

impl Window {
    /// Nanoseconds.
    pub fn length_ns(&self) -> u64 {
        self.to_ns - self.from_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn operations(all: &[(u64, u64)]) -> Vec<Operation> {
        all.iter().map(|(at, took)| Operation { at_ns: at * MS, took_ns: took * MS }).collect()
    }

    #[test]
    fn late_operations_that_overlap_are_one_window() {
        let all = operations(&[(0, 1), (10, 30), (20, 20), (35, 1), (60, 21), (95, 50), (200, 99)]);
        let found = windows(&all, 5 * MS, 100 * MS);
        let shown: Vec<_> = found.iter().map(|w| (w.from_ns / MS, w.to_ns / MS, w.late, w.worst_ns / MS)).collect();
        assert_eq!(shown, [(10, 40, 2, 30), (60, 81, 1, 21), (95, 100, 1, 50)]);
        let pieces: Vec<_> = rest(&found, 100 * MS, 10 * MS).iter().map(|(from, to)| (from / MS, to / MS)).collect();
        assert_eq!(pieces, [(0, 10), (40, 50), (50, 60), (81, 91), (91, 95)]);
        assert!(windows(&all, 100 * MS, 100 * MS).is_empty());
        assert_eq!(rest(&[], 15, 10), [(0, 10), (10, 15)]);
    }

    /// Operations every millisecond that take one, but for `share` of the time.
    fn phase(slow: impl Fn(u64) -> bool) -> Vec<Operation> {
        operations(&(0..1000).map(|at| (at, if slow(at) { 40 } else { 1 })).collect::<Vec<_>>())
    }

    fn quantile(all: &[Operation]) -> impl Fn(f64) -> u64 {
        let mut took: Vec<u64> = all.iter().map(|one| one.took_ns).collect();
        took.sort_unstable();
        move |at| took[((took.len() - 1) as f64 * at) as usize]
    }

    #[test]
    fn a_rare_stall_is_beyond_the_derived_limit() {
        let all = phase(|at| (500..505).contains(&at));
        let limit = derived(&all, 1000 * MS, quantile(&all));
        assert_eq!(limit.ns, 3 * MS);
        assert!(limit.from.contains("3 times the median"), "{}", limit.from);
        let found = windows(&all, limit.ns, 1000 * MS);
        assert_eq!((found.len(), found[0].late, found[0].length_ns()), (1, 5, 44 * MS));
    }

    #[test]
    fn where_much_is_slow_the_limit_rises() {
        let mut all = phase(|at| at % 3 == 0);
        all[700].took_ns = 45 * MS;
        all[701].took_ns = 45 * MS;
        let limit = derived(&all, 1000 * MS, quantile(&all));
        assert!(limit.from.contains("the 90th percentile") && limit.ns == 40 * MS, "{limit:?}");
        assert_eq!(windows(&all, limit.ns, 1000 * MS).len(), 1);
        // Nothing tells, and nobody exceeds the highest percentile.
        let even = operations(&(0..1000).map(|at| (at, 10 + 40 * (at % 2))).collect::<Vec<_>>());
        assert_eq!(derived(&even, 1000 * MS, quantile(&even)).ns, 30 * MS);
        // Nor how long it is waited for those that nobody answers: they are late, whatever else is.
        for unanswered in [5, 40] {
            let all = operations(&(0..1000).map(|at| (at, if at < unanswered { 900 } else { 1 })).collect::<Vec<_>>());
            let limit = derived(&all, 1000 * MS, quantile(&all));
            let late: u64 = windows(&all, limit.ns, 1000 * MS).iter().map(|window| window.late).sum();
            assert_eq!(late, unanswered, "{limit:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn windows_and_rest_make_the_phase(
            all in proptest::collection::vec((0_u64..1000, 0_u64..200), 0..60),
            limit in 0_u64..100,
            longest in 1_u64..300,
        ) {
            let found = windows(&operations(&all), limit * MS, 1000 * MS);
            let pieces = rest(&found, 1000 * MS, longest * MS);
            let sum: u64 = found.iter().map(Window::length_ns).sum::<u64>() + pieces.iter().map(|(a, b)| b - a).sum::<u64>();
            proptest::prop_assert_eq!(sum, 1000 * MS);
            proptest::prop_assert!(found.windows(2).all(|pair| pair[0].to_ns < pair[1].from_ns));
            proptest::prop_assert!(pieces.iter().all(|(from, to)| from < to && to - from <= longest * MS));
            let late = all.iter().filter(|(_, took)| *took > limit).count() as u64;
            proptest::prop_assert_eq!(found.iter().map(|window| window.late).sum::<u64>(), late);
        }
    }
}
