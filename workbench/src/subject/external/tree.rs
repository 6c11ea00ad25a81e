//! All processes of a subject, and what they used together: by `/proc/PID/stat` and each process's CPU clock.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::child::protocol::Usage;
use crate::subject::stray;

/// The processes that came of one.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    leader: i32,
    marker: String,
}

/// One process as `stat` has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) pid: i32,
    pub(super) name: String,
    parent: i32,
    pub(super) group: i32,
    zombie: bool,
    /// User and system time of this process and of the children that it waited for, in clock ticks.
    own_ticks: u64,
    waited_ticks: u64,
    minor_faults: u64,
    major_faults: u64,
}

impl Tree {
    pub(super) fn new(leader: u32, marker: &str) -> Self {
        Self { leader: leader.cast_signed(), marker: marker.to_owned() }
    }

    /// Everything alive that is in the leader's group, carries the marker, or descends from such a process.
    pub(super) fn alive(&self) -> Vec<Member> {
        let mut all = self.all();
        all.retain(|member| !member.zombie);
        all
    }

    /// The same with those that ended and were not waited for: what they used still counts.
    fn all(&self) -> Vec<Member> {
        let all: Vec<Member> = numbers().into_iter().filter_map(member).collect();
        let marked: Vec<i32> = stray::marked(&self.marker).into_iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        let parents: HashMap<i32, i32> = all.iter().map(|member| (member.pid, member.parent)).collect();
        let belongs =
            |member: &Member| member.pid == self.leader || member.group == self.leader || marked.contains(&member.pid);
        let roots: Vec<i32> = all.iter().filter(|member| belongs(member)).map(|member| member.pid).collect();
        let descends = |member: &Member| {
            let mut at = member.pid;
            // As many steps as there are processes, should `/proc` have changed into a circle while it was read.
            for _ in 0..=parents.len() {
                if roots.contains(&at) {
                    return true;
                }
                match parents.get(&at) {
                    Some(parent) => at = *parent,
                    None => return false,
                }
            }
            false
        };
        all.iter().filter(|member| descends(member)).cloned().collect()
    }

    /// What they used so far. A process that ended and whose parent did not wait for it is lost to this count.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        let tick_s = tick_s();
        for member in self.all() {
            #[allow(clippy::cast_precision_loss, reason = "ticks of one process")]
            let (own_s, waited_s) = (member.own_ticks as f64 * tick_s, member.waited_ticks as f64 * tick_s);
            usage.cpu_s += probe::usage::process_of(member.pid).map_or(own_s, |used| used.cpu_s) + waited_s;
            usage.minor_faults += member.minor_faults;
            usage.major_faults += member.major_faults;
            let (voluntary, involuntary) = switches(member.pid);
            usage.voluntary_switches += voluntary;
            usage.involuntary_switches += involuntary;
        }
        usage
    }
}

/// Resident set of these processes, bytes; pages that they share count for each.
pub(super) fn resident_bytes(pids: &[i32]) -> u64 {
    pids.iter().filter_map(|pid| probe::usage::process_of(*pid).ok()).map(|used| used.rss_bytes).sum()
}

/// The file that a process runs.
pub(super) fn executable(pid: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Its short name, for messages.
pub(super) fn name(pid: i32) -> String {
    member(pid).map_or_else(|| "?".to_owned(), |member| member.name)
}

/// Numbers of all processes.
pub(super) fn numbers() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn member(pid: i32) -> Option<Member> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `PID (NAME) STATE PPID PGRP …`: the name may hold anything, parentheses and blanks included.
fn parse(stat: &str) -> Option<Member> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Member {
        pid: pid.trim().parse().ok()?,
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        own_ticks: number(11)? + number(12)?,
        waited_ticks: number(13)? + number(14)?,
        minor_faults: number(7)? + number(8)?,
        major_faults: number(9)? + number(10)?,
    })
}

