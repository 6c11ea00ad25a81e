//! Processes of a run, found through `/proc`.

use std::fs;
use std::path::Path;

/// No process.
pub(crate) const NOBODY: [i32; 0] = [];

/// Ids of live processes that carry the marker of a subject of this run, whatever group or session they are in.
pub(crate) fn subjects_of(run: &Path) -> Vec<i32> {
    let id = run.file_name().expect("a run has a name").to_string_lossy();
    let marker = format!("WORKBENCH_SUBJECT={id}-");
    alive(|process| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(marker.as_bytes()))
    })
}

/// The guard of this parent.
pub(crate) fn guards_of(parent: i32) -> Vec<i32> {
    alive(|process| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == b"__guard")
            && status.lines().any(|line| line == format!("PPid:\t{parent}"))
    })
}

/// Whether a process runs. One that ended and was not reaped does not.
pub(crate) fn runs(process: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

fn alive(wanted: impl Fn(&Path) -> bool) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .filter(|(_, path)| wanted(path))
        .map(|(id, _)| id)
        .collect()
}
