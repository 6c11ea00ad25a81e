//! What may be offered as what to run next.

/// The shapes of commands that `workbench/tests/command/plans.rs` runs, `show` and `explain` of a run besides.
pub(super) fn is_offered(command: &str) -> bool {
    let kinds = ["cpu", "wait", "trace", "cpu,wait", "cpu,trace", "cpu,tasks", "wait,trace", "cpu,wait,trace"];
    let of_run = ["workbench explain 20260102-030405-app-abcd", "workbench show 20260102-030405-app-abcd --tasks"];
    let asked = command.strip_prefix("workbench run --evidence ").and_then(|rest| rest.split_once(' '));
    let flags = ["", "--duration 60s ", "--ladder off --concurrency 1 "];
    let rest = |rest: &str| flags.iter().any(|flags| rest == format!("{flags}{SCENARIO}")) || is_gentler(rest);
    asked.is_some_and(|(evidence, after)| kinds.contains(&evidence) && rest(after))
        || of_run.contains(&command)
        || command == "cargo build --release"
        || command.starts_with("workbench attach ") && command.ends_with(" --tasks")
}

/// `--rate` with a number, one trial; for longer or not.
fn is_gentler(rest: &str) -> bool {
    let rest = rest.strip_prefix("--duration 60s ").unwrap_or(rest);
    let rate = rest.strip_prefix("--rate ").and_then(|rest| rest.split_once(' '));
    rate.is_some_and(|(rate, rest)| rate.parse::<f64>().is_ok() && rest == format!("--trials 1 {SCENARIO}"))
}

pub(super) const SCENARIO: &str = "shop.toml --variant default";
