//! What an allocator held over time as data: the rows and sentences that every renderer shows.

use super::number;
use crate::run::{AllocatorHead, AllocatorRecord, AllocatorSample, PressureLevel};

/// How to read it, one sentence.
pub(crate) const HOW: &str = "Memory that the program holds (live, allocated) below the pages it takes (active) and those the \
    allocator keeps for it (resident): the gaps are fragmentation and freed pages not yet given back, and where giving back \
    and page faults rise together with latency, pages travel to and fro; these trials carried a recorder and never enter the \
    comparison.";

/// Reads one figure off a sample.
pub(crate) type Pick = fn(&AllocatorSample) -> Option<u64>;

/// Figures in bytes, those that hold others first, with whether they count address space instead of memory.
pub(crate) const FIGURES: [(&str, Pick, bool); 9] = [
    ("resident set", |sample| Some(sample.resident_set), false),
    ("resident", |sample| sample.resident, false),
    ("active", |sample| sample.active, false),
    ("allocated", |sample| sample.allocated, false),
    ("live", |sample| sample.live, false),
    ("dirty", |sample| sample.dirty, false),
    ("free", |sample| sample.free, true),
    ("mapped", |sample| if sample.active.is_none() { sample.mapped } else { None }, true),
    ("retained", |sample| sample.retained, true),
];

/// Figures that rise for ever, and the unit of their rate.
pub(crate) const RATES: [(&str, Pick, &str); 4] = [
    ("minor faults", |sample| Some(sample.minor_faults), "1/s"),
    ("major faults", |sample| Some(sample.major_faults), "1/s"),
    ("given back", |sample| sample.purged, "B/s"),
    ("mutex waits", |sample| sample.mutex_waits, "1/s"),
];

/// One figure over time.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// At the start, the median, the largest, at the end; for rates: nothing, the mean, the largest, nothing.
    pub(crate) cells: [String; 4],
    /// Its course, each from 0 to 1.
    pub(crate) course: Vec<f64>,
}

/// Heads of [`Row::cells`].
pub(crate) const HEADS: [&str; 4] = ["start", "middle", "most", "end"];

/// Seconds that a rate is averaged over at least: within less, one purge looks like a storm.
const RATE_S: f64 = 0.1;

/// Points of a course.
const COURSE: usize = 40;

/// Every figure that the allocator says.
pub(crate) fn rows(record: &AllocatorRecord) -> Vec<Row> {
    let sizes = FIGURES.iter().filter_map(|(name, pick, _)| {
        let points = series(record, *pick);
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        let (first, last) = (*values.first()?, *values.last()?);
        let most = values.iter().copied().fold(0.0, f64::max);
        let cells = [first, middle(record, *pick)?, most, last].map(number::bytes);
        Some(Row { name, cells, course: course(&points, most) })
    });
    let rates = RATES.iter().filter_map(|(name, pick, unit)| {
        let points = rates(record, *pick);
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let mean = mean_rate(record, *pick)?;
        // Nothing to say of what never happened.
        let text = |value: f64| number::value(value, unit);
        (most > 0.0).then(|| Row {
            name,
            cells: [number::ABSENT.into(), text(mean), text(most), number::ABSENT.into()],
            course: course(&points, most),
        })
    });
    sizes.chain(rates).collect()
}

/// `(seconds, bytes)` of one figure.
pub(crate) fn series(record: &AllocatorRecord, pick: Pick) -> Vec<(f64, f64)> {
    record.samples.iter().filter_map(|sample| Some((sample.at_s, pick(sample)? as f64))).collect()
}

/// `(seconds, per second)` of a figure that rises, each over [`RATE_S`] or more.
pub(crate) fn rates(record: &AllocatorRecord, pick: Pick) -> Vec<(f64, f64)> {
    let totals = series(record, pick);
    let mut rates = Vec::new();
    let Some(mut before) = totals.first().copied() else { return rates };
    for now in totals {
        let seconds = now.0 - before.0;
        // Half a period of slack: samples at 10 Hz are not exactly 100 ms apart.
        if seconds >= RATE_S / 2.0 && (seconds >= RATE_S || record.head.hz <= 10) {
            rates.push((now.0, (now.1 - before.1).max(0.0) / seconds));
            before = now;
        }
    }
    rates
}

fn mean_rate(record: &AllocatorRecord, pick: Pick) -> Option<f64> {
    let totals = series(record, pick);
    let (first, last) = (totals.first()?, totals.last()?);
    (last.0 > first.0).then(|| (last.1 - first.1).max(0.0) / (last.0 - first.0))
}

