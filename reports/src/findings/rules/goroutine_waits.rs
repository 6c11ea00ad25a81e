//! What goroutines wait for, where each of their waits was traced: ticks at which answers leave, and a place where all of them
//! queue.

use crate::findings::cause::{Answer, Cause, at, percent, time};
use crate::findings::joined::Joined;
use crate::run::{POOL, ThreadsRecord, Ticks, TracePolls, WaitPlace};

use super::{latency_pinned, throughput_pinned, waiting_on_owner};

/// Part of the latency that waits for a tick, or in a queue, must be.
const LEAST: f64 = 0.4;
/// A pace from which somebody feels it, seconds.
const SHORTEST_S: f64 = 0.003;
/// States of goroutines that another one ends, or a library.
const FOR_OTHERS: &[&str] = &["select", "chan ", "sync."];

/// Whether goroutines wait there for what another one does, or a library.
pub(super) fn is_for_others(place: &WaitPlace) -> bool {
    FOR_OTHERS.iter().any(|state| place.within.starts_with(state))
}

/// Answers that leave at ticks alone.
pub(super) fn ticks(joined: &Joined<'_>, mean: f64) -> Vec<Cause> {
    let Some((threads, operations)) = told(joined) else { return Vec::new() };
    // Who waits for a lock waits for whoever has it, however regularly that is.
    let of_lock = |ticks: &Ticks| {
        let here = |place: &&WaitPlace| place.own == ticks.waits_at && place.within.starts_with("sync.");
        threads.waited.iter().any(|place| here(&place))
    };
    let pinned =
        |ticks: &&Ticks| !of_lock(ticks) && ticks.pace_s >= SHORTEST_S && ticks.total_s / operations >= LEAST * mean;
    let cause = |ticks: &Ticks| {
        // Where nobody wakes just before, they wait for whoever is done then.
        let who = ticks.by.first().map(at)?;
        let waits = ticks.waits_at.first().map(at)?;
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let each = ticks.total_s / ticks.waits.max(1) as f64;
        let share = (ticks.total_s / operations / mean).min(1.0);
        Some(Cause {
            rule: latency_pinned::SLUG,
            title: format!("answers leave {} at ticks of {} alone", who.function, time(ticks.pace_s)),
            share,
            evidence: vec![
                format!(
                    "{} waits at {} ended at {} moments, {} from each to the next; each took {}",
                    ticks.waits,
                    waits.sentence(),
                    ticks.moments,
                    time(ticks.pace_s),
                    time(each)
                ),
                format!("{} of the latency", percent(share)),
            ],
            refuted_by: "with a shorter tick, or told when there is something to do, operations would take as long"
                .into(),
            next: joined.again("wait"),
            proof: "wait",
            depth: 5,
            culprit: Some(who),
            foremost: false,
        })
    };
    // The first in a row of those that wait for each other: who waits longest waits for all of it.
    let mut all: Vec<Cause> = threads.ticks.iter().filter(pinned).filter_map(cause).collect();
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all.truncate(1);
    all
}

/// A place where operations wait for others most of what they take, though CPUs are idle and more clients get no more.
pub(super) fn queue(joined: &Joined<'_>) -> Answer {
    let Some((threads, operations)) = told(joined).filter(|_| joined.is_pinned()) else {
        return Answer::Blind("trace");
    };
    let usual = joined.usual_s().unwrap_or(0.0).max(1e-9);
    let is_queue = |place: &&WaitPlace| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let often = place.waits as f64 >= 0.5 * operations;
        is_for_others(place) && often && place.total_s / operations >= LEAST * usual
    };
    // Who has one of a pool is known where they wait for that.
    let is_of_pool = |place: &WaitPlace| {
        let site =
            |row: &TracePolls| row.site.as_ref().is_some_and(|at| at.resource == POOL && place.own.ends_with(&at.own));
        joined.kept().is_some_and(|(rows, _)| rows.iter().any(site)) && waiting_on_owner::keeps_one_of_a_pool(joined)
    };
    let Some(place) = threads.waited.iter().filter(is_queue).find(|place| !is_of_pool(place)) else {
        return Answer::RuledOut("goroutines of operations do not wait in one place for others".into());
    };
    let Some(culprit) = place.own.first().map(at) else { return Answer::Blind("trace") };
    let each = place.total_s / operations;
    let mut evidence = vec![format!(
        "each operation waits {} in `{}` at {}, {} of what it takes",
        time(each),
        place.within,
        culprit.sentence(),
        percent((each / usual).min(1.0))
    )];
    evidence
        .extend(joined.ladder().map(|ladder| format!("throughput does not rise: {ladder}, and the CPUs are not busy")));
    Answer::Found(vec![Cause {
        rule: throughput_pinned::SLUG,
        title: format!("everybody waits in {} for what goes on one after the other", culprit.function),
        share: (each / usual).min(1.0),
        evidence,
        refuted_by: "throughput would not rise if several went on side by side there".into(),
        next: joined.again("wait"),
        proof: "wait",
        // Who keeps them waiting, where that is seen, says more.
        depth: 1,
        culprit: Some(culprit),
        foremost: false,
    }])
}

