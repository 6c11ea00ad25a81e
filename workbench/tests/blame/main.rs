//! Do the findings name the planted fault? One test for each program of `programs` and of the strangers, and the score
//! of them all.
//!
//! `cargo test --release -p workbench --test blame -- --ignored --test-threads 1` runs everything: about a minute and a half
//! a program on an idle machine of two CPUs. With a name at its end it runs that program alone; `.ci/run` runs those of
//! `fast`. Two kinds of mistake are counted apart: the wrong place on a broken program, and any blame on a healthy one.

#![allow(clippy::print_stderr, reason = "the score is for whoever asked for it")]

mod attach;
mod case;
mod cases;
mod client;
mod each;
mod go;
mod marker;
mod quota;
mod score;
mod subject;
mod verdict;
mod well;

use cases::{Case, named};
use score::Row;
use subject::Twin;

/// A broken program may be looked at this often, and the best counts: `BLAME_ATTEMPTS`, or three times.
fn most_attempts() -> u32 {
    let said = std::env::var("BLAME_ATTEMPTS").ok();
    said.map_or(3, |said| said.parse().expect("`BLAME_ATTEMPTS` is a number"))
}

/// Runs both twins of a program and keeps its row of the score.
fn score(case: &Case) -> Row {
    let mut row = Row::of(case);
    let attempts = match (case.slugs, subject::is_replay()) {
        ([], _) => 0,
        (_, true) => 1,
        (_, false) => most_attempts(),
    };
    for attempt in 1..=attempts {
        let result = subject::explained(case, Twin::Broken);
        row.broken = row.broken.max(verdict::of_broken(case, &result));
        eprintln!("{} broken, attempt {attempt}: {}", case.name, verdict::shown(&result));
        if row.broken.is_right() {
            break;
        }
    }
    let result = subject::explained(case, Twin::Healthy);
    eprintln!("{} healthy: {}", case.name, verdict::shown(&result));
    row.healthy = verdict::of_healthy(case, &result);
    row.keep();
    row
}

fn check(name: &str) {
    if subject::is_unable() {
        return;
    }
    let case = named(name);
    if subject::is_unbuildable(case) {
        return;
    }
    let row = score(case);
    eprintln!("{}", score::table());
    assert!(case.slugs.is_empty() || row.broken.is_right(), "{name}, broken: {}", row.broken);
    assert!(row.healthy.is_right(), "{name}, healthy: {}", row.healthy);
}

/// What `.ci/run` runs: mechanisms that show however little CPU there is. The places alone are asserted: on a machine of
/// many neighbours a healthy program may wait for a CPU, and say so.
#[test]
#[ignore = "builds the programs and runs three of them under load"]
fn fast() {
    if subject::is_unable() {
        return;
    }
    for name in ["backoff", "token-refresh", "ticket"] {
        let case = named(name);
        let mut starved = true;
        let right = (0..most_attempts()).any(|_| {
            let result = subject::explained_at_its_rate(case, Twin::Broken);
            eprintln!("{name}: {}", verdict::shown(&result));
            starved &= verdict::is_starved(&result);
            verdict::of_broken(case, &result).is_right()
        });
        if !right && starved {
            subject::skipped(&format!(
                "{name}: the load driver never kept up: this machine is too busy to blame anybody"
            ));
            continue;
        }
        assert!(right, "`{name}` was not blamed on its fault");
    }
}
