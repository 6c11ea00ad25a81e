//! `stalls.jsonl` of a variant's evidence: polls that took too long, caught while they lasted.
//!
//! The first line says how they were caught, or why not; then follow the stalls, the longest first, and last the counts
//! of those that were not kept one by one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Culprit, RunError, files, paths};

/// Why a poll took too long.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StallClass {
    /// It computed.
    OnCpu,
    /// It was blocked in a system call, or on a page.
    Blocked,
    /// It waited on a futex: a mutex, a condition variable, a channel, another thread's end.
    Lock,
    /// It was ready to run but had no CPU; without that wait it would not have been too long.
    Descheduled,
    /// It was within `block_in_place` and held nobody up.
    BlockInPlace,
    /// Nobody could look.
    Unknown,
}

/// A place in the source.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Source file as the compiler was given it; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
    /// Column, from 1; 0 where unknown.
    pub column: u32,
}

/// A function of a stack; those that the compiler inlined have a line of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StallFrame {
    /// Its name, or its address where it has none.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// Line, from 1; 0 where unknown.
    pub line: u32,
}

/// One poll that took too long. `cpu_s`, `blocked_s` and `waiting_s` add up to `duration_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StallRecord {
    /// 1 for the first that was seen, and so on.
    pub number: u64,
    /// Where its task was spawned.
    pub site: Place,
    /// Name of the thread.
    pub thread: String,
    /// When the poll began, seconds since the recording did.
    pub began_s: f64,
    /// How long it took, seconds; of one that had not ended with the recording, its age by then.
    pub duration_s: f64,
    /// Whether it had ended.
    pub ended: bool,
    /// Why it took so long.
    pub class: StallClass,
    /// Its thread's CPU time meanwhile, seconds.
    pub cpu_s: f64,
    /// Time that its thread slept in the kernel, seconds.
    pub blocked_s: f64,
    /// Time that its thread was ready but not running, seconds.
    pub waiting_s: f64,
    /// The kernel's own count of that (`schedstat`), booked when the thread runs again, seconds.
    pub run_queue_s: Option<f64>,
    /// Looks at the thread that these figures rest on.
    pub looks: u32,
    /// Kernel function that it slept in longest.
    pub wchan: Option<String>,
    /// System call that it slept in longest.
    pub syscall: Option<String>,
    /// The function to blame.
    pub culprit: Option<Culprit>,
    /// Age of the poll when its stack was taken, seconds.
    pub stack_at_s: Option<f64>,
    /// Whether the stack goes up to the first function of the thread.
    pub rooted: bool,
    /// Why there is no stack.
    pub no_stack: Option<String>,
    /// The stack, leaf first.
    pub stack: Vec<StallFrame>,
}

/// Stalls that were not kept one by one, because longer ones of the same place and class were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StallOthers {
    /// Where their tasks were spawned.
    pub site: Place,
    /// Their class, told without a stack: never [`StallClass::BlockInPlace`].
    pub class: StallClass,
    /// How many.
    pub count: u64,
    /// Their durations, summed, seconds.
    pub total_s: f64,
    /// The longest of them, seconds.
    pub longest_s: f64,
}

/// How stalls were caught.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StallWatch {
    /// A poll longer than this is a stall, seconds.
    pub threshold_s: f64,
    /// Seconds between two looks, as asked for.
    pub interval_s: f64,
    /// The longest time between two looks, seconds: shorter stalls may have been missed in it.
    pub longest_gap_s: f64,
    /// Polls beyond the threshold that the task hooks counted: what there was to catch.
    pub counted: u64,
    /// Those that were caught.
    pub seen: u64,
    /// Why no stack could be taken at all.
    pub no_stacks: Option<String>,
}

/// What was caught of one variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stalls {
    /// How; `None` where nobody watched.
    pub watch: Option<StallWatch>,
    /// Why nobody watched.
    pub missing: Option<String>,
    /// The longest of each place and class, the longest first.
    pub stalls: Vec<StallRecord>,
    /// The rest.
    pub others: Vec<StallOthers>,
}

impl StallClass {
    /// Whether the code is to blame: not the host, and not a poll that held nobody up.
    pub const fn is_harmful(self) -> bool {
        matches!(self, Self::OnCpu | Self::Blocked | Self::Lock)
    }
}

impl Stalls {
    /// Those that were kept, in the order in which they deserve attention: the code's doing first, the longest first.
    pub fn ranked(&self) -> Vec<&StallRecord> {
        let mut ranked: Vec<_> = self.stalls.iter().collect();
        ranked.sort_by(|a, b| {
            (!a.class.is_harmful()).cmp(&!b.class.is_harmful()).then(b.duration_s.total_cmp(&a.duration_s))
        });
        ranked
    }