/// At most [`COURSE`] points: the largest of each stretch, as a part of `most`.
fn course(points: &[(f64, f64)], most: f64) -> Vec<f64> {
    let stretch = points.len().div_ceil(COURSE).max(1);
    let part = |value: f64| if most > 0.0 { value / most } else { 0.0 };
    points.chunks(stretch).map(|points| part(points.iter().map(|(_, value)| *value).fold(0.0, f64::max))).collect()
}

/// `jemalloc at 10 Hz: 118 of 120 samples, recording took 0.21 % of a core`.
pub(crate) fn source(head: &AllocatorHead, samples: usize) -> String {
    let incident = if head.incident { " (incident)" } else { "" };
    format!(
        "{} at {} Hz{incident}: {samples} of {} samples, recording took {} of a core",
        super::text::name(&head.allocator),
        head.hz,
        head.due,
        number::percent(head.cost)
    )
}

/// Differences smaller than this are not worth a sentence, bytes.
const NOTABLE_BYTES: f64 = 8.0 * 1_048_576.0;

/// What stands out, a sentence each. The marks are our own judgement of what is worth looking at.
pub(crate) fn notable(record: &AllocatorRecord) -> Vec<String> {
    let mut notable = Vec::new();
    let allocated: Pick = |sample| sample.allocated;
    let beyond = |pick: Pick| ratio(record, pick, allocated).filter(|(_, gap)| *gap >= NOTABLE_BYTES);
    if let Some((ratio, gap)) = beyond(|sample| sample.active).filter(|(ratio, _)| *ratio >= 1.2) {
        notable.push(format!(
            "active ÷ allocated is {}: {} lie unused on pages that hold some block (internal fragmentation)",
            number::significant(ratio),
            number::bytes(gap)
        ));
    }
    if let Some((ratio, gap)) = beyond(|sample| sample.resident).filter(|(ratio, _)| *ratio >= 1.5) {
        notable.push(format!(
            "resident ÷ allocated is {}: {} more are resident than blocks fill{}; a shorter dirty_decay_ms or a memory \
             limit gives freed pages back",
            number::significant(ratio),
            number::bytes(gap),
            middle(record, |sample| sample.dirty)
                .map(|dirty| format!(", {} of them freed and kept", number::bytes(dirty)))
                .unwrap_or_default()
        ));
    }
    let per_second = |pick: Pick, least: f64| mean_rate(record, pick).filter(|rate| *rate >= least);
    let given_back = per_second(|sample| sample.purged, 32.0 * 1_048_576.0);
    let faults = per_second(|sample| Some(sample.minor_faults), 5_000.0);
    let system = (|| {
        let (first, last) = (record.samples.first()?, record.samples.last()?);
        let (system_s, wall_s) = (last.system_s - first.system_s, last.at_s - first.at_s);
        (wall_s > 0.0).then(|| format!("; the kernel took {} of a core", number::percent(system_s / wall_s)))
    })()
    .unwrap_or_default();
    match (given_back, faults) {
        (Some(given_back), Some(faults)) => notable.push(format!(
            "{} were given back and {} page faults a second brought memory in again{system}: pages travel to and fro",
            number::value(given_back, "B/s"),
            number::count(faults.round())
        )),
        (Some(given_back), None) => {
            notable.push(format!("{} were given back{system}", number::value(given_back, "B/s")))
        }
        (None, Some(faults)) => notable.push(format!("{} page faults a second{system}", number::count(faults.round()))),
        (None, None) => {}
    }
    if let Some(waits) = per_second(|sample| sample.mutex_waits, 100.0) {
        let waited_s = record.samples.last().and_then(|last| last.mutex_wait_s).unwrap_or(0.0);
        notable.push(format!(
            "{} waits a second for mutexes of arenas and bins, {} in all: threads meet in the allocator; more arenas or \
             fewer threads part them",
            number::count(waits.round()),
            number::seconds(waited_s)
        ));
    }
    if let Some(major) = per_second(|sample| Some(sample.major_faults), 1.0) {
        notable.push(format!("{} page faults a second waited for a disk", number::significant(major)));
    }
    if let Some(limit) = record.head.limit {
        let all = record.samples.len().max(1) as f64;
        let over = record.samples.iter().filter(|sample| sample.resident_set > limit).count() as f64 / all;
        let live =
            record.samples.iter().filter(|sample| sample.live.is_some_and(|live| live > limit)).count() as f64 / all;
        notable.push(format!(
            "the limit of {} was exceeded in {} of the samples, by live blocks alone in {}",
            number::bytes(limit as f64),
            number::percent(over),
            number::percent(live)
        ));
        let spans = record.pressure_spans();
        let part = |level| {
            let all_s: f64 = spans.iter().filter(|span| span.2 == level).map(|(from, to, _)| to - from).sum();
            number::percent(all_s / record.head.wall_s.max(f64::MIN_POSITIVE))
        };
        if !spans.is_empty() {
            notable.push(format!(
                "memory pressed: close to the limit, with pages being given back, for {} of the time; above it, with nothing \
                 left to give back, for {} ({} changes)",
                part(PressureLevel::Purging),
                part(PressureLevel::Over),
                record.head.pressure.len()
            ));
        }
    }
    notable
}

