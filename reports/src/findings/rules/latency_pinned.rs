//! Latency that a constant sets: a timer that paces, a look every so often for what could be told, an acknowledgement that
//! the other side's kernel delays.

use crate::findings::cause::{Answer, Cause, at, innermost, percent, time};
use crate::findings::joined::{Joined, knows_goroutines};
use crate::findings::{Culprit, guilty, owner};
use crate::run::{Trace, TraceCase, TraceCause, TraceEndKind, TraceKind, TraceSite, TraceStep, TraceWait};

use super::{backing_off, delayed_acks, gathering, goroutine_waits, lingering, other_side, timed_out};

pub(in crate::findings) const SLUG: &str = "latency-pinned";
/// Part of the mean latency that such waits must be.
const LEAST: f64 = 0.4;
/// The same of a single sleep, which may as well be what the operation is for.
const MOSTLY: f64 = 0.6;
/// Timer waits of an operation from which it looks again and again.
const LOOKS: f64 = 1.7;
/// How near to a whole number they may be before it is a number that the program chose: one upstream after the other.
const WHOLE: f64 = 0.03;
/// Timer waits for each operation below which a task's timer does not depend on operations: it ticks.
const TICKS: f64 = 0.7;
/// Waits of an operation that ended with their timeout, from which each operation has one.
const EVERY: std::ops::Range<f64> = 0.9..1.1;
/// Tasks for each operation from which a type of task belongs to operations: its timers are what they wait for.
pub(super) const ONE_EACH: f64 = 0.5;
/// A period from which somebody feels that answers leave at ticks alone, seconds; and how many of them an answer may wait for.
const SHORTEST_S: f64 = 0.003;
const MOST_TICKS: f64 = 3.0;
/// What comes at any time waits for half of one on average.
const LEAST_TICKS: f64 = 0.2;
/// Part of the operations that must wait for it.
const SOME: f64 = 0.05;
/// How many times as often timers of work fire under full load, for one that fires as often as ticks do.
const KEEPS_PACE: f64 = 1.15;
/// Causes of waits that somebody within the program ends.
const TOLD: &[TraceCause] =
    &[TraceCause::Notify, TraceCause::Channel, TraceCause::Lock, TraceCause::Join, TraceCause::Other];
/// Part of a timeout within which all are told who are told at all.
const IN_NO_TIME: f64 = 0.3;
/// Waits that ended so from which they are no accident.
const FEWEST: u64 = 5;
/// The longest of waits that last a constant, in their mean: what runs late stretches some.
pub(super) const CONSTANT: f64 = 1.3;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(mean) = joined.mean_s().or(joined.traced.map(|(_, mean)| mean)) else { return Answer::Blind("latency") };
    let mut causes = delayed_acks::of(joined);
    if let Some(trace) = joined.trace {
        causes.extend(trace.waits.iter().filter_map(|wait| polling(joined, wait, mean)));
        causes.extend(trace.waits.iter().filter_map(|wait| given_up(joined, wait, mean)));
        causes.extend(trace.waits.iter().filter_map(|wait| rescued(joined, wait, mean)));
        causes.extend(trace.waits.iter().filter_map(|wait| timed_out::by_upstream(joined, wait, mean)));
        causes.extend(ticks(joined, mean));
        causes.extend(backing_off::of_tasks(joined, mean));
        causes.extend(gathering::of(joined, mean));
    } else {
        causes.extend(timed_out::by_threads(joined, mean));
        causes.extend(backing_off::of_threads(joined, mean));
        causes.extend(timed_out::by_reads(joined, mean));
        causes.extend(lingering::of(joined, mean));
        causes.extend(goroutine_waits::ticks(joined, mean));
    }
    if causes.is_empty() {
        causes.extend(other_side::until_timeout(joined));
    }
    if joined.trace.is_none() && causes.is_empty() && !joined.threads.is_some_and(knows_goroutines) {
        return Answer::Blind("trace");
    }
    Answer::of(causes, || "no timer that fires for operations, and no mode at 40 ms".into())
}

