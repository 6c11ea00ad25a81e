//! `trace.jsonl` of a variant's evidence: what tasks did, seen from outside, one line a row.
//!
//! The program had nothing of ours in it. Times are seconds; moments count from the beginning of the recording.

mod case;
mod lines;
mod places;
mod sentence;
mod site;

use serde::{Deserialize, Serialize};

pub use self::case::{TraceBeside, TraceCase, TraceEnd, TraceEndKind, TraceLink, TraceSpan, TraceStep, TraceWhat};
pub(crate) use self::lines::read;
pub(super) use self::lines::write;
pub use self::site::{TraceCause, TraceFrame, TraceSite};

/// All lines of a `trace.jsonl`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// What was recorded, and how much of it is known.
    pub head: TraceHead,
    /// By type of task.
    pub kinds: Vec<TraceKind>,
    /// Tasks one by one, the worst delay first; not all that there were.
    pub tasks: Vec<TraceTask>,
    /// Where tasks wait, the longest in total first.
    pub waits: Vec<TraceWait>,
    /// Who woke tasks, the most often first.
    pub wakers: Vec<TraceWaker>,
    /// What ran while tasks were ready, the longest first.
    pub instead: Vec<TraceInstead>,
    /// The worst delays and waits with what they were for.
    pub cases: Vec<TraceCase>,
    /// What long polls spent their time on, the longest first.
    pub polls: Vec<TracePolls>,
    /// The saturated phase before the open loop, where there was one; all else but single tasks is of the open loop then.
    pub saturated: Option<Box<TraceSaturated>>,
}

/// What tasks did while every client asked again at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceSaturated {
    /// Length.
    pub wall_s: f64,
    /// By type of task; who is alive at its end is not known.
    pub kinds: Vec<TraceKind>,
    /// Where tasks wait.
    pub waits: Vec<TraceWait>,
    /// What ran while tasks were ready.
    pub instead: Vec<TraceInstead>,
    /// The worst delays and waits.
    pub cases: Vec<TraceCase>,
    /// What long polls spent their time on.
    pub polls: Vec<TracePolls>,
}

/// Time within long polls (0.5 ms and more) of tasks of a type, at one place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TracePolls {
    /// Type of the tasks.
    pub kind: String,
    /// Jobs of the blocking pool: they may take as long as they like.
    #[serde(default)]
    pub blocking: bool,
    /// `cpu`, `blocked` or `preempted`.
    pub doing: TraceEndKind,
    /// Where; `None` where no stack says so.
    pub site: Option<TraceSite>,
    /// Polls that spent at least a quarter of their time so.
    pub polls: u64,
    /// Time.
    pub total_s: f64,
    /// The longest of one poll.
    pub longest_s: f64,
    /// Of time blocked: what those did meanwhile who then let the task go on, the longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<TraceHolder>,
}

/// What a thread did while it kept others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceHolder {
    /// `cpu` or `blocked`.
    pub doing: TraceEndKind,
    /// Where.
    pub site: TraceSite,
    /// How long, summed over those it kept.
    pub total_s: f64,
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceHead {
    /// Who recorded, in words.
    pub source: String,
    /// File that the probes were in, as the process sees it.
    pub program: String,
    /// Length.
    pub wall_s: f64,
    /// Since when the rows count: the saturated phase before it has rows of its own; 0 where there was none.
    #[serde(default)]
    pub since_s: f64,
    /// How often the process was stopped for about a microsecond.
    pub hits: u64,
    /// Records that found no room; where there are any, every count is a lower bound.
    pub lost: u64,
    /// Wakes and waker clones.
    pub stackable: u64,
    /// Of these, those whose place in the program is known.
    pub placed: u64,
    /// What is not known because a function of tokio is not there to be probed.
    #[serde(default)]
    pub lacks: Vec<String>,
}

impl TraceHead {
    /// Hits a second: beyond 10⁵ the recording changes what it shows (design 09, measured).
    pub fn hits_per_s(&self) -> f64 {
        if self.wall_s > 0.0 { self.hits as f64 / self.wall_s } else { 0.0 }
    }
}

