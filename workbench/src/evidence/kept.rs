//! What `run.json` says of evidence that is a profile, read back from the file that was kept.

use std::path::Path;

use flamegraphs::profile::Metadata;
use reports::run::ProfileSummary;

/// What the comment that names the sampler begins with.
const SAMPLER: &str = "sampler: ";
/// What the comment that counts its samples begins with.
const SAMPLED: &str = "samples: ";

/// What the comment that counts the operations of a trial begins with.
const OPERATIONS: &str = "operations: ";

/// Files of one kind of profile, within the evidence folder of a variant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files {
    /// `cpu`, `heap`.
    pub(super) kind: &'static str,
    /// The raw profile.
    pub(super) profile: &'static str,
    /// Its first picture.
    pub(super) flamegraph: &'static str,
}

/// Keeps in the profile itself who sampled and how often.
pub(super) fn remember(meta: &mut Metadata, sampler: &str, samples: u64) {
    meta.comments.push(format!("{SAMPLER}{sampler}"));
    meta.comments.push(format!("{SAMPLED}{samples}"));
}

/// Keeps in the profile itself how many operations a trial answered while it was sampled.
pub(super) fn remember_operations(meta: &mut Metadata, trial: u32, operations: u64) {
    meta.comments.push(format!("{OPERATIONS}trial={trial} answered={operations}"));
}

/// Takes back what is remembered of a trial that is done again.
pub(super) fn forget(meta: &mut Metadata, trial: u32) {
    let (operations, samples) = (format!("{OPERATIONS}trial={trial} "), format!(" in trial {trial}"));
    meta.comments.retain(|comment| !comment.starts_with(&operations) && !comment.ends_with(&samples));
}

/// Operations by trial, in the order of trials.
pub(super) fn operations(meta: &Metadata) -> Vec<(String, f64)> {
    let mut all: Vec<(u32, f64)> = meta
        .comments
        .iter()
        .filter_map(|comment| {
            let (trial, answered) = comment.strip_prefix(OPERATIONS)?.split_once(' ')?;
            Some((trial.strip_prefix("trial=")?.parse().ok()?, answered.strip_prefix("answered=")?.parse().ok()?))
        })
        .collect();
    all.sort_by_key(|(trial, _)| *trial);
    all.dedup_by_key(|(trial, _)| *trial);
    all.into_iter().map(|(trial, operations)| (trial.to_string(), operations)).collect()
}

/// Who sampled; of several trials, what the first says.
pub(super) fn sampler(meta: &Metadata) -> &str {
    meta.comments.iter().find_map(|comment| comment.strip_prefix(SAMPLER)).unwrap_or_default()
}

/// Samples of all trials.
fn samples(meta: &Metadata) -> u64 {
    let counts = meta
        .comments
        .iter()
        .filter_map(|comment| comment.strip_prefix(SAMPLED)?.split(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

/// Tells the comments of one trial apart from those of others, which merging keeps once each.
pub(super) fn remember_of(meta: &mut Metadata, trial: u32, sampler: &str, samples: u64) {
    meta.comments.push(format!("{SAMPLER}{sampler}"));
    meta.comments.push(format!("{SAMPLED}{samples} in trial {trial}"));
}

/// Reads the profile of a variant back; `folder` is that of its evidence within the run.
pub(super) fn summary(
    files: &Files,
    run: &Path,
    folder: &str,
    variant: &str,
    missing: Option<String>,
    overhead: Option<f64>,
) -> ProfileSummary {
    let mut summary = ProfileSummary {
        variant: variant.to_owned(),
        kind: files.kind.to_owned(),
        path: String::new(),
        svg: String::new(),
        samples: 0,
        coverage: None,
        source: String::new(),
        overhead,
        missing,
        peak: None,
        stalls: None,
        ..ProfileSummary::default()
    };
    let relative = format!("{folder}/{}", files.profile);
    let read = std::fs::read(run.join(&relative))
        .map_err(|e| e.to_string())
        .and_then(|bytes| flamegraphs::read::pprof(&bytes).map_err(|e| e.to_string()));
    match read {
        Ok(profile) if summary.missing.is_none() => {
            summary.samples = samples(&profile.meta);
            summary.source = sampler(&profile.meta).to_owned();
            summary.coverage = profile.coverage().and_then(|coverage| coverage.ratio());
            summary.path = relative;
            let svg = format!("{folder}/{}", files.flamegraph);
            summary.svg = if run.join(&svg).exists() { svg } else { String::new() };
        }
        Ok(_) => {}
        Err(problem) => {
            summary.missing.get_or_insert(format!("{relative} cannot be read: {problem}"));
        }
    }
    summary
}