/// An operation that sleeps and looks, sleeps and looks.
fn polling(joined: &Joined<'_>, wait: &TraceWait, mean: f64) -> Option<Cause> {
    let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && !site.beside_others)?;
    let culprit = guilty::asking(joined, &wait.kind, &site.own).map(at).filter(|_| joined.serves(&wait.kind))?;
    let operations = joined.traced_operations()?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (count, each) = (wait.count as f64 / operations, wait.total_s / wait.count.max(1) as f64);
    let share = (wait.total_s / operations / mean).min(1.0);
    let set = is_set(joined, &wait.kind, count, operations);
    // So does the timer that ticks whether there are operations or not: under full load it hardly fires for each of them.
    let often = each_phase(joined, &wait.kind, site).unwrap_or(count) >= LOOKS;
    // An upstream within the program that operations ask twice sleeps once for each question.
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let again = joined.asked(&wait.kind).is_some_and(|asked| wait.count as f64 >= LOOKS * asked);
    // Beside something else a task goes on with that, and its timer did not fire.
    let fired = woken_by_timers(joined, &wait.kind).is_none_or(|fired| fired >= LOOKS * operations);
    let looks = count >= LOOKS && share >= LEAST && often && again && fired && !set;
    // The first look that comes after the sleep may find it: a sleep in a loop is for a look all the same.
    let in_loop = || joined.loops?.around(&site.own.first()?.file, site.own.first()?.line);
    let constant = wait.count >= FEWEST && wait.longest_s <= CONSTANT * each;
    let once = EVERY.contains(&count) && share >= MOSTLY && constant && site.own.len() > 1 && in_loop() == Some(true);
    (looks || once).then(|| Cause {
        rule: SLUG,
        title: format!("{} sleeps {} again and again until what it waits for is there", culprit.function, time(each)),
        share,
        evidence: vec![
            format!("{count:.1} timers of {} fired for each operation", time(each)),
            format!("that is {} of the mean latency of {}", percent(share), time(mean)),
        ],
        refuted_by: "the latency would not follow the length of the sleep".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// How often a timer woke tasks of a type; `None` where wakes were not counted.
fn woken_by_timers(joined: &Joined<'_>, kind: &str) -> Option<f64> {
    let trace = joined.trace.filter(|trace| !trace.wakers.is_empty())?;
    let of_timers = trace.wakers.iter().filter(|waker| waker.kind == kind && waker.cause == Some(TraceCause::Timer));
    #[allow(clippy::cast_precision_loss, reason = "wakes of one recording")]
    Some(of_timers.map(|waker| waker.count).sum::<u64>() as f64)
}

/// Whether waits are a number that the program chose: a loop that waits a set number of times, while nobody else does anything
/// for the operation, waits for its own work.
pub(super) fn is_set(joined: &Joined<'_>, kind: &str, count: f64, operations: f64) -> bool {
    (count - count.round()).abs() <= WHOLE * count && !others_work(joined, kind, operations)
}

/// An operation that gives something time to come, and it never does.
fn given_up(joined: &Joined<'_>, wait: &TraceWait, mean: f64) -> Option<Cause> {
    let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && site.beside_others)?;
    let culprit = innermost(site).filter(|_| joined.serves(&wait.kind) && !site.own.is_empty())?;
    let operations = joined.traced_operations()?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let (count, each) = (wait.count as f64 / operations, wait.total_s / wait.count.max(1) as f64);
    let share = (wait.total_s / operations / mean).min(1.0);
    let always =
        EVERY.contains(&count) && each_phase(joined, &wait.kind, site).is_none_or(|each| EVERY.contains(&each));
    (always && share >= LEAST).then(|| {
        if let Some(reader) = other_side::reads_to_the_end(joined, wait) {
            let title = format!("{} reads on for {} until the other side hangs up", reader.function, time(each));
            let told = format!(
                "{count:.1} connections for each operation end with the timeout of {}, {} after it was asked nothing more: {} of the mean \
                 latency of {}",
                culprit.sentence(),
                time(each),
                percent(share),
                time(mean)
            );
            return by_timeout(joined, reader, share, title, vec![told]);
        }
        let title = format!("{} waits {} for what never comes before it goes on", culprit.function, time(each));
        let evidence = vec![
            format!(
                "{count:.1} waits of {} for each operation ended with their timeout, not with what they were for",
                time(each)
            ),
            format!("that is {} of the mean latency of {}", percent(share), time(mean)),
        ];
        by_timeout(joined, culprit, share, title, evidence)
    })
}

/// A timeout that operations wait for, there.
pub(super) fn by_timeout(
    joined: &Joined<'_>,
    culprit: Culprit,
    share: f64,
    title: String,
    evidence: Vec<String>,
) -> Cause {
    let shown = if joined.trace.is_some() { "trace" } else { "wait" };
    Cause {
        rule: SLUG,
        title,
        share,
        evidence,
        refuted_by: "the latency would not follow the timeout".into(),
        next: joined.again(shown),
        proof: shown,
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    }
}

/// An operation that is told in no time what it waits for, or not at all, and then goes on when its timeout ends that.
fn rescued(joined: &Joined<'_>, wait: &TraceWait, mean: f64) -> Option<Cause> {
    let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Timer && site.beside_others)?;
    let culprit = innermost(site).filter(|_| joined.serves(&wait.kind) && !site.own.is_empty())?;
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let length = |wait: &TraceWait| wait.total_s / wait.count.max(1) as f64;
    let (each, share) = (length(wait), (wait.total_s / operations / mean).min(1.0));
    // Who waits for an event that may come or not is told at any time until the timeout.
    let told = |other: &&TraceWait| {
        let same = |other: &TraceSite| other.own == site.own && TOLD.contains(&other.cause);
        other.kind == wait.kind && other.site.as_ref().is_some_and(same) && other.longest_s <= IN_NO_TIME * each
    };
    let told = trace.waits.iter().find(|other| told(other) && other.count >= FEWEST)?;
    let constant = wait.count >= FEWEST && wait.longest_s <= CONSTANT * each;
    (constant && share >= LEAST).then(|| {
        let title = format!(
            "{} is told within {} or waits for its timeout of {}",
            culprit.function,
            time(told.longest_s),
            time(each)
        );
        let evidence = vec![
            format!(
                "{} waits there were ended by whoever does what they are for, after {} on average and {} at most",
                told.count,
                time(length(told)),
                time(told.longest_s)
            ),
            format!(
                "{} were ended by nothing but their timeout of {}: {} of the mean latency of {}",
                wait.count,
                time(each),
                percent(share),
                time(mean)
            ),
            "a wake-up that comes between the look and the wait for it is lost".into(),
        ];
        by_timeout(joined, culprit, share, title, evidence)
    })
}

