//! What operations take where nothing of the program explains it: they wait for another side, and from here it cannot be told
//! whether that takes so long, or a timeout of their own ends the wait.

use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, Undecided};
use crate::run::{TraceCause, TraceFrame, TraceWait, WaitCause, WaitPlace};

use super::delayed_acks::READS;
use super::{goroutine_waits, latency_pinned};

/// What an operation takes alone, from which it is worth a word, seconds.
const LEAST_S: f64 = 0.005;
/// The part of it that one place must be. Who waits for the next operation waits for longer.
const MOST_OF_IT: std::ops::Range<f64> = 0.8..1.15;
/// Median of operations that come by the clock, as a multiple of what one takes alone, below which nothing else keeps them.
const CONSTANT: f64 = 1.3;

/// One place in which operations wait for somebody else most of what they take, whatever the load.
pub(in crate::findings) fn waited_for(joined: &Joined<'_>) -> Option<Undecided> {
    let waited = waited(joined)?;
    let asked = if waited.asks.is_empty() { String::new() } else { format!(", for `{}`", waited.asks) };
    Some(Undecided {
        variant: joined.variant.into(),
        rules: vec![latency_pinned::SLUG.to_owned()],
        sentence: format!(
            "each operation waits {} at {}{asked}: {} of what it takes, whatever the load. Either the other side takes as \
             long, or it has answered by then and a timeout of this side ends the wait; nothing of this program tells which. \
             The other side's own time would decide: `ss -tp` names who it is",
            time(waited.each_s),
            at(waited.own.first()?).sentence(),
            percent(waited.part),
        ),
        experiment: "workbench attach PID --for 10s".into(),
    })
}

/// How much the wait of one side for the end of a connection may differ from the other's timeout, as a part of it.
const SAME_TIME: f64 = 0.15;
/// Connections for each operation from which each has its own.
const OWN_CONNECTION: f64 = 0.5;

/// Of a wait of connections that a timeout ends, one for each operation: who reads from the other end for all that time, where that is
/// in the program, too. What it asked for was there long before.
pub(super) fn reads_to_the_end(joined: &Joined<'_>, timed_out: &TraceWait) -> Option<Culprit> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
    let connections = joined.kind(&timed_out.kind)?.spawned as f64;
    let hangs_up = timed_out.site.as_ref().and_then(innermost)?;
    let is_there = |wait: &TraceWait| {
        let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Socket);
        wait.kind == timed_out.kind && site.and_then(innermost).is_some_and(|at| at.function == hangs_up.function)
    };
    // What times out is a wait for its connection.
    if !trace.waits.iter().any(is_there) {
        return None;
    }
    let alike = |one: f64, other: f64| (one - other).abs() <= SAME_TIME * other;
    let reads = |wait: &&TraceWait| {
        let at_socket = wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.own.len() > 1);
        // It may wait twice: for what it asked for, and for the end.
        let each = (timed_out.count..=2 * timed_out.count).contains(&wait.count);
        let lasts = alike(wait.total_s, timed_out.total_s) && alike(wait.longest_s, timed_out.longest_s);
        wait.kind != timed_out.kind && at_socket && each && lasts
    };
    let reader = trace.waits.iter().filter(|_| connections >= OWN_CONNECTION * operations).find(reads)?;
    reader.site.as_ref().and_then(innermost)
}

