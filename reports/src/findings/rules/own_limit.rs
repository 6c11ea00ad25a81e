//! A limit that the program set to itself: operations sleep until it is their turn, the longer the more of them there are.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::joined::Joined;
use crate::findings::telling::{Does, TIMER, Told};
use crate::findings::{Culprit, guilty};
use crate::run::{
    ThreadsRecord, TraceCause, TraceEndKind, TraceFrame, TracePolls, TraceSaturated, TraceSite, TraceWait, WaitPlace,
};

use super::goroutine_waits;
use super::poll_blocked::{is_for_a_thread, is_lock};
use super::standing;
use super::throttled::SLUG;
use super::throughput_pinned::is_for_others;

/// Part of what operations take that they must sleep for.
const LEAST: f64 = 0.4;
/// How many times what an operation takes alone one such sleep must be: who sleeps alone, too, waits for a tick.
const LONGER: f64 = 2.0;
/// Part of its time that the one who serves everybody sleeps.
const MOST_OF_TIME: f64 = 0.5;
/// Part of the time that is more than one can sleep in.
const ALONE: f64 = 1.1;
/// Go's word for it (`runtime.waitReasonSleep`).
const SLEEP: &str = "sleep";
/// Sleeps for each operation.
const OFTEN: f64 = 0.5;
/// And beyond which one does not sleep once for each.
const ONCE: f64 = 1.5;

/// A place where operations sleep.
pub(super) struct Sleep<'a> {
    pub(super) who: &'a str,
    pub(super) own: &'a [TraceFrame],
    pub(super) count: u64,
    pub(super) total_s: f64,
}

pub(super) fn look(joined: &Joined<'_>) -> Option<Cause> {
    // Nothing else keeps it from answering more.
    let felt = joined.felt.as_ref().filter(|_| joined.is_pinned() && !joined.has_room())?;
    let (sleeps, operations) = match joined.trace {
        Some(_) => (of_tasks(joined, |kind| joined.serves(kind)), joined.traced_operations()?),
        None => match goroutine_waits::told(joined) {
            Some((threads, operations)) => (of_goroutines(joined, threads, true), operations),
            None => {
                let (rows, operations) = joined.kept()?;
                (of_threads(rows, serving(rows)), operations?)
            }
        },
    };
    let usual = joined.usual_s()?.max(1e-9);
    let is_limit = |sleep: &&Sleep<'_>| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let count = sleep.count as f64;
        let each = sleep.total_s / count.max(1.0);
        count >= OFTEN * operations && each >= LONGER * felt.base_s && sleep.total_s / operations >= LEAST * usual
    };
    let Some(sleep) = sleeps.iter().filter(is_limit).max_by(|a, b| a.total_s.total_cmp(&b.total_s)) else {
        return of_one(joined, operations, usual);
    };
    let share = (sleep.total_s / operations / usual).min(1.0);
    let told = format!("{} of what operations take; alone they take {}", percent(share), time(felt.base_s));
    limit(joined, sleep, share, "operations sleep in {} until it is their turn", &told)
}

/// The cause that such sleeps are, with what else is told of them; `title` has a place for the function.
fn limit(joined: &Joined<'_>, sleep: &Sleep<'_>, share: f64, title: &str, told: &str) -> Option<Cause> {
    let sleeps = sleep.own.first().map(at)?;
    let culprit = decides(joined, sleep.own)?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let each = time(sleep.total_s / sleep.count.max(1) as f64);
    let mut evidence =
        vec![format!("{} slept {} times at {}, {each} each, {told}", sleep.who, sleep.count, sleeps.sentence())];
    evidence.extend((culprit != sleeps).then(|| {
        format!(
            "a limit of its own keeps what it is told to; that operations pass it is decided in {}",
            culprit.sentence()
        )
    }));
    evidence
        .extend(joined.ladder().map(|ladder| format!("throughput does not rise: {ladder}, and the CPUs are not busy")));
    Some(Cause {
        rule: SLUG,
        title: format!("{}, {each} each", title.replace("{}", &sleeps.function)),
        share,
        culprit: Some(culprit),
        evidence,
        refuted_by: "with a higher limit there, or without, throughput would be the same".into(),
        next: joined.again("wait,trace"),
        proof: if joined.trace.is_some() { "trace" } else { "wait" },
        depth: 5,
        foremost: false,
    })
}

/// Whether who has a lock sleeps where it is taken most of the time: where nobody feels that at the rate that was asked for, that is
/// how much it is to let through.
pub(super) fn sleeps_with(phase: &TraceSaturated, lock: &TraceSite) -> bool {
    let here = |own: &[TraceFrame]| own.first().zip(lock.own.first()).is_some_and(|(a, b)| guilty::same(a, b));
    let sleeps =
        |wait: &&TraceWait| wait.site.as_ref().is_some_and(|at| at.cause == TraceCause::Timer && here(&at.own));
    let slept_s: f64 = phase.waits.iter().filter(sleeps).map(|wait| wait.total_s).sum();
    // Where several sleep at once they do not have it then.
    (MOST_OF_TIME * phase.wall_s..=ALONE * phase.wall_s).contains(&slept_s)
}