/// Whether tasks of another type, or the blocking pool, do something for each operation.
fn others_work(joined: &Joined<'_>, kind: &str, operations: f64) -> bool {
    let others = joined.trace.into_iter().flat_map(|trace| &trace.kinds).filter(|other| other.name != kind);
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    others.map(|other| other.polls.max(other.spawned) as f64).any(|count| count >= ONE_EACH * operations)
}

/// Waits of a type of task at a place for each operation, in the phase in which they are fewer; `None` where no phase
/// shows any.
pub(super) fn each_phase(joined: &Joined<'_>, kind: &str, site: &TraceSite) -> Option<f64> {
    let trace = joined.trace?;
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let rate = |waits: &[TraceWait], operations: u64| {
        let count = counted(at_place(waits, kind, site));
        (operations > 0 && count > 0.0).then_some(count / operations as f64)
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "operations of one trial")]
    let open = rate(&trace.waits, joined.traced_operations().unwrap_or(0.0) as u64);
    let busy = trace.saturated.as_ref().and_then(|phase| rate(&phase.waits, joined.traced_saturated));
    [open, busy].into_iter().flatten().min_by(f64::total_cmp)
}

/// Whether a task waits there for a timer that does not depend on operations.
pub(super) fn is_tick(joined: &Joined<'_>, kind: &str, site: &TraceSite) -> bool {
    if site.cause != TraceCause::Timer || belongs_to_operations(joined, kind) {
        return false;
    }
    // Where work is done for each operation the two phases are alike, and neither is small.
    each_phase(joined, kind, site).is_none_or(|each| each < TICKS)
        && !works_in_turn(joined, kind, site)
        && !is_for_several(joined, kind, site)
}

/// Whether a timer fires once for so and so many operations, and the more often the more of these there are: that is work for
/// several of them at once.
fn is_for_several(joined: &Joined<'_>, kind: &str, site: &TraceSite) -> bool {
    let Some((trace, phase)) = joined.trace.and_then(|trace| Some((trace, trace.saturated.as_ref()?))) else {
        return false;
    };
    let count = |waits: &[TraceWait]| counted(at_place(waits, kind, site));
    #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
    let busy = (count(&phase.waits), joined.traced_saturated as f64, phase.wall_s);
    let open = (count(&trace.waits), joined.traced_operations().unwrap_or(0.0), joined.traced_s());
    // Who waits for something else beside it is not at work until then.
    if is_beside_others(trace, kind, site)
        || [open, busy].iter().any(|(count, operations, wall_s)| *count < 1.0 || *operations < 1.0 || *wall_s <= 0.0)
    {
        return false;
    }
    // How many times as much under full load: for each operation, and in a second.
    let by_operation = (busy.0 / busy.1) / (open.0 / open.1);
    let by_second = (busy.0 / busy.2) / (open.0 / open.2);
    let differ = by_operation.max(by_second) >= KEEPS_PACE * by_operation.min(by_second);
    differ && by_operation.ln().abs() < by_second.ln().abs()
}

/// Whether a task waits elsewhere, for a time or the network, for each operation: what it is asked for takes that long, and
/// its tick is beside.
fn works_in_turn(joined: &Joined<'_>, kind: &str, site: &TraceSite) -> bool {
    let waits = joined.trace.into_iter().flat_map(|trace| &trace.waits).filter(|wait| wait.kind == kind);
    let elsewhere = waits.filter_map(|wait| wait.site.as_ref()).filter(|other| {
        let own = matches!(other.cause, TraceCause::Timer | TraceCause::Socket);
        own && !other.looks_like(site) && !other.beside_others
    });
    elsewhere.map(|other| each_phase(joined, kind, other).unwrap_or(0.0)).any(|each| each >= ONE_EACH)
}

