//! Goroutines that are started and never end, told by the place that starts them: the same mechanism as tasks that do not end.

use crate::findings::cause::{Answer, Cause, at};
use crate::findings::joined::{Joined, TRACED};
use crate::run::StartedBy;

use super::delayed_acks::AT_NETWORK;
use super::growing;
use super::task_growth::SLUG;

/// By how many they must have become more after the first quarter of the time, and how often they must have been counted.
const LEAST: u64 = 20;
const LEAST_COUNTS: usize = 8;
/// Thousands that came are no chance, however seldom they were counted: once at the begin and in every quarter.
const MANY: u64 = 1_000;
const LEAST_COUNTS_OF_MANY: usize = 5;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    // Of other programs nobody asks, and the file of one that ended tells no more what it was.
    let Some(threads) = joined.threads else { return Answer::Blind("trace") };
    // Those that wait for the network are as many as clients keep connections open.
    let grown = threads.started.iter().filter(|row| row.state != AT_NETWORK).filter_map(|row| Some((row, grown(row)?)));
    let causes: Vec<Cause> = grown.map(|(row, grown)| cause(joined, row, grown)).collect();
    // That nobody asked is no sign of health, nor is it that they were too many to be counted often.
    let too_few = threads.started.iter().any(|row| row.state != AT_NETWORK && row.alive.len() < LEAST_COUNTS);
    let told = ASKED.iter().any(|told| threads.head.source.contains(told));
    match causes.is_empty() && (too_few || !told) {
        true => Answer::Blind("trace"),
        false => Answer::of(causes, || "no place starts goroutines that become more and more".into()),
    }
}

/// How the source of waits says that goroutines were told.
const ASKED: &[&str] = &["goroutines were asked for", TRACED];

/// By how many they became more, and in how many seconds, after the first quarter; `None` where they come to rest.
fn grown(row: &StartedBy) -> Option<(u64, f64)> {
    let (grown, seconds) = growing::steadily(&row.alive)?;
    let least = if grown >= MANY { LEAST_COUNTS_OF_MANY } else { LEAST_COUNTS };
    (row.alive.len() >= least && grown >= LEAST).then_some((grown, seconds))
}

fn cause(joined: &Joined<'_>, row: &StartedBy, (grown, seconds): (u64, f64)) -> Cause {
    let now = row.alive.last().map_or(0, |(_, count)| *count);
    let mut evidence = vec![format!(
        "goroutines that it started became {grown} more in {seconds:.1} s, in every part of them alike; {now} are alive"
    )];
    let stand = row.stands_at.as_ref().map(|frame| format!(" at {}", at(frame).sentence())).unwrap_or_default();
    if !row.through.is_empty() {
        evidence.push(format!(
            "a library started each in {}, for what {} calls there and does not let go",
            row.through, row.by.function
        ));
    }
    // Of very many only their number by stack was asked for.
    evidence.push(match row.state.as_str() {
        "" => format!("most of them stand{stand}"),
        state => format!("most of them are in `{state}`{stand}"),
    });
    Cause {
        rule: SLUG,
        title: match row.through.as_str() {
            "" => format!("goroutines that {} starts do not end", row.by.function),
            through => format!("goroutines that {through} starts for {} do not end", row.by.function),
        },
        share: 1.0,
        culprit: Some(at(&row.by)),
        evidence,
        refuted_by: "their number would come to rest after a while at the same load".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 6,
        foremost: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Build;
    use crate::run::{ThreadsHead, ThreadsRecord, TraceFrame};

    fn started(of: impl Fn(u64) -> u64, state: &str) -> ThreadsRecord {
        let by = TraceFrame { function: "main.watch".into(), file: "shop/main.go".into(), line: 54 };
        #[allow(clippy::cast_precision_loss, reason = "a few moments")]
        let alive = (0..40).map(|n| (n as f64 * 0.2, of(n))).collect();
        let row = StartedBy { by, state: state.into(), alive, ..StartedBy::default() };
        let head = ThreadsHead { source: format!("perf; {} 40 times", ASKED[0]), ..ThreadsHead::default() };
        ThreadsRecord { head, started: vec![row], ..ThreadsRecord::default() }
    }

    fn of(threads: &ThreadsRecord) -> Answer {
        let build = Build { go: true, ..Build::default() };
        look(&Joined { threads: Some(threads), build: Some(&build), ..Joined::default() })
    }

    #[test]
    fn a_number_that_rises_all_the_time_is_of_goroutines_that_do_not_end() {
        let Answer::Found(causes) = of(&started(|n| 5 + 10 * n, "chan receive")) else { panic!("nothing found") };
        assert_eq!(causes[0].rule, "task-growth");
        assert_eq!(causes[0].culprit.as_ref().map(|at| (at.function.as_str(), at.line)), Some(("main.watch", 54)));
        assert!(causes[0].evidence[0].starts_with("goroutines that it started became 300 more"), "{:?}", causes[0]);
    }

    #[test]
    fn goroutines_that_come_to_rest_come_and_go_or_keep_connections_are_nobodys_fault() {
        for rest in [
            started(|n| (30 * n).min(400), "chan receive"),
            started(|n| 100 + 60 * (n % 5), "select"),
            started(|n| 5 + 10 * n, "IO wait"),
        ] {
            assert!(matches!(of(&rest), Answer::RuledOut(_)), "{:?}", of(&rest));
        }
    }

    #[test]
    fn very_many_need_to_be_counted_less_often() {
        let seldom = |times: usize, of: fn(u64) -> u64| {
            let mut few = started(of, "");
            few.started[0].alive.truncate(times);
            self::of(&few)
        };
        assert!(matches!(seldom(5, |n| 60_000 + 800 * n), Answer::Found(_)));
        assert!(matches!(seldom(4, |n| 60_000 + 800 * n), Answer::Blind(_)));
        assert!(matches!(seldom(5, |n| 60 + 8 * n), Answer::Blind(_)));
    }

    #[test]
    fn where_nobody_was_asked_nothing_is_ruled_out() {
        let mut silent = started(|n| n, "select");
        silent.head.source = "perf; goroutines were not asked for: it does not import `net/http/pprof`".into();
        silent.started.clear();
        assert!(matches!(of(&silent), Answer::Blind("trace")));
    }
}
