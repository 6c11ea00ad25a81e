//! `threads.jsonl` of a variant's evidence: who was on a CPU when, where threads waited, and the longest waits.
//!
//! The first line says how it was recorded; then follow the threads, the places and the longest waits. Its size does not
//! grow with the recording: threads over time are shares of a fixed number of slices.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Begun, FORMAT, RunError, StartedBy, Ticks, TraceFrame, TracePolls, files, paths};

/// Why a thread was off its CPU.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitCause {
    /// It gave the CPU up, and was not running again.
    #[default]
    Blocked,
    /// The CPU was taken from it.
    Preempted,
    /// Its runtime had no work for it.
    Parked,
}

/// What rows of [`ThreadsRecord::kept`] are called that goroutines told, and no threads.
pub const GOROUTINES: &str = "goroutines";
/// What the resource of such a row is called where they wait for one of a pool that a channel is.
pub const POOL: &str = "pool";

/// Everything in the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ThreadsRecord {
    /// How it was recorded.
    pub head: ThreadsHead,
    /// Threads, the busiest first.
    pub threads: Vec<ThreadLane>,
    /// Where threads were when they left their CPU, the longest time first, by cause.
    pub places: Vec<WaitPlace>,
    /// The longest single waits that were not idleness, the longest first.
    pub longest: Vec<LongWait>,
    /// Waits by place with those who kept them, the longest first; the type is the name of the threads.
    pub kept: Vec<TracePolls>,
    /// The same of waits that began in the open-loop phase.
    pub kept_open: Vec<TracePolls>,
    /// Threads that stood off their CPU from before the recording to its end, by place, with those that seem to hold the lock
    /// which they wait for; instead of polls it is threads that are counted. Who waits for work of its runtime is left out.
    pub standing: Vec<TracePolls>,
    /// Threads that came to a place meanwhile and were nowhere else until the end, for a second at least; they may have been woken
    /// there. Of these, too, it is threads that are counted.
    pub stayed: Vec<TracePolls>,
    /// Of a program of Go that told them: goroutines by who started them, where their number rose.
    pub started: Vec<StartedBy>,
    /// Of the same, where they were traced: goroutines that libraries started for the program.
    pub begun: Vec<Begun>,
    /// Of the same: goroutines that came with the load and stood in one place until the end, by place, instead of polls their
    /// number.
    pub hanging: Vec<TracePolls>,
    /// Where goroutines that were traced waited in the open loop, the longest time first; `within` is why, in Go's words.
    pub waited: Vec<WaitPlace>,
    /// Of these, those that end at ticks.
    pub ticks: Vec<Ticks>,
}

/// Part of the waits of the busiest of threads of one name from which another one is at work, too.
const AT_WORK: f64 = 0.2;

impl ThreadsRecord {
    /// How many threads are at work whose name, without what tells them from others of their pool, is that; by how often each gave its
    /// CPU up.
    pub fn at_work(&self, pool: &str) -> usize {
        let waits = || self.threads.iter().filter(|lane| lane.name.starts_with(pool)).map(|lane| lane.waits);
        let most = waits().max().unwrap_or(0);
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        waits().filter(|waits| *waits > 0 && *waits as f64 >= AT_WORK * most as f64).count()
    }

    /// Functions of the program in the stacks of waits.
    pub fn own_frames(&self) -> impl Iterator<Item = &TraceFrame> {
        let rows =
            self.kept.iter().chain(&self.kept_open).chain(&self.standing).chain(&self.stayed).chain(&self.hanging);
        let holders = rows.clone().flat_map(|row| &row.holders).map(|holder| &holder.site);
        let sites = rows.filter_map(|row| row.site.as_ref()).chain(holders);
        let places = self.places.iter().chain(&self.waited).flat_map(|place| &place.own);
        places
            .chain(self.ticks.iter().flat_map(|ticks| ticks.waits_at.iter().chain(&ticks.by)))
            .chain(sites.flat_map(|site| &site.own))
    }
}

/// The first line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadsHead {
    /// [`FORMAT`].
    pub format: u32,
    /// Length of the recording, seconds.
    pub wall_s: f64,
    /// Length of a slice of [`LaneShares`], seconds.
    pub slice_s: f64,
    /// When the open-loop phase began, seconds after the recording did; absent without one.
    pub open_at_s: Option<f64>,
    /// Who recorded.
    pub source: String,
    /// Why it is not known where threads waited; absent where it is.
    pub no_stacks: Option<String>,
    /// Why it is not known where all of them stood that stood still; absent where it is.
    pub standing_refused: Option<String>,
    /// Threads that were seen; those beyond what is kept have no line.
    pub threads: u64,
    /// Waits that were seen.
    pub waits: u64,
    /// Waits whose stack is known.
    pub explained: u64,
    /// Records that the kernel found no room for.
    pub lost: u64,
    /// Records that were too many to keep.
    pub not_kept: u64,
}

