//! Sources of a program, as far as they lie where it was built: they tell which lines of its stacks stand in loops.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use flamegraphs::capture::keeping::Keeping;
use flamegraphs::capture::source;
use flamegraphs::profile::Profile;
use reports::findings::{CpuTable, Loops};
use reports::run::{ThreadsRecord, Trace, TraceFrame};

use super::keeper::Stacks;
use crate::evidence::trace::within_project;

/// Files that are read.
const MOST_FILES: usize = 200;

/// Loops in the sources of all functions of the program that its evidence names. Sources that are younger than the program
/// (`built`) may say something else than what ran, and are left alone.
pub(super) fn loops(
    trace: Option<&Trace>,
    threads: Option<&ThreadsRecord>,
    cpu: Option<&CpuTable>,
    profiles: &[&Profile],
    built: Option<SystemTime>,
) -> Loops {
    let mut loops = Loops::default();
    each(&named(trace, threads, cpu), profiles, built, |file, source| loops.read(file, source));
    loops
}

/// What functions in those sources do with values.
pub(super) fn keeping(stacks: &Stacks, profiles: &[&Profile], built: Option<SystemTime>) -> Keeping {
    let mut keeping = Keeping::default();
    let files = stacks.files().filter(|file| file.ends_with(".rs")).collect();
    each(&files, profiles, built, |file, source| keeping.read(file, source));
    keeping
}

/// Those of these files that lie here, each with its text.
fn each(files: &BTreeSet<&str>, profiles: &[&Profile], built: Option<SystemTime>, mut read: impl FnMut(&str, &str)) {
    let paths = paths(profiles);
    for file in files.iter().take(MOST_FILES) {
        let path = paths.get(*file).map_or(*file, String::as_str);
        if let Some(source) = source(Path::new(path), built) {
            read(file, &source);
        }
    }
}

/// Files as stacks name them.
fn named<'e>(
    trace: Option<&'e Trace>,
    threads: Option<&'e ThreadsRecord>,
    cpu: Option<&'e CpuTable>,
) -> BTreeSet<&'e str> {
    let waits = threads.into_iter().flat_map(ThreadsRecord::own_frames);
    let frames = trace.into_iter().flat_map(Trace::own_frames).chain(waits);
    let frames = frames.chain(cpu.into_iter().flat_map(CpuTable::own_frames));
    frames.map(|frame: &TraceFrame| frame.file.as_str()).filter(|file| !file.is_empty()).collect()
}

/// Where those files lie, as profiles tell; nothing of a name that two files share.
fn paths(profiles: &[&Profile]) -> BTreeMap<String, String> {
    let mut paths: BTreeMap<String, Option<String>> = BTreeMap::new();
    for file in profiles.iter().flat_map(|profile| profile.functions()).map(|function| function.file.as_str()) {
        let known = paths.entry(within_project(file).to_owned()).or_insert_with(|| Some(file.to_owned()));
        if known.as_deref() != Some(file) {
            *known = None;
        }
    }
    paths.into_iter().filter_map(|(name, path)| Some((name, path?))).collect()
}

#[cfg(test)]
mod tests {
    use flamegraphs::profile::{Builder, Frame, ValueType};
    use reports::findings::CpuRow;

    use super::*;

    #[test]
    fn sources_are_found_by_the_paths_of_profiles_unless_they_are_younger() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shop/src/main.rs");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "fn main() {\n    loop {\n        pay();\n    }\n}\n").unwrap();
        let path = file.display().to_string();
        let mut builder = Builder::new([ValueType::new("cpu", "nanoseconds")]);
        builder.location(1, &[Frame { function: "main", file: &path, line: 3, ..Frame::default() }]);
        let profile = builder.finish();
        let frame = TraceFrame { function: "main".into(), file: "shop/src/main.rs".into(), line: 3 };
        let cpu = CpuTable {
            rows: vec![CpuRow { path: vec![frame], ..CpuRow::default() }],
            total_s: 1.0,
            named: 1.0,
            ..CpuTable::default()
        };
        let now = file.metadata().unwrap().modified().unwrap();
        let expected = {
            let mut loops = Loops::default();
            loops.read("shop/src/main.rs", &std::fs::read_to_string(&file).unwrap());
            loops
        };
        assert_eq!(loops(None, None, Some(&cpu), &[&profile], Some(now)), expected);
        let before = now - std::time::Duration::from_secs(9);
        assert_eq!(loops(None, None, Some(&cpu), &[&profile], Some(before)), Loops::default());
    }
}
