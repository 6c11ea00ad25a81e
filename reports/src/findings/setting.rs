//! Which setting of the runtime to try for a mechanism, as the next command: what it would change tells whether the mechanism is what it
//! is taken for, and how much of the trouble a setting takes away where nobody can change the program today.

use super::cause::Cause;
use super::experiment;
use super::joined::Joined;
use super::tokens::word_at;

/// How many times the workers are offered: enough that hardly ever all of them are kept at once.
const TIMES: u32 = 4;
/// As many as anybody would try.
const MOST: u32 = 1024;
/// How threads of tokio's runtimes are called, workers and blocking ones alike, cut off by the kernel or not.
const WORKERS: [&str; 2] = ["tokio-rt-worker", "tokio-runtime-w"];
const KNOB: &str = "runtime.worker_threads";
const GO_KNOB: &str = "go.gomaxprocs";
/// Pairs that can show a difference in each of the six metrics that variants are compared in: the smallest p of the signed-rank test
/// is 2/2⁸ then, and six times that is below 5 % (Holm).
const PAIRS: u32 = 8;
/// Go's default, and what collects a quarter as often, `GOGC` in percent.
const GOGC: [u32; 2] = [100, 400];

/// The line on which a source says how many workers a runtime has.
pub(super) fn sets_workers(tokens: &[(u32, String)]) -> Option<u32> {
    let sets = |at: &usize| word_at(tokens, *at) == "worker_threads" && matches!(word_at(tokens, at + 1), "(" | "=");
    (0..tokens.len()).find(sets).map(|at| tokens[at].0)
}

/// Whether a thread is one of tokio's, by its name.
pub(super) fn is_worker(thread: &str) -> bool {
    WORKERS.iter().any(|name| thread.starts_with(name))
}

/// Offers more workers for what keeps others waiting that are ready on one of them.
pub(super) fn offer_workers(joined: &Joined<'_>, cause: &mut Cause) {
    let on_workers = joined.cpu.is_some_and(|cpu| cpu.rows.iter().any(|row| is_worker(&row.thread)));
    let asked = asked(joined, KNOB);
    if !on_workers || joined.attached {
        return;
    }
    if let (None, Some((file, line))) = (asked, sets_them(joined)) {
        cause.refuted_by.push_str(&format!(
            "; or with {TIMES} times the workers, which {file}:{line} decides on, the others would wait as long"
        ));
        return;
    }
    // tokio takes as many as there are CPUs, quota included (`std::thread::available_parallelism`).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "CPUs of a machine")]
    let workers = asked.unwrap_or(joined.cpus.floor().clamp(1.0, f64::from(MOST)) as u32);
    let more = (TIMES * workers).min(MOST);
    vary(cause, &format!("{KNOB}={workers},{more}"), &format!("with {more} workers the others would wait as long"));
}

/// Offers to a program that used up its quota of CPU as many threads at work as that has CPUs, where it has more: these use it up in a
/// part of each period, and all of them stand still for the rest (kernel, `sched-bwc`).
pub(super) fn offer_threads_of_quota(joined: &Joined<'_>, cause: &mut Cause) {
    if joined.attached || joined.cpus <= 0.0 || joined.cpus >= joined.machine_cpus {
        return;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "CPUs of a machine")]
    let [granted, there] =
        [joined.cpus, joined.machine_cpus].map(|cpus| cpus.ceil().clamp(1.0, f64::from(MOST)) as u32);
    let asked = |knob| asked(joined, knob);
    let is_go = joined.build.is_some_and(|build| build.go);
    // tokio takes no more than the quota grants by itself; Go before 1.25 takes all that there are.
    let (knob, has) =
        if is_go { (GO_KNOB, asked(GO_KNOB).unwrap_or(there)) } else { (KNOB, asked(KNOB).unwrap_or(granted)) };
    if has > granted {
        vary(
            cause,
            &format!("{knob}={has},{granted}"),
            &format!("with {granted} of them it would be stopped as often"),
        );
        return;
    }
    if let Some((file, line)) = sets_them(joined).filter(|_| !is_go) {
        cause.refuted_by.push_str(&format!(
            "; or with no more workers than the quota has CPUs, {granted}, which {file}:{line} decides on, it would be stopped as often"
        ));
    }
}

/// What a setting is, where it was asked for.
fn asked(joined: &Joined<'_>, knob: &str) -> Option<u32> {
    joined.knobs?.get(knob)?.parse().ok()
}

/// The line of the program that says how many workers there are.
fn sets_them<'a>(joined: &Joined<'a>) -> Option<(&'a String, u32)> {
    joined.loops.into_iter().flat_map(|loops| &loops.files).find_map(|(file, lines)| Some((file, lines.sets_workers?)))
}

/// Offers a rarer collection of garbage to a program of Go.
pub(super) fn offer_rarer_collection(joined: &Joined<'_>, cause: &mut Cause) {
    let asked = asked(joined, "go.gogc");
    if joined.attached || joined.build.is_none_or(|build| !build.go) {
        return;
    }
    let [usual, rarer] = GOGC.map(|gogc| asked.map_or(gogc, |asked| asked * gogc / GOGC[0]));
    vary(
        cause,
        &format!("go.gogc={usual},{rarer}"),
        "with a collector that runs a quarter as often an operation would cost as much",
    );
}