/// All tasks of one type. Names as in [`super::SiteRecord`] where the meaning is the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceKind {
    /// The future's type, shortened.
    pub name: String,
    /// Jobs of the blocking pool.
    pub blocking: bool,
    /// Spawned within the recording.
    pub spawned: u64,
    /// Ended.
    pub finished: u64,
    /// Met and not ended.
    pub alive: u64,
    /// Of these, those that nothing can wake: spawned within the recording, idle, and nobody holds a waker.
    pub forgotten: u64,
    /// Polls that ended.
    pub polls: u64,
    /// Polls that lasted when the recording ended.
    pub in_poll: u64,
    /// Wakes, those of tasks that were ready already included.
    pub wakes: u64,
    /// Time within polls.
    pub busy_s: f64,
    /// The longest poll.
    pub longest_poll_s: f64,
    /// Polls longer than 1 ms.
    pub long_polls: u64,
    /// Polls longer than 10 ms.
    pub stalls: u64,
    /// From ready to polled, summed.
    pub schedule_latency_s: f64,
    /// The longest.
    pub worst_schedule_latency_s: f64,
    /// Polls that nobody was seen to wake for.
    pub unexplained: u64,
    /// Time idle, of waits that ended.
    pub idle_s: f64,
    /// Where the latest of them was spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawned_at: Option<TraceSite>,
}

/// One task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceTask {
    /// Its number within the recording.
    pub id: u64,
    /// Its address, hexadecimal: what a debugger would call it.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// Who spawned it; `None` where that was before the recording.
    pub spawned_by: Option<String>,
    /// Its end was seen.
    pub ended: bool,
    /// Polls that ended.
    pub polls: u64,
    /// Wakes.
    pub wakes: u64,
    /// Time within polls.
    pub busy_s: f64,
    /// The longest poll.
    pub longest_poll_s: f64,
    /// From ready to polled, summed.
    pub schedule_latency_s: f64,
    /// The longest.
    pub worst_schedule_latency_s: f64,
    /// Time idle, of waits that ended.
    pub idle_s: f64,
    /// Idle since so long at the end of the recording.
    pub idle_now_s: Option<f64>,
    /// Where.
    pub waits_at: Option<TraceSite>,
    /// Wakers of it that somebody holds; `None` where that is not known.
    pub wakers_held: Option<i64>,
    /// What it did last; empty for most tasks.
    #[serde(default)]
    pub spans: Vec<TraceSpan>,
}

/// Waits of a type of task at one place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceWait {
    /// Type of the tasks.
    pub kind: String,
    /// Where; `None` where that was not recorded.
    pub site: Option<TraceSite>,
    /// Waits that ended.
    pub count: u64,
    /// Their length, summed over tasks.
    pub total_s: f64,
    /// The longest.
    pub longest_s: f64,
}

/// Who woke tasks of a type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceWaker {
    /// Type of the tasks.
    pub kind: String,
    /// A type of task, `itself`, or a thread.
    pub by: String,
    /// What that was about, outside of tasks.
    pub cause: Option<TraceCause>,
    /// Wakes.
    pub count: u64,
}

/// What ran while tasks of a type were ready, in delays of at least 0.1 ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceInstead {
    /// Type of the tasks that were ready.
    pub kind: String,
    /// Type that their worker polled.
    pub instead: String,
    /// Delays.
    pub count: u64,
    /// Its time within them.
    pub total_s: f64,
}

impl Trace {
    /// Functions of the program in all stacks of what it did, many of them more than once.
    pub fn own_frames(&self) -> impl Iterator<Item = &TraceFrame> {
        let saturated = self.saturated.as_deref();
        let waits = self.waits.iter().chain(saturated.into_iter().flat_map(|phase| &phase.waits));
        let polls = self.polls.iter().chain(saturated.into_iter().flat_map(|phase| &phase.polls));
        let sites = waits.filter_map(|wait| wait.site.as_ref()).chain(polls.filter_map(|row| row.site.as_ref()));
        sites.flat_map(|site| &site.own)
    }
}

#[cfg(test)]
pub(crate) mod tests;