/// One that serves everybody, and sleeps once for each before it goes on. Where operations are seen to wait for it, that is a cause
/// of its own: what it sleeps for may be its work.
fn of_one(joined: &Joined<'_>, operations: f64, usual_s: f64) -> Option<Cause> {
    if operations < 1.0 || wait_for_others(joined) / operations >= LEAST * usual_s {
        return None;
    }
    let (sleeps, wall_s) = alone(joined)?;
    let is_limit = |sleep: &&Sleep<'_>| {
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let count = sleep.count as f64;
        let part = sleep.total_s / wall_s;
        // Of several who sleep by turns each one has its own time; operations that wait for a tick wait once.
        (OFTEN * operations..=ONCE * operations).contains(&count)
            && (MOST_OF_TIME..=1.0).contains(&part)
            && usual_s >= LONGER * sleep.total_s / count
    };
    let sleep = sleeps.iter().filter(is_limit).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let part = sleep.total_s / wall_s;
    let told = format!("{} of its time, for {operations:.0} operations; these take {}", percent(part), time(usual_s));
    limit(joined, sleep, part, "one that serves everybody sleeps in {} before it goes on", &told)
}

/// What operations waited for others within the program, seconds.
fn wait_for_others(joined: &Joined<'_>) -> f64 {
    if let Some(trace) = joined.trace {
        let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait));
        return waits.map(|wait| wait.total_s).sum();
    }
    if let Some((threads, _)) = goroutine_waits::told(joined) {
        let for_others = |place: &&WaitPlace| place.called_back && goroutine_waits::is_for_others(place);
        return threads.waited.iter().filter(for_others).map(|place| place.total_s).sum();
    }
    let Some((rows, _)) = joined.kept() else { return 0.0 };
    let serves = serving(rows);
    let for_others = |row: &&TracePolls| {
        (is_lock(row) || is_for_a_thread(row)) && row.site.as_ref().is_some_and(|site| serves(&site.own))
    };
    rows.iter().filter(for_others).map(|row| row.total_s).sum()
}

/// Sleeps of threads, tasks or goroutines of which there may be one, and how long that was looked at.
fn alone<'a>(joined: &Joined<'a>) -> Option<(Vec<Sleep<'a>>, f64)> {
    if joined.trace.is_some() {
        return Some((of_tasks(joined, |kind| joined.is_one(kind)), joined.traced_s()));
    }
    if let Some((threads, _)) = goroutine_waits::told(joined) {
        let wall_s = threads.head.wall_s - threads.head.open_at_s.unwrap_or(0.0);
        return Some((of_goroutines(joined, threads, false), wall_s));
    }
    Some((of_threads(joined.kept()?.0, |_| true), joined.kept_s()))
}

/// Who decides that somebody sleeps: who calls what keeps the limit, unless that gets what it is about.
fn decides(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<Culprit> {
    let sleeps = own.first().map(at)?;
    // Who gets what is to be sent, and not how much that is, or gives what was asked for, decides on that itself.
    let itself = joined.loops.is_some_and(|loops| {
        loops.has_an_object(&sleeps.file, sleeps.line) == Some(true) || loops.sets_its_limit(&sleeps.file, sleeps.line)
    });
    let asks = own.get(1).filter(|asks| !itself && is_of_another(&sleeps.function, &asks.function));
    Some(asks.map_or(sleeps, at))
}

/// Of tasks whose type is one of these.
pub(super) fn of_tasks<'a>(joined: &Joined<'a>, which: impl Fn(&str) -> bool) -> Vec<Sleep<'a>> {
    let waits = joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(|wait| which(&wait.kind));
    let asleep = waits.filter_map(|wait| {
        let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && !site.beside_others)?;
        Some(Sleep { who: &wait.kind, own: &site.own, count: wait.count, total_s: wait.total_s })
    });
    asleep.collect()
}

/// Of threads whose stacks are some of these.
pub(super) fn of_threads(rows: &[TracePolls], which: impl Fn(&[TraceFrame]) -> bool) -> Vec<Sleep<'_>> {
    let asleep = rows.iter().filter(|row| row.doing == TraceEndKind::Blocked).filter_map(|row| {
        let site = row.site.as_ref().filter(|site| site.call.contains("nanosleep") && which(&site.own))?;
        Some(Sleep { who: &row.kind, own: &site.own, count: row.polls, total_s: row.total_s })
    });
    asleep.collect()
}

