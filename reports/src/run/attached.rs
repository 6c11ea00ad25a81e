//! `attached.json`: what was seen of a process that ran already. Such a run has no trials: nothing of it was measured.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunError, files, paths, version};

/// Where the evidence of a run comes from that started no subject of its own.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its process, where it was watched from outside.
    pub pid: Option<u32>,
    /// Its debug endpoints, where it was asked; without a password that was given with it.
    pub url: Option<String>,
    /// Name of its executable.
    pub program: String,
    /// Build id of its executable in hex; empty where unknown.
    pub build_id: String,
}

/// `attached.json`. Units are SI.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attached {
    /// [`FORMAT`](super::FORMAT).
    pub format: u32,
    /// Whom it is of.
    pub origin: Origin,
    /// Seconds that it was watched.
    pub wall_s: f64,
    /// It ended meanwhile.
    pub ended: bool,
    /// What the reader should know, one sentence each.
    pub notes: Vec<String>,
    /// Profiles, and those that are missing.
    pub profiles: Vec<AttachedProfile>,
    /// Threads, the busiest first.
    pub threads: Vec<ThreadTime>,
    /// Goroutines by state and place, the most first.
    pub goroutines: Option<Goroutines>,
    /// Single figures that it told of itself.
    pub figures: Vec<Figure>,
}

impl Attached {
    /// Nothing was seen: no profile, no thread, no goroutine, no figure.
    pub fn is_empty(&self) -> bool {
        self.profiles.iter().all(|profile| profile.missing.is_some())
            && self.threads.is_empty()
            && self.goroutines.is_none()
            && self.figures.is_empty()
    }
}

/// One profile.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttachedProfile {
    /// `cpu`, `wait`, `heap`, `allocs`, `block`, `mutex`, `goroutine`, …; the name of a profile of the program's own.
    pub kind: String,
    /// File within the evidence folder of the variant; empty where missing.
    pub file: String,
    /// Samples; blocks, waits or goroutines, by its kind.
    pub samples: u64,
    /// Sampled CPU ÷ CPU the kernel counted.
    pub coverage: Option<f64>,
    /// Who recorded, and over which span.
    pub source: String,
    /// Why there is none.
    #[serde(default)]
    pub missing: Option<String>,
    /// A picture for each sample type, the most telling first.
    pub pictures: Vec<Picture>,
    /// Labels of the samples, those with the largest share first.
    pub labels: Vec<LabelShare>,
}

/// One sample type of a profile: its flamegraph, and where most of it lies.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Flamegraph within the evidence folder; empty where there was nothing to draw.
    pub file: String,
    /// `inuse_space`, `delay`, ….
    pub sample_type: String,
    /// `bytes`, `nanoseconds`, `count`.
    pub unit: String,
    /// Sum over all samples.
    pub total: i64,
    /// Places, the hottest first.
    pub hot: Vec<Hot>,
    /// CPU profiles: the same held against the innermost function of the program itself, whatever library it called.
    #[serde(default)]
    pub own: Vec<Hot>,
    /// Text of the flamegraph; filled in by reading.
    #[serde(skip)]
    pub svg: String,
}

/// A place in the source and its share of a profile.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hot {
    /// Function, readable.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: i64,
    /// Its part of the sample type's sum, 0 to 1.
    pub share: f64,
    /// The value itself, in the unit of its sample type.
    pub value: i64,
    /// The nearest callers that are no plumbing, nearest first.
    pub callers: Vec<String>,
}

/// A label that the program gave to its samples, with its share.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelShare {
    /// Name.
    pub key: String,
    /// Value.
    pub value: String,
    /// Part of the first picture's sum, 0 to 1.
    pub share: f64,
}

/// One thread over the recording. Seconds.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadTime {
    /// `comm` of proc(5).
    pub name: String,
    /// Process id; children of the process are watched with it.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// CPU by samples.
    pub cpu_s: f64,
    /// Gave its CPU up: sleeping, waiting for a lock, for input.
    pub blocked_s: f64,
    /// Had nothing to do: a worker of a runtime, a thread of a pool.
    #[serde(default)]
    pub parked_s: f64,
    /// Had its CPU taken though it wanted to go on.
    pub preempted_s: f64,
    /// How often it gave its CPU up.
    pub waits: u64,
}

/// Goroutines at one moment (`goroutine?debug=2` of Go's net/http/pprof).
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goroutines {
    /// All that the dump holds.
    pub total: u64,
    /// The dump was cut off because it was too long; what follows is of its beginning.
    pub cut: bool,
    /// Those alike in state and place, the most first.
    pub groups: Vec<GoroutineGroup>,
    /// Groups that are left out here.
    pub more: u64,
}

/// Goroutines that do or wait for the same at the same place.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GoroutineGroup {
    /// `chan receive`, `IO wait`, `running`, ….
    pub state: String,
    /// How many.
    pub count: u64,
    /// The longest wait, whole minutes as Go tells it; 0 below one.
    pub minutes: u64,
    /// The innermost function of the program itself.
    pub function: String,
    /// Its file; empty where unknown.
    pub file: String,
    /// Its line; 0 where unknown.
    pub line: u64,
    /// Who started them: function and `file:line`; empty for the first goroutine.
    pub created_by: String,
}

/// One figure.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As the program names it.
    pub name: String,
    /// Value.
    pub value: f64,
    /// `bytes`, `seconds`, …; empty for plain numbers.
    pub unit: String,
    /// Go's name of the same, or what it means; may be empty.
    pub note: String,
}

/// The document of a run; `None` where there is none. Flamegraphs are read from the evidence folder beside it.
pub(crate) fn read(
    run: &Path,
    evidence: Option<&Path>,
    changed: &BTreeSet<String>,
) -> Result<Option<Attached>, RunError> {
    let path = run.join(paths::ATTACHED);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let mut attached: Attached =
        version::document(&bytes, &path, "restore it from a copy of the run, or attach again")?;
    for picture in attached.profiles.iter_mut().flat_map(|profile| &mut profile.pictures) {
        // The name comes from a file: it must not lead out of the folder.
        let inside = !picture.file.is_empty() && super::slug::slug(&picture.file) == picture.file;
        let within = evidence.and_then(|folder| folder.strip_prefix(run).ok()).map(|folder| folder.join(&picture.file));
        let is_ours = within.is_none_or(|file| !changed.contains(file.to_string_lossy().as_ref()));
        if let Some(folder) = evidence.filter(|_| inside && is_ours) {
            let svg = files::read(&folder.join(&picture.file))?.unwrap_or_default();
            picture.svg = String::from_utf8_lossy(&svg).into_owned();
        }
    }
    Ok(Some(attached))
}
