//! `allocator.jsonl` of a variant's evidence: what the allocator held over time. The first line says how it was
//! recorded, every later one is a sample.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{FORMAT, RunError, files, paths};

/// What the allocator held over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocatorRecord {
    /// How it was recorded.
    pub head: AllocatorHead,
    /// In the order of time.
    pub samples: Vec<AllocatorSample>,
}

/// The first line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocatorHead {
    /// [`FORMAT`].
    pub format: u32,
    /// `jemalloc`, `mimalloc` or `system`.
    pub allocator: String,
    /// Samples a second that were due.
    pub hz: u32,
    /// Recorded at the rate for incidents.
    pub incident: bool,
    /// Samples that were due until the end.
    pub due: u64,
    /// Seconds from the first sample to the end.
    pub wall_s: f64,
    /// CPU time of the recorder as a part of one core.
    pub cost: f64,
    /// When the open-loop phase began, seconds after the first sample; absent without one.
    pub open_at_s: Option<f64>,
    /// `allocator.memory_limit`, bytes; absent where it is off.
    pub limit: Option<u64>,
    /// When the limit's pressure changed, in order; at the begin there is none unless a change at 0 says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pressure: Vec<PressureChange>,
}

/// A memory limit's pressure changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PressureChange {
    /// Seconds since the first sample.
    pub at_s: f64,
    /// The level from then on.
    pub level: PressureLevel,
}

/// How hard memory presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PressureLevel {
    /// Well below the limit.
    None,
    /// Close to it: freed pages are given back.
    Purging,
    /// Above it, with nothing left to give back, or no CPU left to do so: only the program can let go.
    Over,
}

impl AllocatorRecord {
    /// Spans of pressure: from, to, level; those without are left out.
    pub fn pressure_spans(&self) -> Vec<(f64, f64, PressureLevel)> {
        let ends = self.head.pressure.iter().skip(1).map(|change| change.at_s).chain([self.head.wall_s]);
        let spans = self.head.pressure.iter().zip(ends).map(|(change, end_s)| (change.at_s, end_s, change.level));
        spans.filter(|(from, to, level)| *level != PressureLevel::None && to > from).collect()
    }
}

/// A later line. Bytes unless the name says otherwise; counts and times are totals since the process began; what the
/// allocator does not say is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AllocatorSample {
    /// Seconds since the first sample.
    pub at_s: f64,
    /// Resident set of the whole process.
    pub resident_set: u64,
    /// Blocks that the program holds, by its own count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<u64>,
    /// The same, rounded up to the allocator's sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated: Option<u64>,
    /// Pages that hold at least one block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<u64>,
    /// Pages that the allocator keeps resident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident: Option<u64>,
    /// Address space kept without memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained: Option<u64>,
    /// The allocator's own records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<u64>,
    /// Memory from the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapped: Option<u64>,
    /// Freed pages that still hold memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dirty: Option<u64>,
    /// Freed pages that the kernel may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muzzy: Option<u64>,
    /// Free blocks, whether their pages were given back or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// Purge passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purges: Option<u64>,
    /// Calls that gave pages back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub madvises: Option<u64>,
    /// Bytes given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purged: Option<u64>,
    /// Waits for a mutex of an arena or bin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutex_waits: Option<u64>,
    /// Seconds of such waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutex_wait_s: Option<f64>,
    /// In the caches of threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcache: Option<u64>,
    /// Runs of background threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_runs: Option<u64>,
    /// Lazily freed pages that are still resident; looked up at most once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lazy_free: Option<u64>,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// CPU seconds in the program.
    pub user_s: f64,
    /// CPU seconds in the kernel.
    pub system_s: f64,
}

/// The file's bytes.
pub(crate) fn lines(record: &AllocatorRecord) -> Result<Vec<u8>, RunError> {
    let failed = |error: serde_json::Error| RunError::io("write", Path::new(paths::ALLOCATOR))(error.into());
    let head = AllocatorHead { format: FORMAT, ..record.head.clone() };
    let mut bytes = serde_json::to_vec(&head).map_err(failed)?;
    bytes.push(b'\n');
    for sample in &record.samples {
        serde_json::to_writer(&mut bytes, sample).map_err(failed)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The record in a variant's evidence folder; `None` where there is no such file.
pub(crate) fn read(folder: &Path) -> Result<Option<AllocatorRecord>, RunError> {
    let path = folder.join(paths::ALLOCATOR);
    let Some(bytes) = files::read(&path)? else { return Ok(None) };
    let damaged = |line: usize, problem: String| RunError::Damaged {
        file: path.clone(),
        line: Some(line),
        problem,
        fix: files::RESTORE.to_owned(),
    };
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    let (_, first) = lines.next().ok_or_else(|| damaged(1, "the file is empty".to_owned()))?;
    let head = serde_json::from_slice(first).map_err(|error| damaged(1, error.to_string()))?;
    let samples = lines
        .map(|(index, line)| serde_json::from_slice(line).map_err(|error| damaged(index + 1, error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Some(AllocatorRecord { head, samples }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    #[test]
    fn what_is_written_is_read_a_line_a_sample() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        let head = AllocatorHead {
            format: FORMAT,
            allocator: "jemalloc".into(),
            hz: 100,
            incident: true,
            due: 3,
            wall_s: 0.02,
            cost: 0.004,
            open_at_s: Some(0.01),
            limit: None,
            pressure: vec![PressureChange { at_s: 0.005, level: PressureLevel::Over }],
        };
        let sample =
            |at_s| AllocatorSample { at_s, resident_set: 1 << 40, live: Some(7), ..AllocatorSample::default() };
        let record = AllocatorRecord { head, samples: vec![sample(0.0), sample(0.01)] };
        assert_eq!(writer.allocator("b", &record).unwrap(), "evidence/b/allocator.jsonl");
        let file = writer.path().join("evidence/b/allocator.jsonl");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(!text.contains("null,") || text.lines().next().unwrap().contains("null"), "absent is absent: {text}");
        let read = load(writer.path()).unwrap();
        assert_eq!((read.allocator.get("b"), read.allocator.get("a")), (Some(&record), None));

        for (damage, line) in [("", 1), ("nonsense\n", 1), (&*format!("{text}{{\"at_s\":\"x\"}}\n"), 4)] {
            std::fs::write(&file, damage).unwrap();
            let read = load(writer.path()).unwrap();
            let because = &read.unread[0].because;
            assert!(because.contains(&format!("allocator.jsonl:{line}: ")), "{damage}: {because}");
            assert!(read.warnings.iter().any(|told| told.ends_with(because)), "everybody is told: {:?}", read.warnings);
        }
    }
}
