//! `samples.json.gz` of a variant's evidence: CPU samples one by one, each with its time, thread and stack, and beside
//! them the operations of the same trial. One gzipped JSON document; pages embed it as it is.
//!
//! Its size is bounded: of a long recording every n-th sample is kept ([`Samples::every`]), of many operations the slowest.
//! Long columns are written as differences from one entry to the next.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::{FORMAT, RunError, files, paths, version};

/// Samples kept at most.
pub const MOST_SAMPLES: usize = 1 << 18;

/// What is read of a document at most, bytes: more than [`MOST_SAMPLES`] of distinct deep stacks take.
const LARGEST: u64 = 1 << 30;

/// Everything in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// [`FORMAT`].
    pub format: u32,
    /// Trial that was recorded: its position in the plan.
    pub trial: u32,
    /// Who sampled.
    pub source: String,
    /// CPU time that a sample stands for, seconds.
    pub period_s: f64,
    /// Length of the recording, seconds. Times count from its beginning.
    pub wall_s: f64,
    /// When the open-loop phase began; absent without one.
    pub open_at_s: Option<f64>,
    /// Every so-manieth sample was kept: each stands for as many.
    pub every: u32,
    /// Samples that were taken and whose times nobody kept.
    pub forgotten: u64,
    /// Nobody kept any times: all samples stand at the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub timeless: bool,
    /// Names of frames, each once; the first is empty.
    pub names: Vec<String>,
    /// The stacks as trees: readable ones, then as they are.
    pub trees: Vec<FrameTree>,
    /// Sets of labels, e.g. `thread` and `tid`.
    pub tags: Vec<BTreeMap<String, String>>,
    /// Kinds of samples: a stack and its labels.
    pub kinds: Kinds,
    /// The samples in the order of time.
    pub taken: TakenColumns,
    /// Measured operations of the trial; absent where it had no open-loop phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<OperationColumns>,
}

/// Frames of stacks, callers before what they call. Frame 0 is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameTree {
    /// By frame: how far back its caller stands; 0 for frame 0.
    pub back: Vec<u32>,
    /// By frame: position in [`Samples::names`].
    pub name: Vec<u32>,
}

/// Columns of the kinds of samples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// By tree: the frame that the stack ends in.
    pub leaf: Vec<Vec<u32>>,
    /// Position in [`Samples::tags`].
    pub tag: Vec<u32>,
}

/// Columns of the samples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenColumns {
    /// Microseconds since the sample before; the first since the recording began.
    pub after_us: Vec<u64>,
    /// Position in [`Kinds`].
    pub kind: Vec<u32>,
}

/// Columns of operations, in the order of their intended times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationColumns {
    /// Microseconds from the intended time of the one before to that of this; the first from the beginning of the recording.
    pub after_us: Vec<u64>,
    /// Microseconds from the intended time to the answer.
    pub took_us: Vec<u64>,
    /// Measured operations in all; where these are more than the entries, the slowest have one.
    pub total: u64,
    /// Operations left out because the driver itself was late with them.
    pub late_driver: u64,
}

impl Samples {
    /// Times of the samples, seconds since the recording began, in order.
    pub fn times(&self) -> impl Iterator<Item = f64> {
        summed(&self.taken.after_us).map(seconds)
    }

    /// Intended times and latencies of operations, seconds.
    pub fn operations(&self) -> impl Iterator<Item = (f64, f64)> {
        let columns = self.operations.iter();
        columns.flat_map(|all| summed(&all.after_us).zip(&all.took_us).map(|(at, took)| (seconds(at), seconds(*took))))
    }

    /// The file's bytes: what a page embeds.
    ///
    /// # Errors
    /// Only should packing fail.
    pub fn packed(&self) -> Result<Vec<u8>, std::io::Error> {
        write(self)
    }

