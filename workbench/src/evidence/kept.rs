//! What `run.json` says of evidence that is a profile, read back from the file that was kept.

use std::path::Path;

use flamegraphs::profile::Metadata;
use reports::run::ProfileSummary;

/// What the comment that names the sampler begins with.
const SAMPLER: &str = "sampler: ";
/// What the comment that counts its samples begins with.
const SAMPLED: &str = "samples: ";

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
            let comment = |begin: &str| profile.meta.comments.iter().find_map(|c| c.strip_prefix(begin));
            summary.samples = comment(SAMPLED).and_then(|count| count.parse().ok()).unwrap_or(0);
            summary.source = comment(SAMPLER).unwrap_or_default().to_owned();
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