/// Has the next command compare two values of a setting.
fn vary(cause: &mut Cause, values: &str, otherwise: &str) {
    let Some((evidence, rest)) = experiment::asked(&cause.next) else { return };
    cause.refuted_by.push_str(&format!("; or, as it is, {otherwise} (next)"));
    cause.next = format!("{}{evidence} --trials {PAIRS} --vary {values} {rest}", experiment::AGAIN);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::findings::tokens::tokens;
    use crate::findings::{Build, CpuRow, CpuTable, Loops};

    const AGAIN: &str = "workbench run --evidence wait,trace shop.toml --variant a";

    fn table(thread: &str) -> CpuTable {
        CpuTable { rows: vec![CpuRow { thread: thread.into(), ..CpuRow::default() }], ..CpuTable::default() }
    }

    fn of(joined: &Joined<'_>, offer: fn(&Joined<'_>, &mut Cause), next: &str) -> (String, String) {
        let mut cause = Cause { next: next.into(), refuted_by: "it would not".into(), ..Cause::default() };
        offer(joined, &mut cause);
        (cause.next, cause.refuted_by)
    }

    #[test]
    fn more_workers_are_offered_to_a_runtime_that_has_some() {
        let cpu = table("tokio-rt-worker");
        let joined = Joined { cpus: 2.5, cpu: Some(&cpu), ..Joined::default() };
        insta::assert_debug_snapshot!(of(&joined, offer_workers, AGAIN), @r#"
        (
            "workbench run --evidence wait,trace --trials 8 --vary runtime.worker_threads=2,8 shop.toml --variant a",
            "it would not; or, as it is, with 8 workers the others would wait as long (next)",
        )
        "#);
        let knobs = BTreeMap::from([("runtime.worker_threads".to_owned(), "3".to_owned())]);
        let asked = Joined { knobs: Some(&knobs), ..joined.clone() };
        assert!(of(&asked, offer_workers, AGAIN).0.contains("=3,12 "));
        let main = table("main");
        let as_it_was = (AGAIN.to_owned(), "it would not".to_owned());
        assert_eq!(of(&Joined { cpu: Some(&main), ..joined.clone() }, offer_workers, AGAIN), as_it_was);
        assert_eq!(of(&Joined { attached: true, ..joined.clone() }, offer_workers, AGAIN), as_it_was);
        let again = "workbench attach 17 --for 30s --tasks";
        assert_eq!(of(&joined, offer_workers, again).0, again);
    }

    #[test]
    fn who_sets_them_in_the_program_is_named_instead() {
        let cpu = table("tokio-rt-worker");
        let mut loops = Loops::default();
        loops.read("src/main.rs", "fn main() {\n    Builder::new_multi_thread().worker_threads(2).build()\n}\n");
        let joined = Joined { cpus: 2.0, cpu: Some(&cpu), loops: Some(&loops), ..Joined::default() };
        let (next, refuted_by) = of(&joined, offer_workers, AGAIN);
        assert_eq!(next, AGAIN);
        assert!(refuted_by.contains("4 times the workers, which src/main.rs:2 decides on"), "{refuted_by}");
        assert_eq!(sets_workers(&tokens("#[tokio::main(worker_threads = 2)]\nasync fn main() {}\n")), Some(1));
        assert_eq!(sets_workers(&tokens("fn main() { read(config.worker_threads) }")), None);
    }

    #[test]
    fn no_more_threads_than_a_quota_has_cpus_are_offered() {
        let knobs = BTreeMap::from([("runtime.worker_threads".to_owned(), "8".to_owned())]);
        let go = Build { go: true, ..Build::default() };
        let joined = Joined { cpus: 1.5, machine_cpus: 16.0, ..Joined::default() };
        let asked = Joined { knobs: Some(&knobs), ..joined.clone() };
        assert!(of(&asked, offer_threads_of_quota, AGAIN).0.contains("--vary runtime.worker_threads=8,2 "));
        let of_go = Joined { build: Some(&go), ..joined.clone() };
        assert!(of(&of_go, offer_threads_of_quota, AGAIN).0.contains("--vary go.gomaxprocs=16,2 "));
        assert_eq!(of(&joined, offer_threads_of_quota, AGAIN).0, AGAIN, "tokio takes no more by itself");
        let mut loops = Loops::default();
        loops.read("src/main.rs", "#[tokio::main(worker_threads = 8)]\nasync fn main() {}\n");
        let sets = Joined { loops: Some(&loops), ..joined.clone() };
        assert!(of(&sets, offer_threads_of_quota, AGAIN).1.contains("2, which src/main.rs:1 decides on"));
        let whole = Joined { cpus: 16.0, ..of_go };
        assert_eq!(of(&whole, offer_threads_of_quota, AGAIN).0, AGAIN, "nobody knows its quota");
    }

    #[test]
    fn a_rarer_collection_is_offered_to_go_alone() {
        let go = Build { go: true, ..Build::default() };
        let joined = Joined { build: Some(&go), ..Joined::default() };
        assert!(of(&joined, offer_rarer_collection, AGAIN).0.contains("--trials 8 --vary go.gogc=100,400 shop.toml"));
        let knobs = BTreeMap::from([("go.gogc".to_owned(), "50".to_owned())]);
        let asked = Joined { knobs: Some(&knobs), ..joined };
        assert!(of(&asked, offer_rarer_collection, AGAIN).0.contains("=50,200 "));
        assert_eq!(of(&Joined::default(), offer_rarer_collection, AGAIN).0, AGAIN);
    }
}
