//! Who is measured against whom.

use std::path::{Path, PathBuf};

use reports::baseline::{Baseline, Found, KeptProgram, Shelf};
use reports::limits::GateSide;
use reports::run::BuildInfo;
use scenarios::resolve::Resolved;
use scenarios::spec::{Program, Scenario, Variant};

use super::{Against, BASE, CANDIDATE, GateWish, Side, Sides, revision};
use crate::child::protocol::PROTOCOL;
use crate::exit::Refusal;
use crate::{build_info, digest, machine};

/// Finds both sides. A revision is built, telling `say`.
pub(super) fn of(
    wish: &GateWish,
    resolved: &Resolved,
    shelf: &Shelf,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Sides> {
    let mut notes = Vec::new();
    let (first, others) = resolved
        .variants
        .split_first()
        .ok_or_else(|| Refusal::usage("the scenario has no variants: nothing can be gated"))?;
    let judged = match (&wish.against, others) {
        (Against::First, [second]) => second,
        (Against::First, _) => {
            return Err(Refusal::usage(
                "a gate without `--against` needs two variants by command: `--vary-cmd base=./old --vary-cmd new=./new`",
            ));
        }
        (Against::Variant(name), _) => {
            let other = resolved.variants.iter().find(|variant| variant.name != *name);
            other.ok_or_else(|| Refusal::usage(format!("`{name}` is the only variant: nothing is left to judge")))?
        }
        (_, []) => first,
        (_, others) => {
            let names: Vec<_> = others.iter().map(|other| format!("`{}`", other.name)).collect();
            notes.push(format!(
                "variant `{}` is gated; {} with `--variant`",
                first.name,
                if names.len() == 1 { format!("{} is", names[0]) } else { format!("{} are", names.join(", ")) }
            ));
            first
        }
    };
    let scenario = &resolved.scenario;
    let candidate = match &wish.candidate {
        Some(name) => kept(name, judged, scenario, shelf, &mut notes)?,
        None => here(judged, scenario)?,
    };
    let base = match &wish.against {
        Against::Baseline(name) => kept(name, judged, scenario, shelf, &mut notes)?,
        Against::Revision { revision, build } => {
            revision::side(revision, build.as_deref(), judged, scenario, shelf, say)?
        }
        Against::Variant(name) => {
            let found = resolved.variants.iter().find(|variant| variant.name == *name);
            let found = found.ok_or_else(|| unknown_variant(name, resolved))?;
            here(found, scenario)?
        }
        Against::First => here(first, scenario)?,
    };
    if base.told.binary == candidate.told.binary
        && !base.told.binary.is_empty()
        && base.variant.settings == candidate.variant.settings
    {
        notes.push("both sides are the very same program with the same settings: only noise can differ".to_owned());
    }
    Ok(Sides { base: named(base, BASE), candidate: named(candidate, CANDIDATE), notes })
}

fn unknown_variant(name: &str, resolved: &Resolved) -> anyhow::Error {
    let names: Vec<_> = resolved.variants.iter().map(|variant| format!("`{}`", variant.name)).collect();
    Refusal::usage(format!("no variant `{name}` to measure against; there are {}", names.join(", ")))
}

/// A side under the name that it has in the gate's run.
fn named(mut side: Side, name: &str) -> Side {
    side.variant.summary = match side.variant.summary.is_empty() {
        true => side.told.from.clone(),
        false => format!("{}: {}", side.told.from, side.variant.summary),
    };
    side.told.original = std::mem::replace(&mut side.variant.name, name.to_owned());
    side.told.variant = name.to_owned();
    side
}

/// This build, or the program given.
fn here(variant: &Variant, scenario: &Scenario) -> anyhow::Result<Side> {
    let (commit, binary, from) = match &scenario.subject {
        None => {
            let build = build_info::read();
            (build.commit, build.binary, format!("this build, variant {}", variant.name))
        }
        Some(program) => {
            let (file, hash) = file_of(program, variant)?;
            (String::new(), hash, format!("{}, variant {}", file.display(), variant.name))
        }
    };
    let told = GateSide { variant: String::new(), original: String::new(), from, commit, binary };
    Ok(Side { variant: variant.clone(), program: None, told })
}

/// A kept program in the place of this one.
fn kept(
    name: &str,
    variant: &Variant,
    scenario: &Scenario,
    shelf: &Shelf,
    notes: &mut Vec<String>,
) -> anyhow::Result<Side> {
    let folder = std::env::current_dir()?;
    let found = shelf.find(name, &folder).map_err(Refusal::usage)?;
    let baseline = &found.baseline;
    comparable(baseline, scenario)?;
    if baseline.host.fingerprint != machine::read().fingerprint {
        notes.push(format!(
            "baseline `{}` was measured on another kind of host ({}): its numbers are not used, its program is measured \
             again here",
            baseline.name, baseline.host.cpu
        ));
    }
    let program = baseline.program(&variant.name).ok_or_else(|| {
        let names: Vec<_> = baseline.programs.iter().map(|kept| format!("`{}`", kept.variant)).collect();
        Refusal::usage(format!(
            "baseline `{}` kept no program of variant `{}`; it has {}",
            baseline.name,
            variant.name,
            names.join(", ")
        ))
    })?;
    let file = intact(&found, program)?;
    let commit = if scenario.subject.is_none() { baseline.build.commit.clone() } else { String::new() };
    let from = match commit.as_str() {
        "" => format!("baseline {}", baseline.name),
        commit => format!("baseline {} (commit {commit})", baseline.name),
    };
    let told = GateSide { variant: String::new(), original: String::new(), from, commit, binary: program.hash.clone() };
    let file = file.canonicalize()?;
    Ok(with_program(variant, scenario, file, told))
}

/// A variant that runs this file: in the place of this executable, or of the first word of its command.
pub(super) fn with_program(variant: &Variant, scenario: &Scenario, file: PathBuf, told: GateSide) -> Side {
    let mut variant = variant.clone();
    match &scenario.subject {
        None => Side { variant, program: Some(file), told },
        Some(program) => {
            let mut command = variant.command.clone().unwrap_or_else(|| program.command.clone());
            if let Some(first) = command.first_mut() {
                *first = file.to_string_lossy().into_owned();
            }
            variant.command = Some(command);
            Side { variant, program: None, told }
        }
    }
}

/// Whether a baseline may be measured beside this build, under this scenario.
fn comparable(baseline: &Baseline, scenario: &Scenario) -> anyhow::Result<()> {
    let name = &baseline.name;
    let refuse = |why: String| Err(Refusal::usage(format!("baseline `{name}` is not comparable: {why}")));
    if baseline.scenario != scenario.name {
        return refuse(format!("it is of scenario `{}`, and this is `{}`", baseline.scenario, scenario.name));
    }
    if baseline.scenario_version != scenario.version {
        return refuse(format!(
            "it is of version {} of the scenario, and this is version {}; save another with `run {} --save-as`",
            baseline.scenario_version, scenario.version, scenario.name
        ));
    }
    let here = machine::read();
    if baseline.host.os != here.os {
        return refuse(format!("its program is for {}, and this is {}", baseline.host.os, here.os));
    }
    if scenario.subject.is_some() {
        return match baseline.protocol {
            None => Ok(()),
            Some(_) => refuse("it is of a workload of a catalogue, and this scenario starts a program".to_owned()),
        };
    }
    match baseline.protocol {
        Some(PROTOCOL) => {}
        Some(other) => {
            return refuse(format!(
                "its program speaks version {other} of the talk between workbench and its child, and this one version \
                 {PROTOCOL}; build it from its commit again (`--against-rev {}`), or save another",
                baseline.build.commit
            ));
        }
        None => return refuse("it kept a program that is not ours, and this scenario has a workload".to_owned()),
    }
    same_build(&baseline.build, &build_info::read()).map_or(Ok(()), refuse)
}

/// Why two builds must not be compared: what differs would be the compiler's flags, not the code.
pub(super) fn same_build(then: &BuildInfo, now: &BuildInfo) -> Option<String> {
    if then.profile != now.profile {
        return Some(format!("it was built with profile `{}`, and this is `{}`", then.profile, now.profile));
    }
    let differing = |a: &BuildInfo, b: &BuildInfo| -> Vec<String> {
        a.flags.iter().filter(|flag| !b.flags.contains(flag)).map(|flag| format!("`{flag}`")).collect()
    };
    let (only_then, only_now) = (differing(then, now), differing(now, then));
    match (only_then.is_empty(), only_now.is_empty()) {
        (true, true) => None,
        (false, _) => Some(format!("it was built with {}, and this was not", only_then.join(", "))),
        (true, false) => Some(format!("this was built with {}, and it was not", only_now.join(", "))),
    }
}

/// The kept file, if it still is what was kept.
fn intact(found: &Found, program: &KeptProgram) -> anyhow::Result<PathBuf> {
    let file = found.file(program).map_err(Refusal::usage)?;
    let hash = digest::of_file(std::fs::File::open(&file)?)?;
    if hash == program.hash {
        return Ok(file);
    }
    Err(Refusal::usage(format!(
        "baseline `{}`: its program {} is damaged (its content has hash {hash}): save another with `run … --save-as`",
        found.baseline.name,
        file.display()
    )))
}

/// The file that a variant of a program starts, and its hash.
pub(super) fn file_of(program: &Program, variant: &Variant) -> anyhow::Result<(PathBuf, String)> {
    let folder = program.folder.as_deref().unwrap_or(Path::new("."));
    let command = program.command_of(variant);
    let file = crate::subject::external::located(&command, folder).map_err(Refusal::usage)?;
    let hash = digest::of_file(std::fs::File::open(&file)?)?;
    Ok((file, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_differ_by_profile_and_flags_not_by_commit() {
        let build = |profile: &str, flags: &[&str], commit: &str| BuildInfo {
            profile: profile.to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            commit: commit.to_owned(),
            ..BuildInfo::default()
        };
        let now = build("release", &["tokio_unstable"], "b");
        assert_eq!(same_build(&build("release", &["tokio_unstable"], "a"), &now), None);
        let told = [
            build("dev", &[], "a"),
            build("release", &[], "a"),
            build("release", &["tokio_unstable", "debug-assertions"], "a"),
        ]
        .map(|then| same_build(&then, &now).unwrap());
        insta::assert_snapshot!(told.join("\n"), @r"
        it was built with profile `dev`, and this is `release`
        this was built with `tokio_unstable`, and it was not
        it was built with `debug-assertions`, and this was not
        ");
    }
}
