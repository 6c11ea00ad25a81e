//! The command line of a service: which program, which of the twins, and its port.

use std::process::ExitCode;

/// Which of the twins to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twin {
    Broken,
    Healthy,
}

/// A name, and what it runs.
pub(crate) type Program = fn(Twin, u16) -> std::io::Result<()>;

/// Runs the program that the arguments name.
pub(crate) fn run(programs: &[(&str, Program)]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, twin, port] = &arguments[..] else { return usage(programs, "three arguments are needed") };
    let Some((_, run)) = programs.iter().find(|(name, _)| name == program) else {
        return usage(programs, &format!("no program is called `{program}`"));
    };
    let twin = match twin.as_str() {
        "broken" => Twin::Broken,
        "healthy" => Twin::Healthy,
        other => return usage(programs, &format!("`{other}` is neither `broken` nor `healthy`")),
    };
    let Ok(port) = port.parse() else { return usage(programs, &format!("`{port}` is not a port")) };
    match join_group().and_then(|()| run(twin, port)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Goes under a quota where there is one: `FAULTY_GROUP` is the control group's list of processes.
fn join_group() -> std::io::Result<()> {
    match std::env::var_os("FAULTY_GROUP") {
        Some(processes) => std::fs::write(processes, std::process::id().to_string()),
        None => Ok(()),
    }
}

fn usage(programs: &[(&str, Program)], problem: &str) -> ExitCode {
    let names: Vec<&str> = programs.iter().map(|(name, _)| *name).collect();
    eprintln!("error: {problem}\nusage: faulty PROGRAM broken|healthy PORT\nprograms: {}", names.join(" "));
    ExitCode::from(2)
}
