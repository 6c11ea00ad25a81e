//! What a list or a history needs of a run, kept in an index so that thousands are read at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{RunError, RunSummary, Status, Verdict, files, paths, version};

/// The head of a finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// Id.
    pub run: String,
    /// Scenario.
    pub scenario: String,
    /// Its version.
    pub scenario_version: u32,
    /// How it ended.
    pub status: Status,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: String,
    /// Fingerprint of the host.
    pub host: String,
    /// Its CPU, for people.
    pub cpu: String,
    /// Build profile.
    pub profile: String,
    /// Commit of the program that measured, which for a scenario's own workload is the one that was measured.
    pub commit: String,
    /// Verdict sentence.
    pub verdict: String,
    /// Whether it was an attachment: nothing was measured.
    pub attached: bool,
    /// Results.
    pub variants: Vec<VariantHead>,
    /// Where it was a gate: candidate ÷ base.
    pub gate: Option<GateHead>,
}

/// Results of a variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantHead {
    /// Name.
    pub name: String,
    /// Hash of its program.
    pub binary: String,
    /// Measured trials.
    pub trials: u32,
    /// Value and standard error of its logarithm, by metric.
    pub metrics: BTreeMap<String, (f64, Option<f64>)>,
}

/// Results of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateHead {
    /// Variant of the scenario that was gated.
    pub of: String,
    /// Hash of the base's program.
    pub base: String,
    /// Hash of the candidate's.
    pub candidate: String,
    /// Commit of the candidate; empty where unknown.
    pub commit: String,
    /// Logarithm of candidate ÷ base and its standard error, by metric.
    pub log_ratios: BTreeMap<String, (f64, f64)>,
}

/// A line of the index.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Name of the run's folder: a copy of a run has another than its `run.json` says.
    id: String,
    /// When `run.json` was written and its length: what changes when it does.
    stamp: (u64, u64),
    head: RunHead,
}

const INDEX: &str = "index.jsonl";
/// Standard deviations from the middle to the end of a 95 % interval.
const Z: f64 = 1.96;

impl RunHead {
    /// The head of a summary.
    pub fn of(summary: &RunSummary) -> Self {
        let binary = |variant: &super::VariantSummary| match variant.knobs.get("program.binary") {
            Some(program) => program.rsplit(' ').next().unwrap_or(program).to_owned(),
            None => summary.build.binary.clone(),
        };
        Self {
            run: summary.run.clone(),
            scenario: summary.scenario.clone(),
            scenario_version: summary.scenario_version,
            status: summary.status,
            started_at: summary.started_at.clone(),
            finished_at: summary.finished_at.clone(),
            host: summary.host.fingerprint.clone(),
            cpu: summary.host.cpu.clone(),
            profile: summary.build.profile.clone(),
            commit: summary.build.commit.clone(),
            verdict: summary.verdict.clone(),
            attached: summary.attached.is_some(),
            variants: summary
                .variants
                .iter()
                .map(|variant| VariantHead {
                    name: variant.name.clone(),
                    binary: binary(variant),
                    trials: variant.trials,
                    metrics: variant
                        .metrics
                        .iter()
                        .filter(|(name, _)| crate::metric::lookup(name).is_some_and(|metric| metric.compared))
                        .map(|(name, value)| (name.clone(), (value.value, variant.log_errors.get(name).copied())))
                        .collect(),
                })
                .collect(),
            gate: summary.gate.as_ref().map(|gate| GateHead {
                of: gate.candidate.original.clone(),
                base: gate.base.binary.clone(),
                candidate: gate.candidate.binary.clone(),
                commit: gate.candidate.commit.clone(),
                log_ratios: summary.comparisons.iter().filter_map(log_ratio).collect(),
            }),
        }
    }
}

fn log_ratio(comparison: &super::Comparison) -> Option<(String, (f64, f64))> {
    let (ratio, low, high) = (comparison.ratio?, comparison.low?, comparison.high?);
    let good = comparison.verdict != Verdict::NotComparable && ratio > 0.0 && low > 0.0 && high.is_finite();
    good.then(|| (comparison.metric.clone(), (ratio.ln(), (high.ln() - low.ln()) / (2.0 * Z))))
}

