//! Who lingers until a timeout for more to come before it answers those that did, as one that gathers batches: they wait for a part
//! of that, or for all of it where hardly anybody else comes.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::findings::timeouts::Timeout;
use crate::findings::{Culprit, Loops};
use crate::run::{TraceEndKind, TraceFrame, TracePolls};

use super::latency_pinned::by_timeout;
use super::poll_blocked::{FUTEX, is_lock};

/// Part of the latency that it must be.
const LEAST: f64 = 0.4;
/// Waits for each operation: every one waits once.
const EVERY: std::ops::Range<f64> = 0.8..1.2;
/// Part of the time for which a thread lingers for more to come, and of its timeout that those wait who came first or last.
const LINGERS: f64 = 0.5;
const ONE_THREAD: f64 = 1.05;
const OF_LINGER: std::ops::Range<f64> = 0.2..1.3;
/// Waits there are as long as the timeout, at most, and that by little.
const AS_LINGER: std::ops::Range<f64> = 0.7..1.3;
/// Part of what operations wait in all that several of them must linger: one batch of each has somebody in it.
const SEVERAL: f64 = 0.3;

/// Who lingers, and how that is told.
struct Lingers<'a> {
    culprit: Culprit,
    timeout: &'a Timeout,
    told: String,
}

pub(super) fn of(joined: &Joined<'_>, mean: f64) -> Option<Cause> {
    let (loops, (rows, operations)) = (joined.loops?, joined.kept()?);
    let operations = operations?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let once = |row: &&TracePolls| EVERY.contains(&(row.polls as f64 / operations));
    let waits = rows.iter().filter(told).filter(once).filter(|row| row.total_s / operations >= LEAST * mean);
    let waits = waits.max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let each_s = waits.total_s / operations;
    if let Some(looks) = looks_again(joined, loops, waits, each_s, mean) {
        return Some(looks);
    }
    let tells = |row: &&TracePolls| {
        let through = |own: &[TraceFrame]| guilty::common(own, row.own()).is_some();
        row.own() != waits.own() && waits.holders.iter().any(|one| through(&one.site.own))
    };
    let mut others = rows.iter().filter(told).filter(tells);
    let lingers = others
        .find_map(|row| alone(joined, loops, row, each_s).or_else(|| one_of(joined, loops, row, waits, each_s)))?;
    let Lingers { culprit, timeout, told } = lingers;
    let told = format!(
        "{told}: a timeout of {} is set in {}:{}, as the source says",
        time(timeout.seconds),
        culprit.file,
        timeout.line
    );
    Some(waits_for_more(joined, culprit, (timeout.seconds, each_s, mean), told))
}

/// Who waits up to so long for more to come, while operations wait so long each, of a mean latency; seconds; and how that is told.
pub(super) fn waits_for_more(
    joined: &Joined<'_>,
    culprit: Culprit,
    (up_to_s, each_s, mean): (f64, f64, f64),
    told: String,
) -> Cause {
    let share = (each_s / mean.max(1e-9)).min(1.0);
    let title =
        format!("{} waits up to {} for more to come before anybody is answered", culprit.function, time(up_to_s));
    let evidence = vec![
        told,
        format!(
            "operations wait {} each for who does that, {} of the mean latency of {}",
            time(each_s),
            percent(share),
            time(mean)
        ),
    ];
    by_timeout(joined, culprit, share, title, evidence)
}

/// Operations that wait once for what they are to be told, and mostly until their own timeout has them look again: it was there before.
fn looks_again(joined: &Joined<'_>, loops: &Loops, waits: &TracePolls, each_s: f64, mean: f64) -> Option<Cause> {
    let first = waits.own().first()?;
    let timeout = timeout_at(loops, first, waits.longest_s, each_s).filter(|one| each_s >= LINGERS * one.seconds)?;
    let share = (each_s / mean.max(1e-9)).min(1.0);
    let title = format!("{} is not told, and looks again after {}", first.function, time(timeout.seconds));
    let evidence = vec![
        format!(
            "{} waits there take {} on average and {} at most: a timeout of {} is set in {}:{}, as the source says",
            waits.polls,
            time(each_s),
            time(waits.longest_s),
            time(timeout.seconds),
            first.file,
            timeout.line
        ),
        format!(
            "each operation waits once, {} of the mean latency of {}: what it waits for is there when it looks, and whoever \
             made it told somebody else, or nobody",
            percent(share),
            time(mean)
        ),
    ];
    Some(by_timeout(joined, at(first), share, title, evidence))
}

