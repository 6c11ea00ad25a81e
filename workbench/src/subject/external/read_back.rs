//! Settings read back from a program that runs: variables and arguments as the kernel handed them over, CPUs as it keeps
//! them, the file as it was mapped.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use reports::run::Settings;
use scenarios::knobs;
use scenarios::spec::PORT;

use super::launch::Launch;
use crate::digest;
use crate::subject::one_look;

/// Path of the setting that names the file.
pub const BINARY: &str = reports::findings::PROGRAM_FILE;
/// Path of the setting that names the command line, as it is written in the scenario.
pub const COMMAND: &str = "program.command";

const TUNABLES: &str = "GLIBC_TUNABLES";
/// How names of tunables begin.
const TUNABLE: &str = "glibc.";

/// The variables that a process began with; `None` where they are not ours to read.
pub(super) fn variables(pid: i32) -> Option<BTreeMap<String, String>> {
    // Who has ended has none.
    let bytes = one_look::read(pid, "environ").ok().filter(|bytes| !bytes.is_empty())?;
    Some(parsed(&bytes))
}

/// What a `/proc/PID/environ` says. While it starts, glibc ends each of its tunables with a NUL where a colon was, within the
/// environment itself (`parse_tunables`, elf/dl-tunables.c): what follows is the rest of that variable.
fn parsed(environ: &[u8]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut of_tunables = false;
    for pair in environ.split(|byte| *byte == 0) {
        let pair = String::from_utf8_lossy(pair);
        if let Some(list) = all.get_mut(TUNABLES).filter(|_| of_tunables && pair.starts_with(TUNABLE)) {
            list.push(':');
            list.push_str(&pair);
        } else if let Some((name, value)) = pair.split_once('=') {
            of_tunables = name == TUNABLES;
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all
}

/// The words that a process began with.
fn words(pid: i32) -> Option<Vec<String>> {
    let bytes = one_look::read(pid, "cmdline").ok().filter(|bytes| !bytes.is_empty())?;
    let ended = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    Some(ended.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// What the process that was just started lacks of what it was to get; `None` where all is there.
///
/// The kernel hands a command line over as it was given: where another one is found, the process has written over it (nginx
/// and PostgreSQL do) or has become another program already. Of such a process only the variables that can still be read are
/// compared; a title may lie over those, too.
pub(super) fn lacks(pid: i32, launch: &Launch) -> Option<String> {
    let lacking = lacks_variable(&launch.variables, &variables(pid)?)?;
    let written_over = words(pid).is_some_and(|found| !found.ends_with(&launch.words[1..]));
    Some(if written_over {
        format!("{lacking}; its command line is not the one that it was started with: a title may lie over both")
    } else {
        lacking
    })
}

/// The first variable that was set and is not there.
pub(super) fn lacks_variable(asked: &BTreeMap<String, String>, found: &BTreeMap<String, String>) -> Option<String> {
    asked.iter().find_map(|(name, value)| match found.get(name) {
        Some(found) if found == value => None,
        Some(found) => Some(format!("the variable {name} = {value} was set, and the process runs with {found}")),
        None => Some(format!("the variable {name} = {value} was set, and the process runs without it")),
    })
}

/// Settings of a variant as the process has them; what a process lacks is left out. `port` is what the placeholder
/// became.
pub(super) fn settings(
    pid: i32,
    requested: &Settings,
    variables: &BTreeMap<String, String>,
    port: u16,
) -> Result<Settings, String> {
    let mut effective = Settings::new();
    for (path, asked) in requested {
        if let Some(name) = path.strip_prefix("env.") {
            let found = variables.get(name).map(|found| {
                // As it was asked for, so that trials with different ports compare.
                if *found == asked.replace(PORT, &port.to_string()) { asked.clone() } else { found.clone() }
            });
            effective.extend(found.map(|found| (path.clone(), found)));
        } else if knobs::is_in_variables(path, asked, variables) == Some(true) {
            effective.insert(path.clone(), asked.clone());
        }
    }
    effective.insert("cpu.affinity".to_owned(), cpus(pid)?);
    Ok(effective)
}

fn cpus(pid: i32) -> Result<String, String> {
    let set = sched_getaffinity(Pid::from_raw(pid)).map_err(|e| format!("its CPUs cannot be read: {e}"))?;
    let cpus: Vec<String> =
        (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).map(|cpu| cpu.to_string()).collect();
    let list = cpus.join(",");
    Ok(knobs::check("cpu.affinity", &list).unwrap_or(list))
}

/// `my-service 0123456789abcdef`: the name of the file that a process runs, and the digest of what is in it.
pub(super) fn binary(pid: i32) -> Result<String, String> {
    let link = format!("/proc/{pid}/exe");
    let path = fs::read_link(&link).map_err(|e| format!("which file it runs cannot be read: {e}"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.trim_end_matches(" (deleted)");
    Ok(format!("{name} {}", hashed(&link)?))
}

/// The digest of a file, computed once for each state of it.
fn hashed(link: &str) -> Result<String, String> {
    type Key = (u64, u64, u64, i64, i64);
    static KNOWN: Mutex<BTreeMap<Key, String>> = Mutex::new(BTreeMap::new());
    let failed = |e: std::io::Error| format!("the file it runs cannot be read: {e}");
    let file = fs::File::open(PathBuf::from(link)).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let key = (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec());
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let digest = digest::of_file(file).map_err(failed)?;
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, digest.clone());
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tunables_that_glibc_took_apart_are_one_variable() {
        let environ = b"A=1\0GLIBC_TUNABLES=glibc.malloc.arena_max=2\0glibc.malloc.top_pad=4096\0B=2\0glibc.x=3\0";
        let found = parsed(environ);
        assert_eq!(found["GLIBC_TUNABLES"], "glibc.malloc.arena_max=2:glibc.malloc.top_pad=4096");
        assert_eq!((found["A"].as_str(), found["B"].as_str(), found["glibc.x"].as_str()), ("1", "2", "3"));
    }

    #[test]
    fn two_tunables_of_a_running_program_are_read_back() {
        let asked = "glibc.malloc.arena_max=2:glibc.malloc.top_pad=4096";
        let mut child = std::process::Command::new("sleep").arg("60").env("GLIBC_TUNABLES", asked).spawn().unwrap();
        let pid = child.id().cast_signed();
        // It is another program first, and then glibc's loader has to begin.
        while !words(pid).is_some_and(|words| words.first().is_some_and(|word| word.ends_with("sleep"))) {
            std::thread::yield_now();
        }
        let found = variables(pid).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found["GLIBC_TUNABLES"], asked);
    }

    #[test]
    fn what_was_set_and_is_not_there_is_named() {
        let asked = map(&[("FIX", "1")]);
        assert_eq!(lacks_variable(&asked, &map(&[("FIX", "1"), ("PATH", "/bin")])), None);
        let lacks = |found: &[(&str, &str)]| lacks_variable(&asked, &map(found)).unwrap();
        assert_eq!(lacks(&[("FIX", "2")]), "the variable FIX = 1 was set, and the process runs with 2");
        assert_eq!(lacks(&[]), "the variable FIX = 1 was set, and the process runs without it");
    }

    #[test]
    fn settings_come_back_in_the_spelling_of_the_scenario() {
        let own = std::process::id().cast_signed();
        let variables = map(&[("PORT", "4711"), ("FIX", "0"), ("GOGC", "50"), ("_RJEM_MALLOC_CONF", "narenas:2,a:1")]);
        let requested = map(&[
            ("env.PORT", "${port}"),
            ("env.FIX", "1"),
            ("env.MISSING", "1"),
            ("go.gogc", "50"),
            ("go.gomaxprocs", "2"),
            ("allocator.jemalloc.narenas", "2"),
        ]);
        let mut found = settings(own, &requested, &variables, 4711).unwrap();
        assert!(found.remove("cpu.affinity").is_some());
        let expected =
            [("env.PORT", "${port}"), ("env.FIX", "0"), ("go.gogc", "50"), ("allocator.jemalloc.narenas", "2")];
        assert_eq!(found, map(&expected));
    }

    #[test]
    fn the_file_of_this_process_has_a_digest() {
        let own = std::process::id().cast_signed();
        let binary = binary(own).unwrap();
        let (name, digest) = binary.rsplit_once(' ').unwrap();
        assert!(name.starts_with("workbench") && digest.len() == 16, "{binary}");
        assert!(variables(own).is_some() && !words(own).unwrap().is_empty());
    }
}