/// Whether a task is spawned for each operation, in the open loop or under full load.
pub(super) fn belongs_to_operations(joined: &Joined<'_>, kind: &str) -> bool {
    #[allow(clippy::cast_precision_loss, reason = "tasks of one recording")]
    let each = |kinds: &[TraceKind], operations: f64| {
        operations > 0.0
            && kinds.iter().any(|one| one.name == kind && !one.blocking && one.spawned as f64 >= ONE_EACH * operations)
    };
    #[allow(clippy::cast_precision_loss, reason = "operations of one phase")]
    let saturated = joined.traced_saturated as f64;
    joined.trace.is_some_and(|trace| {
        joined.traced_operations().is_some_and(|operations| each(&trace.kinds, operations))
            || trace.saturated.as_ref().is_some_and(|phase| each(&phase.kinds, saturated))
    })
}

/// Those among waits that tasks of a type had in a place.
fn at_place<'w>(waits: &'w [TraceWait], kind: &str, site: &TraceSite) -> impl Iterator<Item = &'w TraceWait> {
    waits.iter().filter(move |wait| wait.kind == kind && wait.is_at(site))
}

/// How many waits these are.
#[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
fn counted<'w>(waits: impl Iterator<Item = &'w TraceWait>) -> f64 {
    waits.map(|wait| wait.count).sum::<u64>() as f64
}

/// How long they took in all, seconds.
fn lasted<'w>(waits: impl Iterator<Item = &'w TraceWait>) -> f64 {
    waits.map(|wait| wait.total_s).sum()
}

/// From one time that the timer fires to the next, seconds. Who waits for something else as well, until then, comes back to that place with
/// each of these.
fn period(trace: &Trace, kind: &str, site: &TraceSite) -> f64 {
    let here = |wait: &&TraceWait| wait.kind == kind && wait.site.as_ref().is_some_and(|other| other.own == site.own);
    let all_s = match is_beside_others(trace, kind, site) {
        true => lasted(trace.waits.iter().filter(here)),
        false => lasted(at_place(&trace.waits, kind, site)),
    };
    all_s / counted(at_place(&trace.waits, kind, site)).max(1.0)
}

/// Whether tasks of a type wait for something else, too, where they wait for that timer.
fn is_beside_others(trace: &Trace, kind: &str, site: &TraceSite) -> bool {
    at_place(&trace.waits, kind, site).filter_map(|wait| wait.site.as_ref()).any(|site| site.beside_others)
}

/// Operations that wait for a task which waits for its tick.
fn ticks(joined: &Joined<'_>, mean: f64) -> Vec<Cause> {
    let Some((trace, operations)) = joined.trace.zip(joined.traced_operations()) else { return Vec::new() };
    let mut causes: Vec<Cause> = Vec::new();
    for case in &trace.cases {
        let Some(site) = case.links.first().filter(|link| link.step == TraceStep::Waited).and_then(|l| l.site.as_ref())
        else {
            continue;
        };
        let for_others = [TraceCause::Channel, TraceCause::Notify, TraceCause::Join, TraceCause::Other];
        if !joined.serves(&case.kind) || !for_others.contains(&site.cause) || case.end.kind != TraceEndKind::Timer {
            continue;
        }
        let Some(owner) = owner::of(case).filter(|owner| is_tick(joined, &owner.link.kind, owner.site)) else {
            continue;
        };
        let here = || at_place(&trace.waits, &case.kind, site);
        let (total, each) = (lasted(here()), lasted(here()) / counted(here()).max(1.0));
        let period = period(trace, &owner.link.kind, owner.site);
        // Who is told at every tick waits for one or two; who waits for many waits in a queue, and who hardly waits is told at others.
        if period < SHORTEST_S || !(LEAST_TICKS * period..=MOST_TICKS * period).contains(&each) {
            continue;
        }
        let share = (total / operations / mean).min(1.0);
        let Some(culprit) = owner.site.own.first().map(at) else { continue };
        let few = counted(here()) < SOME * operations;
        if few || share < LEAST || causes.iter().any(|known| known.culprit.as_ref() == Some(&culprit)) {
            continue;
        }
        causes.push(Cause {
            rule: SLUG,
            title: format!("answers leave only when a timer of {} fires", culprit.function),
            share,
            evidence: vec![
                format!("{} of the mean latency of {} is waited for it", percent(share), time(mean)),
                format!("the longest: {}", TraceCase::sentence(case)),
            ],
            refuted_by: "the latency would not follow the timer's period".into(),
            next: joined.again("trace"),
            proof: "trace",
            depth: 6,
            culprit: Some(culprit),
            foremost: false,
        });
    }
    causes
}
