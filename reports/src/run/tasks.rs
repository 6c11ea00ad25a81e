//! `tasks.jsonl` of a variant's evidence: what tasks did, one line a spawn site.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunError, files, paths};

/// What was spawned at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// Tasks.
    Task,
    /// Jobs of the blocking pool: only how many ended is known of them.
    Blocking,
}

/// Which waits of tasks for a worker were measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waits {
    /// Those from spawn to first poll, of a sample of the tasks.
    FirstPoll,
    /// All, from each wake to the poll that follows. What runs recorded before there was a choice.
    #[default]
    EveryPoll,
    /// None.
    Untracked,
}

/// One spawn site. Counts and times are of the recording, which begins after the warm-up and ends with the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// Source file as the compiler was given it; empty for sites beyond those that the recorder tells apart.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// Tasks or blocking jobs.
    pub kind: SiteKind,
    /// Tasks spawned; 0 for blocking jobs, which nobody announces.
    pub spawned: u64,
    /// Tasks, or blocking jobs, that came to their end.
    pub finished: u64,
    /// Tasks alive at the end of the recording, those from before it included.
    pub alive: u64,
    /// Polls that ended.
    pub polls: u64,
    /// Time within polls, seconds of wall time.
    pub busy_s: f64,
    /// The longest poll, seconds.
    pub longest_poll_s: f64,
    /// Polls longer than 1 ms.
    pub long_polls: u64,
    /// Polls longer than 10 ms.
    pub stalls: u64,
    /// Polls that had not ended when recording did.
    pub in_poll: u64,
    /// Bytes allocated within polls; what was freed is not subtracted.
    pub bytes: u64,
    /// Blocks allocated within polls.
    pub allocations: u64,
    /// Which waits for a worker were measured.
    #[serde(default)]
    pub latency: Waits,
    /// How many of them; 0 where it is not known, in older runs.
    #[serde(default)]
    pub waits: u64,
    /// Time that tasks were ready but waited for a worker, summed over the waits that were measured, seconds.
    pub schedule_latency_s: f64,
    /// The longest of these waits, seconds.
    pub worst_schedule_latency_s: f64,
}

impl SiteRecord {
    /// `file:line:column`.
    pub fn place(&self) -> String {
        if self.file.is_empty() {
            return "all other sites".to_owned();
        }
        format!("{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The records in a variant's evidence folder; `None` where there is no such file.
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<SiteRecord>>, RunError> {
    files::read_lines(&folder.join(paths::TASKS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    fn site(line: u32, kind: SiteKind) -> SiteRecord {
        SiteRecord {
            file: "src/a \u{202e}\"b\".rs".into(),
            line,
            column: 9,
            kind,
            spawned: 3,
            finished: 2,
            alive: 1,
            polls: u64::MAX,
            busy_s: 0.1,
            longest_poll_s: 1e-9,
            long_polls: 0,
            stalls: 0,
            in_poll: 0,
            bytes: 1 << 40,
            allocations: 5,
            latency: Waits::FirstPoll,
            waits: 2,
            schedule_latency_s: 0.3,
            worst_schedule_latency_s: 0.2,
        }
    }

    #[test]
    fn what_is_written_is_read_a_line_a_site() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        let sites = vec![site(1, SiteKind::Task), site(2, SiteKind::Blocking)];
        assert_eq!(writer.tasks("b", &sites).unwrap(), "evidence/b/tasks.jsonl");
        let file = writer.path().join("evidence/b/tasks.jsonl");
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
        let read = load(writer.path()).unwrap();
        assert_eq!(read.tasks.get("b"), Some(&sites));
        assert_eq!(read.tasks.get("a"), None);

        let older = std::fs::read_to_string(&file).unwrap().replace(r#""latency":"first_poll","waits":2,"#, "");
        std::fs::write(&file, older).unwrap();
        // Versions that old wrote no sums.
        std::fs::remove_file(writer.path().join(paths::SUMS)).unwrap();
        let older = load(writer.path()).unwrap().tasks.remove("b").unwrap();
        assert_eq!((older[0].latency, older[0].waits), (Waits::EveryPoll, 0), "every wait was measured then");

        std::fs::write(&file, "{\"file\":\"a.rs\"}\nnonsense").unwrap();
        let because = &load(writer.path()).unwrap().unread[0].because;
        assert!(because.contains("tasks.jsonl:1: "), "{because}");
    }
}