    /// Whether every position points at something: what a reader checks before a page does.
    fn fault(&self) -> Option<&'static str> {
        let below = |all: &[u32], length: usize| all.iter().all(|at| (*at as usize) < length);
        let tree_ok = |tree: &FrameTree| {
            tree.back.len() == tree.name.len()
                && below(&tree.name, self.names.len())
                && tree.back.iter().enumerate().all(|(at, back)| (*back as usize) <= at && (at == 0 || *back > 0))
        };
        let columns = self.operations.as_ref();
        match () {
            () if !self.trees.iter().all(tree_ok) => Some("a tree of frames does not hold together"),
            () if self.kinds.leaf.len() != self.trees.len() => Some("there are not as many columns of leaves as trees"),
            () if self
                .kinds
                .leaf
                .iter()
                .zip(&self.trees)
                .any(|(leaf, tree)| leaf.len() != self.kinds.tag.len() || !below(leaf, tree.back.len())) =>
            {
                Some("a stack ends in a frame that is not there")
            }
            () if !below(&self.kinds.tag, self.tags.len()) => Some("a stack has labels that are not there"),
            () if self.taken.after_us.len() != self.taken.kind.len()
                || !below(&self.taken.kind, self.kinds.tag.len()) =>
            {
                Some("a sample has a stack that is not there")
            }
            () if columns.is_some_and(|all| all.after_us.len() != all.took_us.len()) => {
                Some("the columns of operations are not equally long")
            }
            () => None,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds of one recording")]
fn seconds(us: u64) -> f64 {
    us as f64 * 1e-6
}

fn summed(after: &[u64]) -> impl Iterator<Item = u64> {
    after.iter().scan(0_u64, |sum, after| {
        *sum = sum.saturating_add(*after);
        Some(*sum)
    })
}

/// The file's bytes: a document of this format, whatever the value given says.
pub(crate) fn write(samples: &Samples) -> Result<Vec<u8>, std::io::Error> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Millions of frames are not copied for a number.
    let stated = (samples.format != FORMAT).then(|| Samples { format: FORMAT, ..samples.clone() });
    serde_json::to_writer(&mut packed, stated.as_ref().unwrap_or(samples))?;
    packed.flush()?;
    packed.finish()
}

/// What the file in a variant's evidence folder says; `None` where there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<Samples>, RunError> {
    let path = folder.join(paths::SAMPLES);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let fix = "delete it: only the heat map and the viewer need it";
    let damaged = |problem: String| RunError::Damaged { file: path.clone(), line: None, problem, fix: fix.to_owned() };
    let mut plain = Vec::new();
    let read = GzDecoder::new(&bytes[..]).take(LARGEST).read_to_end(&mut plain);
    read.map_err(|error| damaged(format!("not what gzip made: {error}")))?;
    let samples: Samples = version::document(&plain, &path, fix)?;
    match samples.fault() {
        Some(fault) => Err(damaged(fault.to_owned())),
        None => Ok(Some(samples)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    /// Two seconds of a worker that stalls from 1.00 s to 1.08 s, with hostile names.
    pub(crate) fn samples() -> Samples {
        let names = ["", "tokio-rt-worker", "shop::serve", "shop::<b>stall", "tokio::runtime::poll"];
        let stalls = |at: u64| (500..540).contains(&at);
        Samples {
            format: FORMAT,
            trial: 7,
            source: "perf events at 999 Hz from outside".into(),
            period_s: 0.001_001,
            wall_s: 2.0,
            open_at_s: Some(0.5),
            every: 1,
            forgotten: 0,
            timeless: false,
            names: names.map(str::to_owned).into(),
            trees: vec![
                FrameTree { back: vec![0, 1, 1, 1], name: vec![0, 1, 2, 3] },
                FrameTree { back: vec![0, 1, 1, 1, 1], name: vec![0, 1, 4, 2, 3] },
            ],
            tags: vec![
                [("thread".to_owned(), "tokio-rt-worker".to_owned()), ("tid".to_owned(), "11".to_owned())].into(),
                [("thread".to_owned(), "wo<b>rker".to_owned()), ("tid".to_owned(), "12".to_owned())].into(),
            ],
            kinds: Kinds { leaf: vec![vec![2, 3, 2], vec![3, 4, 3]], tag: vec![0, 0, 1] },
            taken: TakenColumns {
                after_us: vec![2_000; 1_000],
                kind: (0..1_000).map(|at| if stalls(at) { 1 } else { u32::from(at % 10 == 0) * 2 }).collect(),
            },
            operations: Some(OperationColumns {
                after_us: std::iter::once(500_000).chain(vec![10_000; 99]).collect(),
                took_us: (0..100).map(|at| if (50..58).contains(&at) { 10_000 * (58 - at) } else { 900 }).collect(),
                total: 100,
                late_driver: 0,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        assert_eq!(writer.samples("a", &samples()).unwrap(), "evidence/a/samples.json.gz");
        let read = load(writer.path()).unwrap();
        assert_eq!(read.samples["a"], samples());
        assert!(!read.samples.contains_key("b"));
        assert_eq!(read.samples["a"].times().last(), Some(2.0));
        assert_eq!(read.samples["a"].operations().nth(50), Some((1.0, 0.08)));

        let file = writer.path().join("evidence/a/samples.json.gz");
        let mut broken = samples();
        broken.taken.kind[3] = 99;
        std::fs::write(&file, write(&broken).unwrap()).unwrap();
        let unread = || load(writer.path()).unwrap().unread.remove(0).because;
        let error = unread();
        assert!(error.contains("samples.json.gz") && error.contains("a stack that is not there"), "{error}");
        std::fs::write(&file, "not packed").unwrap();
        assert!(unread().contains("not what gzip made"));
    }
}