/// Voluntary and involuntary context switches of all threads that are alive.
fn switches(pid: i32) -> (u64, u64) {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return (0, 0) };
    let mut sum = (0, 0);
    for thread in threads.flatten() {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let count = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        sum.0 += count("voluntary_ctxt_switches:");
        sum.1 += count("nonvoluntary_ctxt_switches:");
    }
    sum
}

/// Seconds of one clock tick, in which `stat` counts (`sysconf(_SC_CLK_TCK)`, 100 a second on every Linux of today).
fn tick_s() -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a few hundred")]
    let hz = rustix::param::clock_ticks_per_second() as f64;
    1.0 / hz.max(1.0)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::subject::process::MARKER;

    #[test]
    fn a_name_may_hold_anything() {
        let fields: Vec<String> = (1..50).map(|n| n.to_string()).collect();
        let member = parse(&format!("42 (a) b (c) S {}", fields.join(" "))).unwrap();
        assert_eq!((member.pid, member.name.as_str(), member.parent, member.group), (42, "a) b (c", 1, 2));
        assert_eq!((member.minor_faults, member.major_faults), (7 + 8, 9 + 10));
        assert_eq!((member.own_ticks, member.waited_ticks), (11 + 12, 13 + 14));
        assert_eq!(parse("42 (a) S 1"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn children_and_those_that_left_belong_to_the_tree() {
        let marker = "t-tree-members";
        let mut leader = Command::new("sh")
            .args(["-c", "sleep 1000 & setsid sleep 1001 & env -i sleep 1002 & echo started; wait"])
            .env(MARKER, marker)
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(leader.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let tree = Tree::new(leader.id(), marker);
        let names = || {
            let mut names: Vec<String> = tree.alive().into_iter().map(|member| member.name).collect();
            names.sort_unstable();
            names
        };
        while names() != ["sh", "sleep", "sleep", "sleep"] {
            std::thread::yield_now();
        }
        assert!(tree.usage().minor_faults > 0);
        assert!(resident_bytes(&tree.alive().iter().map(|member| member.pid).collect::<Vec<_>>()) > 0);
        for member in tree.alive() {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(member.pid), nix::sys::signal::SIGKILL);
        }
        leader.wait().unwrap();
    }

    /// User and system ticks of processes, by `/proc` itself.
    fn ticks(pids: &[i32]) -> u64 {
        pids.iter().filter_map(|pid| member(*pid)).map(|member| member.own_ticks).sum()
    }

    #[test]
    fn what_children_use_is_counted_though_the_one_that_was_started_only_waits() {
        let marker = "t-tree-usage";
        let mut leader = Command::new("sh")
            .args(["-c", "for i in 1 2; do sh -c 'while :; do :; done' & done; wait"])
            .env(MARKER, marker)
            .process_group(0)
            .spawn()
            .unwrap();
        let tree = Tree::new(leader.id(), marker);
        let signal = |signal| {
            for member in tree.alive() {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(member.pid), signal);
            }
        };
        let (own, mut children) = (leader.id().cast_signed(), Vec::new());
        while children.len() != 2 || children.iter().any(|pid| ticks(&[*pid]) == 0) {
            children = tree.alive().into_iter().map(|member| member.pid).filter(|pid| *pid != own).collect();
            std::thread::yield_now();
        }
        // Standing still, all clocks say the same.
        signal(nix::sys::signal::Signal::SIGSTOP);
        let stopped =
            |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "));
        while !children.iter().all(stopped) {
            std::thread::yield_now();
        }
        let (by_proc, used) = (ticks(&[children.as_slice(), &[own]].concat()) as f64, tree.usage().cpu_s / tick_s());
        signal(nix::sys::signal::Signal::SIGKILL);
        leader.wait().unwrap();
        assert!(by_proc >= 2.0, "{by_proc} ticks");
        // `stat` cuts user and system time of each process off to whole ticks.
        assert!(by_proc <= used + 1e-6 && used <= by_proc + 2.0 * 3.0, "{used} ticks, {by_proc} by /proc");
    }
}