/// A thread that waits to be told.
fn told(row: &&TracePolls) -> bool {
    let of_the_program =
        |row: &TracePolls| row.site.as_ref().is_some_and(|site| site.call == FUTEX && !site.own.is_empty());
    row.doing == TraceEndKind::Blocked && of_the_program(row) && !is_lock(row)
}

/// The timeout that waits in a function's loop end at, by the longest of them, set where it is waited for.
fn timeout_at<'a>(loops: &'a Loops, first: &TraceFrame, longest_s: f64, each_s: f64) -> Option<&'a Timeout> {
    if loops.around(&first.file, first.line) != Some(true) {
        return None;
    }
    let around = loops.body(&first.file, first.line)?;
    let here = |one: &&Timeout| around.contains(&one.line) || one.used.iter().any(|line| around.contains(line));
    let ends =
        |one: &&Timeout| AS_LINGER.contains(&(longest_s / one.seconds)) && OF_LINGER.contains(&(each_s / one.seconds));
    loops.timeouts_in(&first.file).iter().filter(here).find(ends)
}

/// One thread that does so most of the time.
fn alone<'a>(joined: &Joined<'_>, loops: &'a Loops, row: &TracePolls, each_s: f64) -> Option<Lingers<'a>> {
    let first = row.own().first()?;
    let part = row.total_s / joined.kept_s().max(1e-9);
    let timeout = timeout_at(loops, first, row.longest_s, each_s).filter(|_| (LINGERS..ONE_THREAD).contains(&part))?;
    let culprit = at(first);
    let told = format!(
        "{} waits in all, {} of the time, and no longer than {}",
        culprit.sentence(),
        percent(part),
        time(row.longest_s)
    );
    Some(Lingers { culprit, timeout, told })
}