/// The same where the program sets a timeout, by its source, which is as long as that wait always is.
pub(super) fn until_timeout(joined: &Joined<'_>) -> Option<Cause> {
    let (waited, loops) = (waited(joined)?, joined.loops?);
    let (file, timeout) = loops.timeout_of(waited.each_s)?;
    // Several short waits are none that it ends; and it is set where it is waited for.
    let near = waited.own.iter().any(|frame| frame.file == file);
    if waited.longest_s < timeout.seconds || !near {
        return None;
    }
    // Who asks again and again decides for how long.
    let calls = waited.own.get(1).filter(|calls| loops.around(&calls.file, calls.line) == Some(true));
    let culprit = at(calls.or(waited.own.first())?);
    Some(Cause {
        rule: latency_pinned::SLUG,
        title: format!(
            "{} waits {} for somebody else, which is a timeout of its own",
            culprit.function,
            time(waited.each_s)
        ),
        share: waited.part,
        evidence: vec![
            format!(
                "each operation waits {} at {}, {} of what it takes, whatever the load",
                time(waited.each_s),
                at(waited.own.first()?).sentence(),
                percent(waited.part)
            ),
            format!("a timeout of {} is set at {file}:{}, as the source says", time(timeout.seconds), timeout.line),
        ],
        refuted_by: "with a longer timeout there operations would take as long".into(),
        next: joined.again("cpu,wait"),
        proof: if joined.trace.is_some() { "trace" } else { "wait" },
        depth: 3,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Where each operation waits.
struct Waited<'a> {
    own: &'a [TraceFrame],
    /// The function of a library that it called there.
    asks: &'a str,
    each_s: f64,
    /// The longest of all.
    longest_s: f64,
    /// Of what it takes alone.
    part: f64,
}

fn waited<'a>(joined: &Joined<'a>) -> Option<Waited<'a>> {
    let felt = joined.felt.as_ref().filter(|felt| felt.base_s >= LEAST_S && felt.p50_s <= CONSTANT * felt.base_s)?;
    let (own, asks, each_s, longest_s) = of_tasks(joined, felt.base_s)
        .or_else(|| of_threads(joined, felt.base_s))
        .or_else(|| of_goroutines(joined, felt.base_s))?;
    Some(Waited { own, asks, each_s, longest_s, part: (each_s / felt.base_s).min(1.0) })
}

type Place<'a> = (&'a [TraceFrame], &'a str, f64, f64);

fn of_tasks<'a>(joined: &Joined<'a>, base_s: f64) -> Option<Place<'a>> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let mostly = |wait: &&TraceWait| {
        let at_socket = wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.own.len() > 1);
        at_socket && joined.serves(&wait.kind) && MOST_OF_IT.contains(&(wait.total_s / operations / base_s))
    };
    let wait = trace.waits.iter().filter(mostly).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    Some((&wait.site.as_ref()?.own, "", wait.total_s / operations, wait.longest_s))
}

fn of_threads<'a>(joined: &Joined<'a>, base_s: f64) -> Option<Place<'a>> {
    let (threads, operations) = joined.threads.filter(|_| joined.trace.is_none()).zip(joined.kernel_operations())?;
    let reads = |place: &&WaitPlace| {
        place.cause == WaitCause::Blocked && READS.contains(&place.within.as_str()) && place.own.len() > 1
    };
    place(threads.places.iter().filter(reads), operations, base_s)
}

fn of_goroutines<'a>(joined: &Joined<'a>, base_s: f64) -> Option<Place<'a>> {
    let (threads, operations) = goroutine_waits::told(joined)?;
    let asks = |place: &&WaitPlace| place.called_back && !place.asks.is_empty();
    place(threads.waited.iter().filter(asks), operations, base_s)
}

