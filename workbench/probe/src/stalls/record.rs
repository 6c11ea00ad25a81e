//! What is known of stalls.

use serde::{Deserialize, Serialize};

use crate::cpu::Frame;

/// Why a poll took too long, by what its thread did meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It computed.
    OnCpu,
    /// It was blocked in the kernel: sleeping, reading, waiting for a page.
    Blocked,
    /// It waited on a futex: a mutex, a condition variable, a channel, another thread's end.
    Lock,
    /// It was ready to run but had no CPU: without that wait the poll would not have been too long. The host is to
    /// blame (other processes, a CPU quota, a hypervisor), or more busy threads of this process than CPUs.
    Descheduled,
    /// It was within `tokio::task::block_in_place`, and had handed its other tasks over first: no stall for them.
    BlockInPlace,
    /// Nobody could look.
    Unknown,
}

impl Class {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::OnCpu => "on CPU",
            Self::Blocked => "blocked in a system call",
            Self::Lock => "waiting for a lock",
            Self::Descheduled => "descheduled by the host",
            Self::BlockInPlace => "block_in_place (legal)",
            Self::Unknown => "unknown",
        }
    }
}

/// The place that spawned a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// Source file as the compiler was given it; empty where the recorder had no more room for sites.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// The function to blame: the innermost one that is not of a library, where that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Culprit {
    /// Its name.
    pub function: String,
    /// Source file; empty where unknown.
    pub file: String,
    /// The line that it was at; 0 where unknown.
    pub line: u32,
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.function)?;
        if self.file.is_empty() {
            return Ok(());
        }
        write!(f, " ({}:{})", self.file, self.line)
    }
}

/// One poll that took too long. Its time on a CPU, blocked and waiting for a CPU add up to its duration; they are
/// reckoned from looks at the thread, a few milliseconds apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// 1 for the first that was seen, and so on.
    pub number: u64,
    /// Where its task was spawned.
    pub site: Site,
    /// Name of the thread.
    pub thread: String,
    /// When the poll began, seconds since the catcher started; below 0 where it began before.
    pub began_s: f64,
    /// How long it took, seconds; of a poll that still lasts, its age.
    pub duration_s: f64,
    /// Whether it has ended.
    pub ended: bool,
    /// Why it took so long.
    pub class: Class,
    /// Its thread's CPU time meanwhile, seconds.
    pub cpu_s: f64,
    /// Time that its thread slept in the kernel, seconds.
    pub blocked_s: f64,
    /// Time that its thread was ready but not running, seconds.
    pub waiting_s: f64,
    /// The kernel's own count of that (`schedstat`), seconds. It is booked late: when the thread runs again.
    pub run_queue_s: Option<f64>,
    /// Looks at the thread that these figures rest on.
    pub looks: u32,
    /// Kernel function it slept in longest (`wchan`), where the kernel says so.
    pub wchan: Option<String>,
    /// System call it slept in longest, where the kernel says so.
    pub syscall: Option<String>,
    /// Age of the poll when its stack was taken, seconds.
    pub stack_at_s: Option<f64>,
    /// The stack, leaf first; empty where there is none.
    pub stack: Vec<Frame>,
    /// Whether the stack is there up to the first function of the thread.
    pub rooted: bool,
    /// Why there is no stack.
    pub no_stack: Option<String>,
    /// The function to blame.
    pub culprit: Option<Culprit>,
}

impl Stall {
    /// Who and what, in one line: `shop::pay (src/pay.rs:7), blocked in a system call`.
    pub fn what(&self) -> String {
        let who = self.culprit.as_ref().map_or_else(
            || format!("a task spawned at {}:{}:{}", self.site.file, self.site.line, self.site.column),
            ToString::to_string,
        );
        format!("{who}, {}", self.class.words())
    }

    /// The same where there is little room and the end is cut: `pay.rs:7 blocked in a system call: shop::pay`.
    pub fn briefly(&self) -> String {
        briefly(self.culprit.as_ref(), &self.site, self.class)
    }
}

/// Place, class, name: what is cut at the end is what the place tells anyway.
fn briefly(culprit: Option<&Culprit>, site: &Site, class: Class) -> String {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let class = class.words();
    match culprit {
        Some(culprit) if !culprit.file.is_empty() => {
            format!("{}:{} {class}: {}", last(&culprit.file), culprit.line, culprit.function)
        }
        Some(culprit) => format!("{} {class}", culprit.function),
        None => format!("{}:{} {class}, in a task spawned there", last(&site.file), site.line),
    }
}

impl std::fmt::Display for Stall {
    /// One line for a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ended, site) = (if self.ended { "took" } else { "lasts" }, &self.site);
        write!(f, "stall {}: a poll {ended} {:.1} ms: {}; ", self.number, 1e3 * self.duration_s, self.what())?;
        let [cpu, blocked, waiting] = [self.cpu_s, self.blocked_s, self.waiting_s].map(|part| 1e3 * part);
        write!(f, "{cpu:.1} ms on CPU, {blocked:.1} ms asleep, {waiting:.1} ms without a CPU; ")?;
        write!(f, "task spawned at {}:{}:{}, thread {}", site.file, site.line, site.column, self.thread)
    }
}

/// Stalls of one place that were seen but not kept one by one, because longer ones of the same place were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Others {
    /// Where their tasks were spawned.
    pub site: Site,
    /// Their class, told without a stack: never [`Class::BlockInPlace`].
    pub class: Class,
    /// How many.
    pub count: u64,
    /// Their durations, summed, seconds.
    pub total_s: f64,
    /// The longest of them, seconds.
    pub longest_s: f64,
}

/// What a catcher saw between start and stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caught {
    /// A poll longer than this is a stall, seconds.
    pub threshold_s: f64,
    /// Seconds between two looks, as asked for.
    pub interval_s: f64,
    /// The longest time that the catcher itself did not look, seconds: shorter stalls may have been missed.
    pub longest_gap_s: f64,
    /// Polls beyond the threshold that the hooks counted, those that still last included: what there was to catch.
    pub counted: u64,
    /// Stalls that the catcher saw, kept or not.
    pub seen: u64,
    /// The longest of each place, the longest first.
    pub stalls: Vec<Stall>,
    /// The rest, by place and class.
    pub others: Vec<Others>,
    /// Why no stack could be taken at all.
    pub no_stacks: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_little_room_the_place_comes_first() {
        let site = Site { file: "src/main.rs".into(), line: 30, column: 5 };
        let culprit = |file: &str| Culprit { function: "shop::pay".into(), file: file.into(), line: 7 };
        let brief = |culprit: Option<&Culprit>| briefly(culprit, &site, Class::Blocked);
        assert_eq!(brief(Some(&culprit("/w/src/pay.rs"))), "pay.rs:7 blocked in a system call: shop::pay");
        assert_eq!(brief(Some(&culprit(""))), "shop::pay blocked in a system call");
        assert_eq!(brief(None), "main.rs:30 blocked in a system call, in a task spawned there");
    }
}