/// The waits, and operations of the open loop meanwhile.
pub(super) fn told<'a>(joined: &Joined<'a>) -> Option<(&'a ThreadsRecord, f64)> {
    let threads = joined.threads.filter(|threads| joined.trace.is_none() && !threads.waited.is_empty())?;
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    let operations = joined.waited.map(|count| count as f64).filter(|count| *count > 0.0)?;
    Some((threads, operations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::run::{
        GOROUTINES, LevelSummary, ThreadsHead, TraceCause, TraceEndKind, TraceFrame, TraceHolder, TraceSite,
    };

    fn frame(function: &str) -> TraceFrame {
        TraceFrame { function: function.into(), file: "shop/main.go".into(), line: 9 }
    }

    fn place(function: &str, within: &str, waits: u64, total_s: f64) -> WaitPlace {
        WaitPlace {
            function: function.into(),
            line: 9,
            within: within.into(),
            thread: "goroutines".into(),
            own: vec![frame(function)],
            waits,
            total_s,
            longest_s: 0.1,
            ..WaitPlace::default()
        }
    }

    fn of(threads: &ThreadsRecord, pinned: bool) -> (Vec<Cause>, Answer) {
        let level =
            |concurrency, throughput, p50| LevelSummary { concurrency, throughput, p50: Some(p50), ..<_>::default() };
        let levels = [level(1, 200.0, 0.005), level(16, if pinned { 210.0 } else { 3_000.0 }, 0.076)];
        let felt = Felt { operations: 1000, mean_s: 0.02, base_s: 0.001, excess_s: 0.019, ..Felt::default() };
        let joined = Joined {
            threads: Some(threads),
            waited: Some(1000),
            levels: &levels,
            felt: Some(felt),
            ..Joined::default()
        };
        (ticks(&joined, 0.02), queue(&joined))
    }

    #[test]
    fn answers_that_leave_at_ticks_are_of_who_wakes_for_them() {
        let tick = Ticks {
            waits_at: vec![frame("main.order")],
            by: vec![frame("main.feed")],
            pace_s: 0.04,
            moments: 120,
            waits: 1000,
            total_s: 19.0,
        };
        let record = |tick: Ticks| ThreadsRecord {
            waited: vec![place("main.order", "chan receive", 1000, 19.0)],
            ticks: vec![tick],
            ..ThreadsRecord::default()
        };
        let (causes, _) = of(&record(tick.clone()), false);
        assert_eq!(causes[0].title, "answers leave main.feed at ticks of 40.0 ms alone");
        let (short, _) = of(&record(Ticks { total_s: 3.0, ..tick }), false);
        assert_eq!(short, []);
    }

    #[test]
    fn a_lock_that_nobody_waits_for_in_the_open_loop_is_of_the_full_load_before_it() {
        let row = |kind: &str, total_s: f64| TracePolls { kind: kind.into(), total_s, ..TracePolls::default() };
        let of = |source: &str| {
            let head = ThreadsHead { source: source.into(), ..ThreadsHead::default() };
            let kept = vec![row(GOROUTINES, 24.0)];
            let threads = ThreadsRecord { head, kept, kept_open: vec![row("shop", 1.0)], ..ThreadsRecord::default() };
            let joined = Joined { threads: Some(&threads), waited: Some(1000), ..Joined::default() };
            joined.kept().map(|(rows, _)| rows[0].kind.clone())
        };
        assert_eq!(of("perf; goroutines were traced by uprobes in Go's runtime").as_deref(), Some("shop"));
        assert_eq!(of("perf; goroutines were asked for 40 times").as_deref(), Some(GOROUTINES));
    }

    #[test]
    fn a_place_where_all_queue_is_told_where_more_clients_get_no_more() {
        let queue = |within: &str, pinned| {
            let waited = vec![place("main.lookUp", within, 1000, 18.0)];
            of(&ThreadsRecord { waited, ..ThreadsRecord::default() }, pinned).1
        };
        let Answer::Found(causes) = queue("select", true) else { panic!("nothing found") };
        assert_eq!(causes[0].culprit.as_ref().map(|at| at.function.as_str()), Some("main.lookUp"));
        assert!(!matches!(queue("select", false), Answer::Found(_)));
        assert!(!matches!(queue("sleep", true), Answer::Found(_)), "it is no queue");

        let site = TraceSite { own: vec![frame("main.lookUp")], resource: POOL.into(), ..TraceSite::default() };
        let pooled = |holders: Vec<TraceHolder>| {
            let site = TraceSite { cause: TraceCause::Lock, call: "futex".into(), ..site.clone() };
            let row = TracePolls {
                kind: GOROUTINES.into(),
                doing: TraceEndKind::Blocked,
                site: Some(site),
                polls: 1000,
                total_s: 18.0,
                holders,
                ..TracePolls::default()
            };
            let waited = vec![place("main.lookUp", "chan receive", 1000, 18.0)];
            let head = ThreadsHead { wall_s: 10.0, ..ThreadsHead::default() };
            of(&ThreadsRecord { head, waited, kept_open: vec![row], ..ThreadsRecord::default() }, true).1
        };
        let asks = TraceSite {
            own: vec![frame("main.ask"), frame("main.lookUp"), frame("main.serve")],
            ..TraceSite::default()
        };
        let keeper = TraceHolder { doing: TraceEndKind::Blocked, site: asks, total_s: 9.0 };
        assert!(!matches!(pooled(vec![keeper]), Answer::Found(_)), "who has one of the pool is known");
        assert!(matches!(pooled(Vec::new()), Answer::Found(_)), "nobody is");
    }
}