/// One of several, which also wait in that function for the first to come: lines tell the two apart.
fn one_of<'a>(
    joined: &Joined<'_>,
    loops: &'a Loops,
    row: &TracePolls,
    waits: &TracePolls,
    each_s: f64,
) -> Option<Lingers<'a>> {
    let threads = joined.threads?;
    let all = threads.kept.iter().filter(|one| one.own().first() == waits.own().first());
    let waited_s = all.map(|one| one.total_s).fold(waits.total_s, f64::max);
    let stands = row.own().first()?;
    threads.places.iter().find_map(|place| {
        let first = place.own.first().filter(|first| guilty::same(first, stands) && place.within.contains(FUTEX))?;
        let timeout =
            timeout_at(loops, first, place.longest_s, each_s).filter(|_| place.total_s >= SEVERAL * waited_s)?;
        let culprit = at(first);
        let told = format!(
            "threads of {} wait {} times at {}, and no longer than {}",
            place.thread,
            place.waits,
            culprit.sentence(),
            time(place.longest_s)
        );
        Some(Lingers { culprit, timeout, told })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ThreadsRecord, TraceCause, TraceSite};

    #[test]
    fn who_lingers_for_more_is_told_by_its_timeout_and_by_those_it_answers() {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let row = |own: &[(&str, u32)], polls, total_s, longest_s| TracePolls {
            doing: TraceEndKind::Blocked,
            site: Some(TraceSite {
                call: FUTEX.into(),
                cause: TraceCause::Notify,
                own: own.iter().map(|(function, line)| frame(function, *line)).collect(),
                ..TraceSite::default()
            }),
            polls,
            total_s,
            longest_s,
            ..TracePolls::default()
        };
        let mut loops = crate::findings::Loops::default();
        loops.read("a.rs", "const LINGER: Duration = Duration::from_millis(20);\nfn fill() {\n    while few(LINGER) {\n        inbox.recv_deadline(until);\n    }\n}\n");
        let of = |lingers_s, longest_s, each_s: f64, answers: &str| {
            let mut page =
                row(&[("app::page", 92), ("app::serve", 107), ("app::run", 120)], 1000, 1000.0 * each_s, 0.022);
            let site = TraceSite {
                own: vec![frame(answers, 63), frame("app::batcher", 76), frame("app::run", 115)],
                ..TraceSite::default()
            };
            page.holders = vec![crate::run::TraceHolder { site, total_s: 0.001, ..Default::default() }];
            let fill = row(&[("app::fill", 4), ("app::batcher", 72), ("app::run", 115)], 961, lingers_s, longest_s);
            let head = crate::run::ThreadsHead { wall_s: 5.0, ..Default::default() };
            let threads = ThreadsRecord { head, kept_open: vec![page, fill], ..ThreadsRecord::default() };
            let joined =
                Joined { threads: Some(&threads), waited: Some(1000), loops: Some(&loops), ..Joined::default() };
            super::of(&joined, 0.013).and_then(|cause| cause.culprit).map(|culprit| culprit.line)
        };
        assert_eq!(of(3.9, 0.0203, 0.012, "app::answer"), Some(4));
        assert_eq!(of(1.9, 0.0203, 0.012, "app::answer"), None, "it does something else most of the time");
        assert_eq!(of(3.9, 0.031, 0.012, "app::answer"), None, "nothing ends its waits");
        assert_eq!(of(3.9, 0.0203, 0.003, "app::answer"), None, "they wait for something else, and hardly for that");
        // Eight of them wait in the same function for the first to come.
        let several = |lingers_s, longest_s, line| {
            let mut page = row(&[("app::page", 92), ("app::serve", 107), ("app::run", 120)], 1000, 21.0, 0.022);
            let own = vec![frame("app::answer", 63), frame("app::batcher", 76), frame("app::run", 115)];
            let site = TraceSite { own, ..TraceSite::default() };
            page.holders = vec![crate::run::TraceHolder { site, total_s: 0.001, ..Default::default() }];
            let own = [("app::fill", 2), ("app::batcher", 72), ("app::run", 115)];
            let fill = row(&own, 1700, 39.0, 0.2);
            let place = crate::run::WaitPlace {
                within: FUTEX.into(),
                own: vec![frame("app::fill", line)],
                waits: 950,
                total_s: lingers_s,
                longest_s,
                ..Default::default()
            };
            let head = crate::run::ThreadsHead { wall_s: 5.0, ..Default::default() };
            let kept_open = vec![page, fill];
            let threads = ThreadsRecord { head, kept_open, places: vec![place], ..ThreadsRecord::default() };
            let joined =
                Joined { threads: Some(&threads), waited: Some(1000), loops: Some(&loops), ..Joined::default() };
            super::of(&joined, 0.021).and_then(|cause| cause.culprit).map(|culprit| culprit.line)
        };
        assert_eq!(several(19.0, 0.0203, 4), Some(4));
        assert_eq!(several(2.0, 0.0203, 4), None, "far less than operations wait");
        assert_eq!(several(19.0, 0.2, 4), None, "nothing ends its waits");
        assert_eq!(several(19.0, 0.0203, 2), None, "in no loop: it waits for the first");
    }

    #[test]
    fn who_is_told_by_nothing_but_its_own_timeout_looks_again() {
        let mut loops = Loops::default();
        loops.read("a.rs", "const RECHECK: Duration = Duration::from_millis(100);\nfn collect(&self) {\n    loop {\n        (trays, _) = self.changed.wait_timeout(trays, RECHECK);\n    }\n}\n");
        let of = |each_s: f64, longest_s| {
            let own = ["app::collect", "app::serve", "app::main"].map(|function| TraceFrame {
                function: function.into(),
                file: "a.rs".into(),
                line: 4,
            });
            let site =
                TraceSite { call: FUTEX.into(), cause: TraceCause::Notify, own: own.into(), ..TraceSite::default() };
            let doing = TraceEndKind::Blocked;
            let (polls, total_s) = (300, 300.0 * each_s);
            let row = TracePolls { doing, site: Some(site), polls, total_s, longest_s, ..TracePolls::default() };
            let threads = ThreadsRecord { kept_open: vec![row], ..ThreadsRecord::default() };
            let joined =
                Joined { threads: Some(&threads), waited: Some(300), loops: Some(&loops), ..Joined::default() };
            super::of(&joined, each_s + 0.001).map(|cause| cause.title)
        };
        assert_eq!(of(0.075, 0.101).as_deref(), Some("app::collect is not told, and looks again after 100 ms"));
        assert_eq!(of(0.012, 0.015), None, "it is told before that");
        assert_eq!(of(0.012, 0.101), None, "it is told mostly");
    }
}
