//! Operations wait for the lock of a file (flock(2), fcntl(2)), which whole threads stand in the kernel for. To blame is who goes on
//! while it has it.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::guilty;
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::run::{ThreadsRecord, TraceEndKind, TraceFrame, TracePolls, WaitCause, WaitPlace};

use super::waiting_on_owner::{LEAST_S, SLUG};

/// Kernel functions and calls in which a file's lock is waited for.
const CALLS: &[&str] = &["flock", "fcntl", "fcntl_setlk", "locks_lock_inode_wait"];

/// The wait of operations for such a lock, if there is one.
pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let (threads, operations) = joined.threads.zip(joined.waited.filter(|count| *count > 0))?;
    let waits = |row: &&TracePolls| {
        let call = row.site.as_ref().map_or("", |site| site.call.as_str());
        row.doing == TraceEndKind::Blocked && CALLS.contains(&call)
    };
    let at_lock = |place: &&WaitPlace| place.cause == WaitCause::Blocked && CALLS.contains(&place.within.as_str());
    let place = threads.places.iter().filter(at_lock).find(|place| !place.own.is_empty())?;
    // Go's rows do not say where.
    let here = |row: &&TracePolls| {
        let own = row.site.as_ref().and_then(|site| site.own.first());
        row.kind == place.thread && own.is_none_or(|first| guilty::same(first, &place.own[0]))
    };
    let rows: Vec<&TracePolls> = threads.kept_open.iter().filter(waits).filter(here).collect();
    #[allow(clippy::cast_precision_loss, reason = "operations of one recording")]
    let each_s = rows.iter().map(|row| row.total_s).sum::<f64>() / operations as f64;
    let share = joined.part(each_s);
    if each_s < LEAST_S || share < LEAST_SHARE {
        return None;
    }
    let has = keeps(threads, place)?;
    let culprit = at(has);
    let count: u64 = rows.iter().map(|row| row.polls).sum();
    let total_s = rows.iter().map(|row| row.total_s).sum();
    Some(Cause {
        rule: SLUG,
        title: format!("{} keeps a file's lock that others wait for, {} an operation", culprit.function, time(each_s)),
        share,
        evidence: vec![
            format!(
                "{} waited {} in all in `{}` at {}, {count} times",
                place.thread,
                time(total_s),
                place.within,
                at(place.own.first()?).sentence()
            ),
            format!("{} an operation, {} of the excess latency", time(each_s), percent(share)),
        ],
        culprit: Some(culprit),
        refuted_by: "the waits would be as long if the lock were let go before what follows it, or were shared by those who read".into(),
        next: joined.again("wait"),
        proof: "wait",
        depth: 6,
        foremost: false,
    })
}

/// The innermost function through which somebody goes who waits for that lock, and who is seen to be further on in it, for the longest: it
/// goes on with it there. Where nobody is seen so, who takes it.
fn keeps<'p>(threads: &'p ThreadsRecord, place: &'p WaitPlace) -> Option<&'p TraceFrame> {
    let sites = threads.kept_open.iter().filter_map(|row| Some((row.site.as_ref()?.own.as_slice(), row.total_s)));
    let places = threads.waited.iter().chain(&threads.places).map(|other| (other.own.as_slice(), other.total_s));
    let further = |(own, total_s): (&'p [TraceFrame], f64)| {
        let frame = guilty::common(&place.own, own)?;
        let depth = place.own.iter().position(|waits| guilty::same(waits, frame))?;
        // Who stands before that line comes yet: it reads what it is asked.
        (frame.line > place.own[depth].line).then_some((depth, total_s, frame))
    };
    let all = places.chain(sites).filter_map(further);
    let nearest = all.min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    nearest.map(|(.., frame)| frame).or_else(|| place.own.first())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::run::TraceSite;

    fn stack(own: &[(&str, u32)]) -> Vec<TraceFrame> {
        let frame = |(function, line): &(&str, u32)| TraceFrame {
            function: (*function).into(),
            file: "src/main.rs".into(),
            line: *line,
        };
        own.iter().map(frame).collect()
    }

    fn threads(call: &str) -> ThreadsRecord {
        let site = TraceSite { call: call.into(), ..TraceSite::default() };
        let place = |within: &str, own: &[(&str, u32)], total_s| WaitPlace {
            within: within.into(),
            own: stack(own),
            total_s,
            ..WaitPlace::default()
        };
        let row = TracePolls {
            doing: TraceEndKind::Blocked,
            site: Some(site),
            polls: 900,
            total_s: 20.0,
            ..TracePolls::default()
        };
        ThreadsRecord {
            kept_open: vec![row],
            places: vec![
                place(call, &[("lock", 7), ("consult", 20), ("answer", 40), ("serve", 82), ("main", 90)], 20.0),
                place("recvfrom", &[("serve", 80), ("main", 90)], 50.0),
                place("recvfrom", &[("fetch", 30), ("consult", 24), ("answer", 40), ("serve", 82), ("main", 90)], 5.0),
                place("fsync", &[("enter", 60), ("main", 90)], 1.0),
            ],
            ..ThreadsRecord::default()
        }
    }

    fn found(threads: &ThreadsRecord, operations: u64) -> Option<(String, u32)> {
        let felt = Felt { operations, base_s: 0.005, excess_s: 0.02, mean_s: 0.025, ..Felt::default() };
        let joined = Joined { threads: Some(threads), waited: Some(operations), felt: Some(felt), ..Joined::default() };
        of(&joined).and_then(|cause| cause.culprit).map(|culprit| (culprit.function, culprit.line))
    }

    #[test]
    fn who_goes_on_with_the_lock_of_a_file_is_named() {
        assert_eq!(found(&threads("flock"), 1000), Some(("consult".into(), 24)));
        assert_eq!(found(&threads("fsync"), 1000), None, "no lock");
        assert_eq!(found(&threads("flock"), 1_000_000), None, "hardly any wait");
        let mut alone = threads("flock");
        alone.places.truncate(2);
        assert_eq!(found(&alone, 1000), Some(("lock".into(), 7)), "who takes it");
    }
}
