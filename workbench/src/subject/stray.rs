//! Finds processes that carry a subject's marker in their environment: they may have left its process group.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::process::MARKER;

/// Ids of live processes whose environment has `WORKBENCH_SUBJECT=<marker>`. Zombies have no environment.
pub(crate) fn marked(marker: &str) -> Vec<Pid> {
    let wanted = format!("{MARKER}={marker}");
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| carries(*pid, wanted.as_bytes()))
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != rustix::process::getpid())
        .collect()
}

/// Kills every process that carries the marker, again and again until none is found (they may be forking).
pub(crate) fn kill_marked(marker: &str) {
    for _ in 0..100 {
        let found = marked(marker);
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn carries(pid: i32, wanted: &[u8]) -> bool {
    std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable == wanted))
}
