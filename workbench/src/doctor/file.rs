//! `doctor --binary`: how much of a program its file lets a profile name.

use std::path::Path;

use flamegraphs::capture::tasks::traceable;

use super::{Check, Health};
use crate::binary::{self, Binary, Mangling};

/// Share of functions with a frame pointer above which stacks can be walked by them.
const KEPT: f64 = 0.8;
/// And below which they cannot: std of Rust has them whatever the program was built with.
const FEW: f64 = 0.4;

/// Everything that can be told of an executable.
///
/// # Errors
/// A file that cannot be read or is no program, as a sentence.
pub fn examine(path: &Path) -> Result<Vec<Check>, String> {
    std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = Binary::read(path)
        .ok_or_else(|| format!("{} is no ELF executable: give the program itself, not a script", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let tasks = traceable(path).map_err(|error| error.to_string());
    Ok(checks(&file, &name, &tasks))
}

fn checks(file: &Binary, name: &str, tasks: &Result<Vec<String>, String>) -> Vec<Check> {
    let mut all = vec![symbols(file), lines(file), frame_pointers(file)];
    if file.symbols > 0 && !file.go {
        all.push(mangling(file));
    }
    all.extend([build_id(file), tokio(file, tasks)]);
    if !file.allocators.is_empty() {
        let found = file.allocators.join(", ");
        all.push(check("allocator", Health::Good, found, "which knobs and figures there are", ""));
    }
    if let Some(told) = binary::interpreter(name) {
        let fix = "profile the native frames here, the script by the tool named";
        all.push(check("interpreter", Health::Notice, told, "lines of a script", fix));
    }
    all
}

fn check(
    name: &'static str,
    health: Health,
    found: impl Into<String>,
    needed_by: &str,
    fix: impl Into<String>,
) -> Check {
    Check { name, health, found: found.into(), needed_by: needed_by.to_owned(), fix: fix.into() }
}

fn symbols(file: &Binary) -> Check {
    let needed = "names of functions in every profile";
    if file.symbols > 0 {
        check("symbols", Health::Good, format!("{} functions have names", file.symbols), needed, "")
    } else if file.go {
        check("symbols", Health::Good, "stripped, but Go's own table of functions is there", needed, "")
    } else {
        let fix = "build with `strip = false` in the profile, or do not call `strip`";
        check("symbols", Health::Bad, "stripped: functions have no names", needed, fix)
    }
}

fn lines(file: &Binary) -> Check {
    let needed = "`file:line` and inlined functions";
    if file.lines {
        check("line tables", Health::Good, "there", needed, "")
    } else if file.go {
        check(
            "line tables",
            Health::Good,
            "no DWARF, but Go's own table of lines is there for its endpoints",
            needed,
            "",
        )
    } else {
        let fix = "build with `debug = 1` in the profile: 30 % more bytes on disk, nothing at run time";
        check("line tables", Health::Notice, "none: functions without lines, inlined ones unseen", needed, fix)
    }
}

fn frame_pointers(file: &Binary) -> Check {
    let needed = "cheap and whole stacks; without them stacks are unwound by tables";
    let fix = "RUSTFLAGS=\"-C force-frame-pointers=yes\" for Rust, -fno-omit-frame-pointer for C";
    match file.frame_pointers {
        // Its functions first ask for room on the stack (runtime/asm_amd64.s, morestack).
        _ if file.go => check("frame pointers", Health::Good, "Go keeps them", needed, ""),
        Some(share) if share >= KEPT => check(
            "frame pointers",
            Health::Good,
            format!("{:.0} % of the functions keep one", 100.0 * share),
            needed,
            "",
        ),
        Some(share) => {
            let who = if share >= FEW { "part of the functions" } else { "few functions, those of libraries" };
            let found = format!("{who} keep one ({:.0} %)", 100.0 * share);
            check("frame pointers", Health::Notice, found, needed, fix)
        }
        None => {
            check("frame pointers", Health::Notice, "cannot be told without symbols, or on this processor", needed, fix)
        }
    }
}

fn mangling(file: &Binary) -> Check {
    let needed = "generic arguments in names, so that tasks are told apart by what they run";
    match file.mangling {
        Mangling::None => check("mangling", Health::Good, "no names of Rust", needed, ""),
        Mangling::V0 => check("mangling", Health::Good, "v0: names have their generic arguments", needed, ""),
        Mangling::Legacy => check(
            "mangling",
            Health::Notice,
            "legacy: names have no generic arguments",
            needed,
            "RUSTFLAGS=\"-C symbol-mangling-version=v0\"",
        ),
    }
}

fn build_id(file: &Binary) -> Check {
    let needed = "telling whether a profile and a binary belong together";
    if file.build_id.is_empty() {
        let fix = "link with `-Wl,--build-id` (RUSTFLAGS=\"-C link-arg=-Wl,--build-id\")";
        check("build id", Health::Notice, "none", needed, fix)
    } else {
        check("build id", Health::Good, file.build_id.clone(), needed, "")
    }
}

fn tokio(file: &Binary, tasks: &Result<Vec<String>, String>) -> Check {
    let needed = "tracing tasks from outside, by uprobes";
    let version = file.tokio.as_ref().map(|version| format!("tokio {version}")).unwrap_or_else(|| "tokio".to_owned());
    match tasks {
        Ok(lacks) if lacks.is_empty() => {
            check("tokio", Health::Good, format!("{version}: every function to trace tasks by was found"), needed, "")
        }
        Ok(lacks) => {
            let fix = "build without `lto = \"fat\"`, which inlines them, or know what is missing";
            check("tokio", Health::Notice, format!("{version}, but {}", lacks.join("; ")), needed, fix)
        }
        Err(_) if file.tokio.is_none() && file.symbols > 0 => {
            let found = if file.go { "none: a Go program".to_owned() } else { "none in the file itself".to_owned() };
            let fix = if file.go { "ask its endpoints: `workbench attach URL`" } else { "" };
            let health = if fix.is_empty() { Health::Good } else { Health::Notice };
            check("tokio", health, found, needed, fix)
        }
        Err(why) => check("tokio", Health::Notice, why.clone(), needed, "as it says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(file: &Binary, name: &str, tasks: &Result<Vec<String>, String>) -> String {
        let line = |check: &Check| {
            let fix = if check.fix.is_empty() { String::new() } else { format!(" → {}", check.fix) };
            format!("{:?} {}: {}{fix}", check.health, check.name, check.found)
        };
        checks(file, name, tasks).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_binary_is_told_what_it_lacks() {
        let best = Binary {
            build_id: "a0877c".into(),
            symbols: 4711,
            lines: true,
            frame_pointers: Some(0.97),
            mangling: Mangling::V0,
            tokio: Some("1.54.1".into()),
            allocators: vec!["jemalloc".into()],
            ..Binary::default()
        };
        let stripped = Binary::default();
        let go = Binary { go: true, symbols: 9, ..Binary::default() };
        insta::assert_snapshot!(
            [
                lines(&best, "shop", &Ok(vec![])),
                lines(
                    &Binary { mangling: Mangling::Legacy, frame_pointers: Some(0.5), ..best },
                    "shop",
                    &Ok(vec!["ends of tasks are not seen".into()])
                ),
                lines(&stripped, "shop", &Err("shop is stripped".into())),
                lines(&go, "faulty", &Err("no tokio".into())),
                lines(&stripped, "python3.11", &Err("no tokio".into())),
            ]
            .join("\n\n")
        );
    }

    #[test]
    fn this_executable_can_be_examined() {
        let checks = examine(Path::new("/proc/self/exe")).unwrap();
        assert!(checks.iter().any(|check| check.name == "symbols" && check.health == Health::Good), "{checks:?}");
        assert!(examine(Path::new("/proc/self/status")).unwrap_err().contains("no ELF"));
        assert!(examine(Path::new("/no/such/file")).unwrap_err().contains("/no/such/file"));
    }
}