/// Heads of the finished runs among `runs` (id and folder), in their order, by the index in `root` where it knows them; it
/// learns the others. A run that cannot be read has its error.
pub(super) fn heads(root: &Path, runs: &[(String, std::path::PathBuf)]) -> Vec<Option<Result<RunHead, RunError>>> {
    let mut known = read(&root.join(INDEX));
    let mut learnt = false;
    let found: Vec<_> = runs
        .iter()
        .map(|(id, path)| {
            let file = path.join(paths::RUN);
            let stamp = stamp(&file)?;
            if let Some(line) = known.get(id).filter(|line| line.stamp == stamp) {
                return Some(Ok(line.head.clone()));
            }
            let mut head = match load(&file) {
                Ok(head) => head?,
                Err(error) => return Some(Err(error)),
            };
            learnt = true;
            head.run.clone_from(id);
            known.insert(id.clone(), Line { id: id.clone(), stamp, head: head.clone() });
            Some(Ok(head))
        })
        .collect();
    let gone = known.len() > runs.len();
    if learnt || gone {
        let there: std::collections::BTreeSet<&str> = runs.iter().map(|(id, _)| id.as_str()).collect();
        known.retain(|id, _| there.contains(id.as_str()));
        // It can be made again at any time: a folder that cannot be written only makes the next look slower.
        if let Ok(bytes) = files::lines(known.values()) {
            let _ = files::write(&root.join(INDEX), &bytes);
        }
    }
    found
}

fn load(file: &Path) -> Result<Option<RunHead>, RunError> {
    let Some(bytes) = files::read(file)? else { return Ok(None) };
    let summary: RunSummary = version::document(&bytes, file, "delete it: it can be computed again")?;
    Ok(Some(RunHead::of(&summary)))
}

fn stamp(file: &Path) -> Option<(u64, u64)> {
    let about = fs::metadata(file).ok()?;
    let written = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    #[allow(clippy::cast_possible_truncation, reason = "nanoseconds since 1970 fit until 2554")]
    let written = written.as_nanos() as u64;
    Some((written, about.len()))
}

/// Lines that cannot be read are forgotten: their runs are read again.
fn read(file: &Path) -> BTreeMap<String, Line> {
    let Ok(Some(bytes)) = files::read(file) else { return BTreeMap::new() };
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    lines.map(|line| (line.id.clone(), line)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::compare::fixture;
    use crate::run::store::Store;

    fn write(store: &Store, number: usize, scenario: &str) -> std::path::PathBuf {
        let id = format!("20260101-{number:06}-{scenario}-abcd");
        let folder = store.root().join("runs").join(&id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("plan.json"), "{}").unwrap();
        let mut summary = fixture::run(&id, Vec::new());
        summary.scenario = scenario.to_owned();
        fs::write(folder.join("run.json"), serde_json::to_vec(&summary).unwrap()).unwrap();
        folder
    }

    #[test]
    fn many_runs_are_read_once_and_then_known() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join(".workbench"));
        for number in 0..600 {
            write(&store, number, if number % 3 == 0 { "shop" } else { "lab" });
        }
        let list = store.list().unwrap();
        assert_eq!((list.len(), list.iter().filter(|run| run.scenario == "shop").count()), (600, 200));
        assert!(list.windows(2).all(|two| two[0].id > two[1].id) && store.root().join(INDEX).is_file());
        // What the index knows is not read again: the content may change as long as size and time do not.
        let file = store.root().join("runs/20260101-000001-lab-abcd/run.json");
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"lab\"", "\"LAB\"")).unwrap();
        File::open(&file).unwrap().set_modified(written).unwrap();
        let named = |name: &str| store.heads().unwrap().runs.iter().filter(|head| head.scenario == name).count();
        assert_eq!(named("LAB"), 0);
        File::open(&file).unwrap().set_modified(written + std::time::Duration::from_secs(1)).unwrap();
        assert_eq!(named("LAB"), 1);
        // Runs that are gone are forgotten, and an index that cannot be read is made again.
        fs::remove_dir_all(store.root().join("runs/20260101-000002-lab-abcd")).unwrap();
        assert_eq!(store.list().unwrap().len(), 599);
        fs::write(store.root().join(INDEX), "no index\n{}\n").unwrap();
        assert_eq!(store.heads().unwrap().runs.len(), 599);
    }

    #[test]
    fn a_run_that_cannot_be_read_is_named_and_the_others_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join(".workbench"));
        write(&store, 1, "lab");
        let broken = write(&store, 2, "lab");
        fs::write(broken.join("run.json"), "{\"format\": 1").unwrap();
        let heads = store.heads().unwrap();
        assert_eq!(heads.runs.len(), 1);
        assert!(heads.unreadable[0].to_string().contains("000002-lab-abcd/run.json:1: the file is cut off here"));
    }
}
