//! What was found, for a person.

use std::fmt::Write as _;

use reports::render::printable;

use super::{Findings, Hot, Place};
use crate::ui;

/// Threads shown.
const MOST_THREADS: usize = 12;

pub(super) fn text(found: &Findings, width: usize) -> String {
    let mut out = String::new();
    let ended = if found.ended { "it ended while it was watched" } else { "nothing of it was restarted" };
    let _ = writeln!(out, "{} (process {}) over {:.1} s; {ended}", printable(&found.program), found.pid, found.wall_s);
    out += &ui::paragraph(&format!("{}; {}", found.sampler, found.coverage), 2, width);
    doubts(&mut out, found, width);
    heading(&mut out, "Where CPU time went (each function's own)");
    hot(&mut out, &found.hot, |value| format!("{value} samples"));
    heading(&mut out, "Where threads waited (thread time from leaving a CPU to coming back)");
    if found.without_waits.is_empty() {
        hot(&mut out, &found.waits, |nanoseconds| seconds(nanoseconds as f64 / 1e9));
    } else {
        out += &ui::paragraph(&found.without_waits, 2, width);
    }
    heading(&mut out, "Threads");
    let _ =
        writeln!(out, "  {:<16} {:>8} {:>9} {:>9} {:>10} {:>8}", "name", "tid", "CPU", "blocked", "preempted", "waits");
    for thread in found.threads.iter().take(MOST_THREADS) {
        let name: String = printable(&thread.name).chars().take(16).collect();
        let _ = writeln!(
            out,
            "  {name:<16} {:>8} {:>9} {:>9} {:>10} {:>8}",
            thread.tid,
            seconds(thread.cpu_s),
            seconds(thread.blocked_s),
            seconds(thread.preempted_s),
            thread.waits
        );
    }
    if found.threads.len() > MOST_THREADS {
        let _ = writeln!(out, "  and {} more: attach.json has them all", found.threads.len() - MOST_THREADS);
    }
    let _ = writeln!(out, "\nIn {}: {}", found.folder.display(), found.files.join(", "));
    if found.files.iter().any(|file| file == "cpu.pb.gz") {
        let _ = writeln!(out, "  go tool pprof -http=: {}", found.folder.join("cpu.pb.gz").display());
    }
    out
}

fn doubts(out: &mut String, found: &Findings, width: usize) {
    let mut say = |doubt: String| *out += &ui::paragraph(&format!("note: {doubt}"), 2, width);
    if found.samples == 0 {
        say("it used no CPU while it was watched: look at the waits, and whether it had anything to do".to_owned());
    } else if found.coverage_ratio.is_some_and(|ratio| ratio < flamegraphs::Coverage::LOW) {
        say("less than 90 % of the CPU that it used was seen".to_owned());
    }
    if found.lost > 0 {
        say(format!("{} records were lost, since they came faster than they could be read", found.lost));
    }
    if found.rootless > 0.1 {
        say(format!("{:.0} % of the stacks break off before their root", 100.0 * found.rootless));
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "\n{}", ui::bold(text));
}

fn hot(out: &mut String, all: &[Hot], value: impl Fn(i64) -> String) {
    if all.is_empty() {
        let _ = writeln!(out, "  nowhere");
    }
    for one in all {
        let callers = match one.callers.as_slice() {
            [] => String::new(),
            callers => format!("  ← {}", printable(&callers.join(" ← "))),
        };
        let _ = writeln!(out, "  {:>5.1} %  {}  ({}){callers}", 100.0 * one.share, place(&one.place), value(one.value));
    }
}

fn place(place: &Place) -> String {
    let function = printable(&place.function);
    match (place.file.as_str(), place.line) {
        ("", _) => function,
        (file, 0) => format!("{function} ({})", printable(short(file))),
        (file, line) => format!("{function} ({}:{line})", printable(short(file))),
    }
}

/// A path without what leads to the sources of a registry or of the compiler: `serde-1.0.1/src/lib.rs`,
/// `core/src/ops/bit.rs`.
fn short(file: &str) -> &str {
    let behind = |mark: &str, skip: usize| {
        let (_, rest) = file.split_once(mark)?;
        rest.splitn(skip + 1, '/').nth(skip)
    };
    behind("/registry/src/", 1).or_else(|| behind("/rustc/", 2)).unwrap_or(file)
}

fn seconds(value: f64) -> String {
    match value {
        value if value >= 1.0 => format!("{value:.2} s"),
        value if value >= 1e-3 => format!("{:.1} ms", 1e3 * value),
        value if value > 0.0 => format!("{:.0} µs", 1e6 * value),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attach::ThreadTime;

    fn found() -> Findings {
        let place = Place { function: "app::ledger::post".into(), file: "src/ledger.rs".into(), line: 41 };
        let hot = Hot { place, share: 0.625, value: 2_500_000_000, callers: vec!["app::serve".into()] };
        Findings {
            pid: 4711,
            program: "shop\u{1b}[2J".into(),
            wall_s: 10.0,
            ended: false,
            sampler: "perf events at 999 Hz from outside".into(),
            coverage: "coverage 80 %: 80 samples".into(),
            coverage_ratio: Some(0.8),
            samples: 80,
            lost: 3,
            rootless: 0.25,
            hot: vec![Hot { value: 50, ..hot.clone() }],
            waits: vec![hot],
            threads: vec![ThreadTime {
                name: "tokio-rt-worker".into(),
                tid: 4712,
                cpu_s: 1.25,
                blocked_s: 8.7,
                preempted_s: 0.000_05,
                waits: 120,
            }],
            without_waits: String::new(),
            folder: "attached/shop".into(),
            files: vec!["cpu.pb.gz".into(), "cpu.svg".into()],
        }
    }

    #[test]
    fn a_person_reads_places_threads_and_doubts() {
        insta::assert_snapshot!(text(&found(), 100));
    }

    #[test]
    fn paths_of_libraries_are_short() {
        assert_eq!(short("/home/me/.cargo/registry/src/index-0123/serde-1.0.1/src/lib.rs"), "serde-1.0.1/src/lib.rs");
        assert_eq!(short("/rustc/59807616/library/core/src/ops/bit.rs"), "core/src/ops/bit.rs");
        assert_eq!(short("src/main.rs"), "src/main.rs");
    }

    #[test]
    fn an_idle_process_is_no_riddle() {
        let idle = Findings {
            hot: vec![],
            waits: vec![],
            samples: 0,
            without_waits: "waits were not asked for".into(),
            ..found()
        };
        insta::assert_snapshot!(text(&idle, 60));
    }
}
