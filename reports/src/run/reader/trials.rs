//! Loads the trials that finished.

use std::collections::BTreeMap;
use std::path::Path;

use super::{RESTORE, VariantHistograms};
use crate::budget;
use crate::run::hlog::{self, Interval};
use crate::run::{
    DriverRecord, Event, ExitRecord, FORMAT, Plan, PlannedTrial, RunError, SloCount, TimelinePoint, TrialKind,
    TrialOutcome, TrialRecord, files, paths, version,
};

#[derive(Default)]
pub(super) struct Trials {
    pub(super) trials: Vec<TrialRecord>,
    pub(super) histograms: BTreeMap<String, VariantHistograms>,
    pub(super) timelines: BTreeMap<u32, Vec<TimelinePoint>>,
    pub(super) slo_counts: Vec<SloCount>,
}

pub(super) fn load(
    run: &Path,
    plan: &Plan,
    slugs: &BTreeMap<String, String>,
    events: &[Event],
) -> Result<Trials, RunError> {
    let mut loaded = Trials::default();
    for (index, outcome) in finished(events) {
        let planned = plan.trials.iter().find(|trial| trial.index == index);
        let slug = planned.and_then(|trial| slugs.get(&trial.variant));
        let (Some(planned), Some(slug)) = (planned, slug) else {
            return Err(damaged(&run.join(paths::EVENTS), None, &format!("trial {index} finished but is not planned")));
        };
        let dir = paths::trial_dir(run, index, slug);
        let Some(record) = record(&dir, planned, outcome)? else {
            loaded.trials.push(without_record(planned, outcome));
            continue;
        };
        if let Some(timeline) = timeline(&dir)? {
            loaded.timelines.insert(index, timeline);
        }
        if let Some(intervals) = intervals(&dir)? {
            loaded.slo_counts.extend(plan.slo.and_then(|slo| budget::count(&slo, &record, &intervals)));
            if counts(&record) {
                let merged = loaded.histograms.entry(record.variant.clone()).or_default();
                merge(merged, &record, &intervals);
            }
        }
        loaded.trials.push(record);
    }
    Ok(loaded)
}

/// The last outcome of every trial: a resumed run may have tried one again.
fn finished(events: &[Event]) -> BTreeMap<u32, &TrialOutcome> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::TrialFinished { index, outcome, .. } => Some((*index, outcome)),
            _ => None,
        })
        .collect()
}

fn record(dir: &Path, planned: &PlannedTrial, outcome: &TrialOutcome) -> Result<Option<TrialRecord>, RunError> {
    let file = dir.join(paths::TRIAL);
    let Some(bytes) = files::read(&file)? else {
        // A subject that failed, or a profiler that did, may have left nothing; the event says all there is.
        return if *outcome == TrialOutcome::Ok { Err(files::missing(&file, RESTORE)) } else { Ok(None) };
    };
    let record: TrialRecord = version::document(&bytes, &file, RESTORE)?;
    if (record.index, &record.variant, record.kind) != (planned.index, &planned.variant, planned.kind) {
        let problem = format!(
            "holds trial {} of `{}`, planned is trial {} of `{}`",
            record.index, record.variant, planned.index, planned.variant
        );
        return Err(damaged(&file, None, &problem));
    }
    // The event was written last: it knows of evidence that went missing after the record was made.
    Ok(Some(TrialRecord { outcome: outcome.clone(), block: planned.block, ..record }))
}

fn without_record(planned: &PlannedTrial, outcome: &TrialOutcome) -> TrialRecord {
    TrialRecord {
        format: FORMAT,
        index: planned.index,
        block: planned.block,
        variant: planned.variant.clone(),
        kind: planned.kind,
        outcome: outcome.clone(),
        started_at: String::new(),
        duration_s: 0.0,
        effective: BTreeMap::new(),
        metrics: BTreeMap::new(),
        counts: BTreeMap::new(),
        operations: Vec::new(),
        driver: DriverRecord::default(),
        noise: BTreeMap::new(),
        drain: None,
        exit: ExitRecord::default(),
        remarks: Vec::new(),
        heeded: Default::default(),
        levels: Vec::new(),
    }
}

fn timeline(dir: &Path) -> Result<Option<Vec<TimelinePoint>>, RunError> {
    let file = dir.join(paths::TIMELINE);
    let Some(bytes) = files::read(&file)? else {
        return Ok(None);
    };
    let mut points = Vec::new();
    for (position, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let whole =
            line.strip_suffix(b"\n").ok_or_else(|| damaged(&file, Some(position + 1), "the line is cut off"))?;
        let point = serde_json::from_slice(whole)
            .map_err(|error| damaged(&file, Some(position + 1), &format!("not a point of a timeline: {error}")))?;
        points.push(point);
    }
    Ok(Some(points))
}

fn intervals(dir: &Path) -> Result<Option<Vec<Interval>>, RunError> {
    let file = dir.join(paths::LATENCY);
    let Some(bytes) = files::read(&file)? else {
        return Ok(None);
    };
    match hlog::parse(&bytes) {
        Ok(intervals) => Ok(Some(intervals)),
        Err(hlog::HlogError::Line { line, problem }) => Err(damaged(&file, Some(line), &problem)),
        Err(error @ hlog::HlogError::Write { .. }) => Err(error.into()),
    }
}

/// Latencies of evidence, of failures and of a driver that fell behind are not the variant's.
fn counts(record: &TrialRecord) -> bool {
    record.kind == TrialKind::Measure && record.outcome == TrialOutcome::Ok && record.driver.limited.is_none()
}

fn merge(merged: &mut VariantHistograms, record: &TrialRecord, intervals: &[Interval]) {
    let measured: Vec<&str> = record.operations.iter().filter(|op| op.measured).map(|op| op.name.as_str()).collect();
    let mut both = BTreeMap::new();
    for (key, sum) in [("latency", &mut merged.measured), ("service", &mut merged.measured_service)] {
        if let Some(sum) = sum.take() {
            both.insert(key.to_owned(), sum);
        }
    }
    for interval in intervals {
        hlog::add(&mut merged.by_tag, &interval.tag, &interval.histogram);
        if measured.contains(&interval.tag.as_str()) {
            hlog::add(&mut both, "latency", &interval.histogram);
        } else if interval.tag.strip_suffix(".service").is_some_and(|operation| measured.contains(&operation)) {
            hlog::add(&mut both, "service", &interval.histogram);
        }
    }
    merged.measured = both.remove("latency");
    merged.measured_service = both.remove("service");
}

fn damaged(file: &Path, line: Option<usize>, problem: &str) -> RunError {
    RunError::Damaged { file: file.to_owned(), line, problem: problem.to_owned(), fix: RESTORE.to_owned() }
}