fn place<'p>(places: impl Iterator<Item = &'p WaitPlace>, operations: f64, base_s: f64) -> Option<Place<'p>> {
    let mostly = places.filter(|place| MOST_OF_IT.contains(&(place.total_s / operations / base_s)));
    let place = mostly.max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    Some((&place.own, &place.asks, place.total_s / operations, place.longest_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::findings::cause::Answer;
    use crate::run::{ThreadsRecord, Trace, TraceKind, TraceSite};

    fn of<T>(each_s: f64, p50_s: f64, told: impl Fn(&Joined<'_>) -> T) -> T {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "shop/main.go".into(), line };
        let place = WaitPlace {
            within: "select".into(),
            own: vec![frame("main.file", 77), frame("main.serve", 99)],
            asks: "net/http.(*Client).Do".into(),
            called_back: true,
            waits: 2000,
            total_s: 1000.0 * each_s,
            longest_s: if each_s > 0.041 { 0.02 } else { each_s },
            ..WaitPlace::default()
        };
        let threads = ThreadsRecord { waited: vec![place], ..ThreadsRecord::default() };
        let felt = Felt { operations: 1000, p50_s, mean_s: p50_s, base_s: 0.041, ..Felt::default() };
        let mut loops = crate::findings::Loops::default();
        loops.read("shop/main.go", "const patience = 40 * time.Millisecond\n");
        let loops = Some(&loops);
        told(&Joined { threads: Some(&threads), waited: Some(1000), felt: Some(felt), loops, ..Joined::default() })
    }

    fn told(each_s: f64, p50_s: f64) -> Option<String> {
        of(each_s, p50_s, |joined| waited_for(joined).map(|told| told.sentence))
    }

    #[test]
    fn a_wait_as_long_as_a_timeout_of_its_own_is_ended_by_that() {
        let place = |each_s| of(each_s, 0.042, |joined| until_timeout(joined).and_then(|cause| cause.culprit));
        assert_eq!(place(0.0405).map(|at| (at.function, at.line)), Some(("main.file".into(), 77)));
        assert_eq!(place(0.036), None, "it ends before that");
        assert_eq!(place(0.0415), None, "none of them is as long");
    }

    #[test]
    fn what_operations_take_at_another_side_is_said_and_nothing_held_against_anybody() {
        let sentence = told(0.04, 0.042).unwrap();
        assert!(sentence.starts_with("each operation waits 40.0 ms at main.file (shop/main.go:77)"), "{sentence}");
        assert!(sentence.contains("for `net/http.(*Client).Do`: 98 % of what it takes"), "{sentence}");
        assert_eq!(told(0.02, 0.042), None, "half of it");
        assert_eq!(told(0.16, 0.042), None, "it waits for the next one");
        assert_eq!(told(0.04, 0.09), None, "something else keeps them");
    }

    #[test]
    fn who_reads_until_the_other_side_hangs_up_is_told_from_who_hangs_up() {
        let wait = |kind: &str, cause, own: &[(&str, u32)], beside_others, total_s| TraceWait {
            kind: kind.into(),
            site: Some(TraceSite {
                cause,
                own: own
                    .iter()
                    .map(|(name, line)| TraceFrame { function: (*name).into(), file: "a.rs".into(), line: *line })
                    .collect(),
                beside_others,
                ..TraceSite::default()
            }),
            count: 500,
            total_s,
            longest_s: 0.037,
        };
        let of = |read_s, spawned| {
            let kind = |name: &str, spawned| TraceKind { name: name.into(), spawned, ..TraceKind::default() };
            let trace = Trace {
                kinds: vec![kind("office", spawned), kind("serve", 16)],
                waits: vec![
                    wait(
                        "serve",
                        TraceCause::Socket,
                        &[("whole_reply", 60), ("page", 104), ("serve", 121)],
                        false,
                        read_s,
                    ),
                    wait("office", TraceCause::Timer, &[("office", 25)], true, 18.0),
                    wait("office", TraceCause::Socket, &[("office", 25)], true, 0.1),
                ],
                ..Trace::default()
            };
            let felt = Felt { base_s: 0.036, p50_s: 0.036, mean_s: 0.0364, ..Felt::default() };
            let joined =
                Joined { trace: Some(&trace), traced: Some((500, 0.0364)), felt: Some(felt), ..Joined::default() };
            match latency_pinned::look(&joined) {
                Answer::Found(causes) => {
                    causes.into_iter().filter_map(|cause| cause.culprit).map(|at| at.function).collect()
                }
                _ => Vec::new(),
            }
        };
        assert_eq!(of(18.1, 500), ["whole_reply"]);
        assert_eq!(of(2.0, 500), ["office"], "it waits for something else");
        assert_eq!(of(18.1, 16), ["office"], "its connections last");
    }
}
