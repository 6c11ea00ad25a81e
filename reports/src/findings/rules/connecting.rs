//! A connection for every question where one could stay open.

use std::collections::BTreeSet;

use crate::findings::Loops;
use crate::findings::cause::{Cause, at, innermost, percent, time};
use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::findings::tokens::word_at;
use crate::run::{TraceCause, TraceWait, WaitPlace};

use super::goroutine_waits;
use super::repeated_work::{LEAST, SLUG};
use super::round_trips::ROUND_TRIPS;

impl Loops {
    /// Whether the function around a line connects to somebody itself; `None` where its source is not known.
    fn connects(&self, file: &str, line: u32) -> Option<bool> {
        let body = self.body(file, line)?;
        Some(self.files.get(file)?.connecting.range(body).next().is_some())
    }
}

/// Lines of a source on which it connects.
pub(in crate::findings) fn connecting(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    (0..tokens.len())
        .filter(|at| word_at(tokens, *at).to_lowercase().contains("connect"))
        .map(|at| tokens[at].0)
        .collect()
}

/// Each operation opens connections again and again in one place, and waits for what is asked over them.
pub(super) fn again(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let count = |wait: &TraceWait| wait.count as f64;
    let connects = |wait: &&TraceWait| {
        let opens = wait.site.as_ref().is_some_and(|site| {
            site.cause == TraceCause::Socket && site.resource.ends_with("::connect") && !site.own.is_empty()
        });
        opens && count(wait) >= ROUND_TRIPS * operations && joined.serves(&wait.kind)
    };
    let wait = trace.waits.iter().filter(connects).max_by_key(|wait| wait.count)?;
    let culprit = wait.site.as_ref().and_then(innermost)?;
    // What the function that connects waits for is what it connects for.
    let for_it = |other: &&TraceWait| {
        let within =
            other.site.as_ref().is_some_and(|site| site.own.iter().any(|frame| frame.function == culprit.function));
        within && other.kind == wait.kind
    };
    let waited: f64 = trace.waits.iter().filter(for_it).map(|other| other.total_s).sum();
    let share = (waited / operations / joined.usual_s()?.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} opens a connection {:.0} times for each operation", culprit.function, count(wait) / operations),
        share,
        evidence: vec![
            format!(
                "{} waits there for a connection to be opened, {} each, in {operations:.0} operations; those that open at \
                 once are not among them",
                wait.count,
                time(wait.total_s / count(wait))
            ),
            format!("with what is asked over them {} of the latency", percent(share)),
        ],
        refuted_by: "over a connection that stays open operations would take as long".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Connections for each operation from which hardly one is kept.
const EVERY: f64 = 0.8;

/// Each operation has a connection opened by a library that the program asks, in a function that connects to nobody itself, by its
/// source: what has connections opened for others keeps them for the next one, unless it is kept from that.
pub(super) fn by_a_library(joined: &Joined<'_>) -> Option<Cause> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let at_connect = |wait: &TraceWait| {
        wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.resource.ends_with("::connect"))
    };
    #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
    let often = |count: u64| count as f64 / operations;
    let asks = |wait: &&TraceWait| at_connect(wait) && often(wait.count) >= EVERY && joined.serves(&wait.kind);
    let wait = trace.waits.iter().filter(asks).max_by_key(|wait| wait.count)?;
    let frame = wait.site.as_ref()?.own.first()?;
    if joined.loops?.connects(&frame.file, frame.line)? {
        return None;
    }
    // It starts something for each of them, as what reads and writes a connection.
    let begun = trace.kinds.iter().filter(|kind| {
        let there = kind.spawned_at.as_ref().and_then(|site| site.own.first());
        there.is_some_and(|one| guilty::same(one, frame)) && often(kind.spawned) >= EVERY
    });
    let begun = begun.map(|kind| kind.spawned).max()?;
    // A task that waits to be told, or for bytes, may be seen where it connected before.
    let for_it = |other: &&TraceWait| {
        let within = other.site.as_ref().is_some_and(|site| site.own.iter().any(|one| guilty::same(one, frame)));
        within && other.kind == wait.kind && !at_connect(other)
    };
    let waited: f64 = trace.waits.iter().filter(for_it).map(|other| other.total_s).sum();
    let share = (waited / operations / joined.usual_s()?.max(1e-9)).min(1.0);
    let culprit = at(frame);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} has a connection opened anew for each operation", culprit.function),
        share,
        evidence: vec![
            format!(
                "a library that it asks opens them: {begun} tasks were started there for {operations:.0} operations, and as many                  waited for a connection to be opened"
            ),
            format!("with what is asked over them {} of the latency", percent(share)),
            "what opens connections for others keeps them, unless an answer is not read to its end, or is let go too late,              or each time another client asks"
                .to_owned(),
        ],
        refuted_by: "over a connection that stays open operations would take as long".into(),
        next: joined.again("trace"),
        proof: "trace",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}

/// Goroutines that a library starts for each operation from which it opens a connection for most of them.
const FOR_EACH: f64 = 0.5;
/// CPU for each operation within `connect` below which hardly one is opened, seconds: one takes 20 to 50 µs.
const CONNECTING_S: f64 = 0.000_005;

/// The same of a program of Go whose goroutines were traced: a library opens connections on goroutines that it starts for who asks.
pub(super) fn of_goroutines(joined: &Joined<'_>) -> Option<Cause> {
    let (waits, open) = goroutine_waits::told(joined)?;
    let (cpu, all) = joined.cpu.zip(joined.kernel_operations())?;
    let connecting: f64 = cpu.rows.iter().filter_map(|row| row.calls.get("connect")).sum();
    let each_s = connecting / cpu.total_s.max(1e-9) * joined.metric("cpu_per_op")?;
    #[allow(clippy::cast_precision_loss, reason = "goroutines of one recording")]
    let often = |count: u64| count as f64 / all;
    let begun = waits.begun.iter().filter(|begun| often(begun.count) >= FOR_EACH && each_s >= CONNECTING_S);
    let (begun, waited) = begun
        .filter_map(|begun| {
            let asks = begun.own.first()?;
            let for_it = |place: &&WaitPlace| {
                place.called_back && !place.asks.is_empty() && place.own.iter().any(|one| guilty::same(one, asks))
            };
            Some((begun, waits.waited.iter().filter(for_it).map(|place| place.total_s).sum::<f64>()))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let culprit = begun.own.first().map(at)?;
    let share = (waited / open / joined.usual_s()?.max(1e-9)).min(1.0);
    (share >= LEAST).then(|| Cause {
        rule: SLUG,
        title: format!("{} opens a connection for each operation", culprit.function),
        share,
        evidence: vec![
            format!(
                "{} goroutines were started for it by {}, {:.1} for each operation, and {} of CPU an operation goes into `connect`",
                begun.count,
                begun.through,
                often(begun.count),
                time(each_s)
            ),
            format!("with what is asked over them {} of the latency", percent(share)),
        ],
        refuted_by: "over a connection that stays open operations would take as long".into(),
        next: joined.again("cpu,wait"),
        proof: "wait",
        depth: 5,
        culprit: Some(culprit),
        foremost: false,
    })
}