/// Median of a figure.
fn middle(record: &AllocatorRecord, pick: Pick) -> Option<f64> {
    number::median(&mut series(record, pick).into_iter().map(|(_, value)| value).collect::<Vec<_>>())
}

/// Median quotient of two figures, and median difference.
fn ratio(record: &AllocatorRecord, above: Pick, below: Pick) -> Option<(f64, f64)> {
    let pairs: Vec<(f64, f64)> = record
        .samples
        .iter()
        .filter_map(|sample| Some((above(sample)? as f64, below(sample)? as f64)))
        .filter(|(_, below)| *below > 0.0)
        .collect();
    let mut quotients: Vec<f64> = pairs.iter().map(|(above, below)| above / below).collect();
    let mut gaps: Vec<f64> = pairs.iter().map(|(above, below)| (above - below).max(0.0)).collect();
    number::median(&mut quotients).zip(number::median(&mut gaps))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::PressureChange;

    const MIB: u64 = 1 << 20;

    /// Four seconds of waves under a limit.
    pub(in crate::render) fn record() -> AllocatorRecord {
        let head = AllocatorHead {
            format: 1,
            allocator: "jemalloc".into(),
            hz: 10,
            incident: false,
            due: 42,
            wall_s: 4.1,
            cost: 0.0021,
            open_at_s: Some(1.0),
            limit: Some(128 * MIB),
            pressure: [(0.5, PressureLevel::Purging), (1.5, PressureLevel::Over), (2.5, PressureLevel::None)]
                .map(|(at_s, level)| PressureChange { at_s, level })
                .into(),
        };
        let sample = |tick: u64| {
            let wave = [0, 8, 30, 60, 40, 10][tick as usize % 6] * MIB;
            AllocatorSample {
                at_s: tick as f64 * 0.1,
                resident_set: 90 * MIB + wave,
                live: Some(20 * MIB + wave),
                allocated: Some(22 * MIB + wave),
                active: Some(34 * MIB + wave),
                resident: Some(80 * MIB + wave),
                retained: Some(300 * MIB),
                metadata: Some(3 * MIB),
                mapped: Some(100 * MIB),
                dirty: Some(46 * MIB),
                muzzy: Some(0),
                purges: Some(tick),
                madvises: Some(tick * 30),
                purged: Some(tick * 8 * MIB),
                mutex_waits: Some(tick * 20),
                mutex_wait_s: Some(tick as f64 * 1e-4),
                tcache: Some(MIB),
                background_runs: Some(0),
                lazy_free: Some(0),
                minor_faults: tick * 2000,
                major_faults: 0,
                user_s: tick as f64 * 0.1,
                system_s: tick as f64 * 0.02,
                free: None,
            }
        };
        AllocatorRecord { head, samples: (0..40).map(sample).collect() }
    }

    #[test]
    fn what_stands_out_is_said() {
        insta::assert_snapshot!(notable(&record()).join("\n"));
        assert!(notable(&AllocatorRecord::default()).is_empty());
    }

    #[test]
    fn rows_hold_what_the_allocator_says_and_no_more() {
        let names = |record: &AllocatorRecord| rows(record).iter().map(|row| row.name).collect::<Vec<_>>();
        let all = ["resident set", "resident", "active", "allocated", "live", "dirty", "retained"];
        assert_eq!(names(&record()), [&all[..], &["minor faults", "given back", "mutex waits"]].concat());
        let mut mimalloc = record();
        for sample in &mut mimalloc.samples {
            *sample = AllocatorSample { at_s: sample.at_s, resident_set: 5, resident: Some(7), ..Default::default() };
        }
        assert_eq!(names(&mimalloc), ["resident set", "resident"]);
        assert!(rows(&AllocatorRecord::default()).is_empty());
    }

    #[test]
    fn rates_at_a_hundred_hertz_are_not_storms() {
        let mut fast = record();
        fast.head.hz = 100;
        for (index, sample) in fast.samples.iter_mut().enumerate() {
            sample.at_s = index as f64 * 0.01;
            sample.minor_faults = if index < 20 { 0 } else { 100 };
        }
        let faults = rates(&fast, |sample| Some(sample.minor_faults));
        assert!(faults.len() <= 4 && faults.iter().any(|(_, rate)| (*rate - 1000.0).abs() < 150.0), "{faults:?}");
    }

    #[test]
    fn the_source_states_coverage_and_cost() {
        assert_eq!(source(&record().head, 40), "jemalloc at 10 Hz: 40 of 42 samples, recording took 0.21 % of a core");
    }
}