/// One thread. Seconds of the recording; what is missing to its length was before the thread was first seen, or after
/// its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadLane {
    /// `comm` of proc(5).
    pub name: String,
    /// Process.
    pub pid: u32,
    /// Number.
    pub tid: u32,
    /// On a CPU.
    pub running_s: f64,
    /// Off it, though it would have gone on.
    pub preempted_s: f64,
    /// Off it by its own doing, until it was on one again.
    pub blocked_s: f64,
    /// Off it because its runtime had no work.
    pub parked_s: f64,
    /// How often it gave its CPU up, parking included.
    pub waits: u64,
    /// How often its CPU was taken.
    pub preemptions: u64,
    /// The longest time blocked, seconds.
    pub longest_s: f64,
    /// Waiting on a run queue by the kernel's count (`schedstat`), seconds; absent where it was not read.
    #[serde(default)]
    pub run_queue_s: Option<f64>,
    /// Over time; only the busiest threads have it.
    pub shares: Option<LaneShares>,
}

/// How a thread spent each slice, in thousandths of it. What is missing to 1000 is unknown, or before or after its life.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaneShares {
    /// On a CPU.
    pub running: Vec<u16>,
    /// Preempted.
    pub preempted: Vec<u16>,
    /// Blocked.
    pub blocked: Vec<u16>,
    /// Parked.
    pub parked: Vec<u16>,
}

/// A place where threads left their CPU: the innermost function of the program itself.
#[derive(Default, Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitPlace {
    /// Why.
    pub cause: WaitCause,
    /// Function; empty where stacks are not known.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
    /// What it called to wait, e.g. the system call; empty where unknown.
    pub within: String,
    /// Name of the threads, without a number.
    pub thread: String,
    /// The nearest callers of the program, nearest first.
    pub callers: Vec<String>,
    /// Functions of the program in the stack with most of it, innermost first; empty in older files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<TraceFrame>,
    /// The function of a library that the program called there, of goroutines that were traced; empty where it waits itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asks: String,
    /// It is in goroutines that a library began and that called the program back, as for each request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub called_back: bool,
    /// How often.
    pub waits: u64,
    /// All together, seconds of wall time.
    pub total_s: f64,
    /// The longest, seconds.
    pub longest_s: f64,
}

/// One long wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LongWait {
    /// Why.
    pub cause: WaitCause,
    /// Name of the thread.
    pub thread: String,
    /// Number of the thread.
    pub tid: u32,
    /// When it began, seconds after the recording did.
    pub at_s: f64,
    /// How long, seconds; of one that had not ended, until the end of the recording.
    pub duration_s: f64,
    /// Function of the program; empty where stacks are not known.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
}

impl WaitCause {
    /// `blocked`, `preempted`, `parked`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Preempted => "preempted",
            Self::Parked => "parked",
        }
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Head(ThreadsHead),
    Thread(Box<ThreadLane>),
    Place(WaitPlace),
    Wait(LongWait),
    Kept(TracePolls),
    KeptOpen(TracePolls),
    Standing(TracePolls),
    Stayed(TracePolls),
    Started(StartedBy),
    Begun(Begun),
    Hanging(TracePolls),
    Waited(WaitPlace),
    Ticks(Ticks),
}

/// The file's bytes.
pub(crate) fn write(record: &ThreadsRecord) -> Result<Vec<u8>, serde_json::Error> {
    let head = Line::Head(ThreadsHead { format: FORMAT, ..record.head.clone() });
    let threads = record.threads.iter().map(|thread| Line::Thread(Box::new(thread.clone())));
    let places = record.places.iter().map(|place| Line::Place(place.clone()));
    let longest = record.longest.iter().map(|wait| Line::Wait(wait.clone()));
    let kept = record.kept.iter().map(|kept| Line::Kept(kept.clone()));
    let kept = kept.chain(record.kept_open.iter().map(|kept| Line::KeptOpen(kept.clone())));
    let kept = kept.chain(record.standing.iter().map(|standing| Line::Standing(standing.clone())));
    let kept = kept.chain(record.stayed.iter().map(|stayed| Line::Stayed(stayed.clone())));
    let started = record.started.iter().map(|started| Line::Started(started.clone()));
    let told = started.chain(record.begun.iter().map(|begun| Line::Begun(begun.clone())));
    let told = told.chain(record.hanging.iter().map(|hanging| Line::Hanging(hanging.clone())));
    let told = told.chain(record.waited.iter().map(|place| Line::Waited(place.clone())));
    let told = told.chain(record.ticks.iter().map(|ticks| Line::Ticks(ticks.clone())));
    files::lines(std::iter::once(head).chain(threads).chain(places).chain(longest).chain(kept).chain(told))
}