    /// Stalls by class, those that were not kept included, in the order of [`StallClass`].
    pub fn by_class(&self) -> Vec<(StallClass, u64)> {
        let kept = self.stalls.iter().map(|stall| (stall.class, 1));
        let mut counts = std::collections::BTreeMap::new();
        for (class, count) in kept.chain(self.others.iter().map(|others| (others.class, others.count))) {
            *counts.entry(class).or_default() += count;
        }
        counts.into_iter().collect()
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Watch(StallWatch),
    Missing(String),
    Stall(Box<StallRecord>),
    Others(StallOthers),
}

/// The file's bytes.
pub(crate) fn write(stalls: &Stalls) -> Result<Vec<u8>, serde_json::Error> {
    let watch = stalls.watch.iter().map(|watch| Line::Watch(watch.clone()));
    let missing = stalls.missing.iter().map(|because| Line::Missing(because.clone()));
    let kept = stalls.stalls.iter().map(|stall| Line::Stall(Box::new(stall.clone())));
    let others = stalls.others.iter().map(|others| Line::Others(others.clone()));
    files::lines(watch.chain(missing).chain(kept).chain(others))
}

/// What the file in a variant's evidence folder says; `None` where there is none.
pub(crate) fn read(folder: &Path) -> Result<Option<Stalls>, RunError> {
    let Some(lines) = files::read_lines(&folder.join(paths::STALLS))? else { return Ok(None) };
    let mut stalls = Stalls::default();
    for line in lines {
        match line {
            Line::Watch(watch) => stalls.watch = Some(watch),
            Line::Missing(because) => stalls.missing = Some(because),
            Line::Stall(stall) => stalls.stalls.push(*stall),
            Line::Others(others) => stalls.others.push(others),
        }
    }
    Ok(Some(stalls))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::compare::fixture::{plan, run};
    use crate::run::load;
    use crate::run::writer::{RunName, RunWriter};

    /// One of each class, with a hostile name, and more that were not kept.
    pub(crate) fn stalls() -> Stalls {
        let site = Place { file: "src/<b>.rs".into(), line: 53, column: 33 };
        let frame =
            |function: &str, file: &str, line| StallFrame { function: function.into(), file: file.into(), line };
        let stall = |number: u64, class, parts: [f64; 3], syscall: Option<&str>, wchan: Option<&str>| StallRecord {
            number,
            site: site.clone(),
            thread: "tokio-rt-worker".into(),
            began_s: 0.25 * number as f64,
            duration_s: parts.iter().sum(),
            ended: true,
            class,
            cpu_s: parts[0],
            blocked_s: parts[1],
            waiting_s: parts[2],
            run_queue_s: Some(parts[2]),
            looks: 12,
            wchan: wchan.map(Into::into),
            syscall: syscall.map(Into::into),
            culprit: Some(Culprit { function: "shop::pay<b>".into(), file: "src/pay.rs".into(), line: 7 }),
            stack_at_s: Some(0.0105),
            rooted: true,
            no_stack: None,
            stack: vec![
                frame("__futex_wait", "", 0),
                frame("shop::pay<b>", "src/pay.rs", 7),
                frame("tokio::runtime::task::raw::poll", "/h/.cargo/registry/src/i-1/tokio-1.54.1/src/raw.rs", 325),
            ],
        };
        let unrooted = StallRecord {
            stack: Vec::new(),
            stack_at_s: None,
            rooted: false,
            culprit: None,
            ended: false,
            no_stack: Some("its thread did not answer".into()),
            ..stall(5, StallClass::Descheduled, [0.001, 0.0, 0.0179], None, None)
        };
        Stalls {
            watch: Some(StallWatch {
                threshold_s: 0.01,
                interval_s: 0.0025,
                longest_gap_s: 0.0061,
                counted: 46,
                seen: 45,
                no_stacks: None,
            }),
            missing: None,
            stalls: vec![
                stall(1, StallClass::OnCpu, [0.070, 0.0, 0.014], None, None),
                stall(
                    2,
                    StallClass::Blocked,
                    [0.0001, 0.0601, 0.0],
                    Some("clock_nanosleep"),
                    Some("hrtimer_nanosleep"),
                ),
                stall(3, StallClass::Lock, [0.0002, 0.0398, 0.001], Some("futex"), Some("futex_do_wait")),
                stall(4, StallClass::BlockInPlace, [0.0, 0.03, 0.0], Some("read"), None),
                unrooted,
            ],
            others: vec![StallOthers { site, class: StallClass::OnCpu, count: 40, total_s: 0.9, longest_s: 0.06 }],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let name = RunName { stamp: "20260102-030405", letters: "abcd" };
        let host = run("", Vec::new()).host;
        let mut writer =
            RunWriter::create(folder.path(), name, &plan(&["a", "b"], 1), "name = \"x\"\n", &host).unwrap();
        let missing = Stalls { missing: Some("no thread".into()), ..Stalls::default() };
        assert_eq!(writer.stalls("a", &stalls()).unwrap(), "evidence/a/stalls.jsonl");
        writer.stalls("b", &missing).unwrap();
        let read = load(writer.path()).unwrap();
        assert_eq!(read.stalls.get("a"), Some(&stalls()));
        assert_eq!(read.stalls.get("b"), Some(&missing));

        let file = writer.path().join("evidence/a/stalls.jsonl");
        std::fs::write(&file, "{\"missing\":\"x\"}\nnonsense").unwrap();
        let because = &load(writer.path()).unwrap().unread[0].because;
        assert!(because.contains("stalls.jsonl:2: "), "{because}");
    }

    #[test]
    fn what_the_code_did_comes_first() {
        let mut caught = stalls();
        caught.stalls.reverse();
        let numbers: Vec<_> = caught.ranked().iter().map(|stall| stall.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn classes_are_counted_with_those_that_were_not_kept() {
        use StallClass::{BlockInPlace, Blocked, Descheduled, Lock, OnCpu};
        let counts = [(OnCpu, 41), (Blocked, 1), (Lock, 1), (Descheduled, 1), (BlockInPlace, 1)];
        assert_eq!(stalls().by_class(), counts);
    }
}