/// Whether stacks are of threads that read what clients ask.
pub(super) fn serving<'a>(rows: &'a [TracePolls]) -> impl Fn(&[TraceFrame]) -> bool + 'a {
    let reads = standing::reading(rows);
    move |own| reads.iter().any(|asked| guilty::common(asked, own).is_some())
}

/// Those of requests of a program of Go's, that it sleeps for before it answers, or of its other goroutines.
fn of_goroutines<'a>(joined: &Joined<'_>, threads: &'a ThreadsRecord, requests: bool) -> Vec<Sleep<'a>> {
    let asleep = threads.waited.iter().filter(|place| place.called_back == requests && is_asleep(joined, place));
    asleep
        .map(|place| Sleep { who: &place.thread, own: &place.own, count: place.waits, total_s: place.total_s })
        .collect()
}

/// Whether goroutines sleep there, or wait for a timer and for nothing else that anybody sends, as the source says.
fn is_asleep(joined: &Joined<'_>, place: &WaitPlace) -> bool {
    let Some((at, loops)) = place.own.first().zip(joined.loops) else { return place.within == SLEEP };
    let here = |told: &&Told| told.select.unwrap_or(told.line) == at.line;
    let mut waits = loops.all_told().filter(|(file, _)| *file == at.file).map(|(_, told)| told).filter(here).peekable();
    let for_timer = |told: &Told| told.does == Does::Receives && told.name == TIMER;
    place.within == SLEEP || place.within != "IO wait" && waits.peek().is_some() && waits.all(for_timer)
}

/// Whether a function is a method of a type, and who calls it is not one of the same: a limit is kept by something of its own
/// (`Quota::take`, `main.(*quota).take`), which does what it is told.
fn is_of_another(limit: &str, caller: &str) -> bool {
    let of =
        |function: &str| function.rsplit_once("::").or_else(|| function.rsplit_once('.')).map(|(of, _)| of.to_owned());
    let is_type = |of: &str| {
        let last = of.rsplit("::").next().unwrap_or(of);
        last.starts_with(|c: char| c.is_uppercase() || c == '<') || last.ends_with(')')
    };
    of(limit).is_some_and(|limit| is_type(&limit) && of(caller).is_some_and(|caller| caller != limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;

    #[test]
    fn who_waits_for_a_timer_alone_is_asleep() {
        let mut loops = Loops::default();
        loops.read("a.go", "func pace(wait int) {\n\tt := time.NewTimer(wait)\n\tselect {\n\tcase <-t.C:\n\tcase <-ctx.Done():\n\t}\n\t<-time.After(wait)\n\tselect {\n\tcase <-t.C:\n\tcase q := <-quotes:\n\t}\n\tselect {\n\tcase <-t.C:\n\tcase q := <-d.ask(1):\n\t}\n}\n");
        let joined = Joined { loops: Some(&loops), ..Joined::default() };
        let of = |line, within: &str| {
            let own = vec![TraceFrame { function: "main.pace".into(), file: "a.go".into(), line }];
            is_asleep(&joined, &WaitPlace { own, within: within.into(), ..WaitPlace::default() })
        };
        assert!(of(3, "select") && of(7, "chan receive") && of(1, "sleep"));
        assert!(!of(8, "select") && !of(9, "chan receive"), "somebody may send");
        assert!(!of(12, "select"), "whom it asked may answer");
    }

    #[test]
    fn who_sleeps_with_a_lock_does_so_alone() {
        let own = vec![TraceFrame { function: "desk::pace".into(), file: "a.rs".into(), line: 7 }];
        let site = |cause| TraceSite { cause, own: own.clone(), ..TraceSite::default() };
        let asleep =
            |total_s| TraceWait { site: Some(site(TraceCause::Timer)), total_s, count: 100, ..TraceWait::default() };
        let sleeps = |all: &[f64]| {
            let waits = all.iter().map(|total_s| asleep(*total_s)).collect();
            let phase = TraceSaturated { wall_s: 2.0, waits, ..TraceSaturated::default() };
            sleeps_with(&phase, &site(TraceCause::Lock))
        };
        assert!(sleeps(&[1.0, 0.9]));
        assert!(!sleeps(&[0.4]), "most of the time it does not");
        assert!(!sleeps(&[1.5, 1.5]), "two that sleep at once do not have it");
    }

    #[test]
    fn a_limit_of_its_own_is_a_type_apart() {
        assert!(is_of_another("shop::Quota::take", "shop::Desk::rate_for"));
        assert!(is_of_another("shop::Quota::take", "shop::convert"));
        assert!(!is_of_another("shop::Site::send_frame", "shop::Site::serve"));
        assert!(!is_of_another("shop::wait_turn", "shop::Site::serve"), "who sleeps decides on it");
        assert!(is_of_another("main.(*quota).take", "main.(*desk).rateFor"));
        assert!(!is_of_another("main.take", "main.(*desk).rateFor"));
    }
}