/// What the file in a variant's evidence folder says; `None` where there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<ThreadsRecord>, RunError> {
    let Some(lines) = files::read_headed_lines(&folder.join(paths::THREADS))? else { return Ok(None) };
    let mut record = ThreadsRecord::default();
    for line in lines {
        match line {
            Line::Head(head) => record.head = head,
            Line::Thread(thread) => record.threads.push(*thread),
            Line::Place(place) => record.places.push(place),
            Line::Wait(wait) => record.longest.push(wait),
            Line::Kept(kept) => record.kept.push(kept),
            Line::KeptOpen(kept) => record.kept_open.push(kept),
            Line::Standing(standing) => record.standing.push(standing),
            Line::Stayed(stayed) => record.stayed.push(stayed),
            Line::Started(started) => record.started.push(started),
            Line::Begun(begun) => record.begun.push(begun),
            Line::Hanging(hanging) => record.hanging.push(hanging),
            Line::Waited(place) => record.waited.push(place),
            Line::Ticks(ticks) => record.ticks.push(ticks),
        }
    }
    Ok(Some(record))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    /// Two workers and more threads than are drawn, with a hostile name.
    pub(crate) fn threads() -> ThreadsRecord {
        let lane = |name: &str, tid, running: u16| ThreadLane {
            name: name.into(),
            pid: 7,
            tid,
            running_s: f64::from(running) / 1000.0,
            preempted_s: 0.1,
            blocked_s: 0.2,
            parked_s: 0.5,
            waits: 400,
            preemptions: 12,
            longest_s: 0.081,
            run_queue_s: Some(0.15),
            shares: Some(LaneShares {
                running: vec![running, running / 2, 0, 1000],
                preempted: vec![0, 100, 0, 0],
                blocked: vec![0, 0, 1000, 0],
                parked: vec![1000 - running, 0, 0, 0],
            }),
        };
        let place = |cause, function: &str, line, total_s| WaitPlace {
            cause,
            function: function.into(),
            file: "src/<ledger>.rs".into(),
            line,
            within: "futex_do_wait".into(),
            thread: "tokio-rt-worker".into(),
            callers: vec!["shop::order".into(), "shop::serve".into()],
            own: Vec::new(),
            asks: String::new(),
            called_back: false,
            waits: 300,
            total_s,
            longest_s: 0.081,
        };
        ThreadsRecord {
            head: ThreadsHead {
                format: FORMAT,
                wall_s: 2.0,
                slice_s: 0.5,
                open_at_s: Some(0.5),
                source: "perf switch records from outside".into(),
                no_stacks: None,
                standing_refused: Some("the thread that stands still could not be looked into".into()),
                threads: 23,
                waits: 900,
                explained: 891,
                lost: 3,
                not_kept: 0,
            },
            threads: (0..20)
                .map(|n: u16| {
                    lane(if n == 0 { "wo<b>rker" } else { "tokio-rt-worker" }, 100 + u32::from(n), 900 - 40 * n)
                })
                .collect(),
            places: vec![
                place(WaitCause::Blocked, "shop::ledger::post<b>", 41, 1.25),
                place(WaitCause::Preempted, "shop::price", 7, 0.25),
                place(WaitCause::Parked, "tokio::park", 0, 9.0),
            ],
            longest: vec![LongWait {
                cause: WaitCause::Blocked,
                thread: "tokio-rt-worker".into(),
                tid: 101,
                at_s: 1.25,
                duration_s: 0.081,
                function: "shop::ledger::post<b>".into(),
                file: "src/<ledger>.rs".into(),
                line: 41,
            }],
            kept: vec![TracePolls { kind: "tokio-rt-worker".into(), total_s: 1.25, ..TracePolls::default() }],
            kept_open: vec![TracePolls { kind: "tokio-rt-worker".into(), total_s: 0.75, ..TracePolls::default() }],
            standing: vec![TracePolls { kind: "tokio-rt-worker".into(), polls: 2, ..TracePolls::default() }],
            stayed: vec![TracePolls { kind: "shop".into(), polls: 4, ..TracePolls::default() }],
            started: vec![StartedBy { state: "chan receive".into(), alive: vec![(0.5, 7)], ..StartedBy::default() }],
            begun: vec![Begun { through: "net/http.(*Transport).queue".into(), count: 12, ..Begun::default() }],
            hanging: vec![TracePolls { kind: GOROUTINES.into(), polls: 3, ..TracePolls::default() }],
            waited: vec![place(WaitCause::Blocked, "main.order", 9, 0.5)],
            ticks: vec![Ticks { pace_s: 0.04, moments: 40, waits: 200, total_s: 4.0, ..Ticks::default() }],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        assert_eq!(writer.threads("a", &threads()).unwrap(), "evidence/a/threads.jsonl");
        let read = load(writer.path()).unwrap();
        assert_eq!(read.waits["a"].threads.as_ref(), Some(&threads()));
        assert!(!read.waits.contains_key("b"));

        std::fs::write(writer.path().join("evidence/a/threads.jsonl"), "{\"head\":7}").unwrap();
        let because = &load(writer.path()).unwrap().unread[0].because;
        assert!(because.contains("threads.jsonl:1: "), "{because}");
    }
}
