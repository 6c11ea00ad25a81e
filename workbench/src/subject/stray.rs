//! Finds processes that carry a subject's marker in their environment: they may have left its process group.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::one_look;
use super::process::MARKER;

/// What the environment of a process says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Marked,
    /// It began with another environment, or it is not ours to look into.
    Other,
    /// Between two programs (`execve(2)`) a process has no environment: what it will be is not known yet.
    Unsure,
}

/// Ids of live processes whose environment has `WORKBENCH_SUBJECT=<marker>`. Zombies have no environment.
pub(crate) fn marked(marker: &str) -> Vec<Pid> {
    look(marker).0
}

/// Kills every process that carries the marker, again and again until none is found (they may be forking).
pub(crate) fn kill_marked(marker: &str) {
    for _ in 0..100 {
        let (found, unsure) = look(marker);
        if found.is_empty() && !unsure {
            return;
        }
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Who carries the marker, and whether somebody may who does not show it yet.
fn look(marker: &str) -> (Vec<Pid>, bool) {
    let wanted = format!("{MARKER}={marker}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return (Vec::new(), false) };
    let (mut found, mut unsure) = (Vec::new(), false);
    let own = rustix::process::getpid();
    for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        match of(pid, wanted.as_bytes()) {
            Look::Marked => found.extend(Pid::from_raw(pid).filter(|pid| *pid != own)),
            Look::Unsure => unsure = true,
            Look::Other => {}
        }
    }
    (found, unsure)
}

fn of(pid: i32, wanted: &[u8]) -> Look {
    let folder = Path::new("/proc").join(pid.to_string());
    let has = |environment: &[u8]| environment.split(|byte| *byte == 0).any(|variable| variable == wanted);
    match one_look::read(pid, "environ") {
        Ok(environment) if has(&environment) => Look::Marked,
        Ok(environment) if environment.is_empty() => {
            if is_between_programs(&folder) {
                return Look::Unsure;
            }
            // It may have become the next program since.
            match one_look::read(pid, "environ") {
                Ok(environment) if has(&environment) => Look::Marked,
                _ => Look::Other,
            }
        }
        _ => Look::Other,
    }
}

/// Whether a process without an environment may still get one: neither a zombie nor a thread of the kernel's, which have
/// no command line either, and no program that was started with an empty environment on purpose, which has one.
fn is_between_programs(folder: &Path) -> bool {
    let read = |file: &str| std::fs::read(folder.join(file));
    let Ok(stat) = read("stat") else { return false };
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
    let zombie = matches!(fields.next(), Some("Z" | "X") | None);
    // PF_KTHREAD of the kernel's `sched.h`; `flags` is the ninth field of all, the sixth after the state.
    let kernel = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok()).is_none_or(|flags| flags & 0x0020_0000 != 0);
    !zombie && !kernel && read("cmdline").is_ok_and(|line| line.is_empty())
}
