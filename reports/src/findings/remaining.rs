//! What remains of an excess that no rule explains: what was not gathered, or where the program waits.

use super::Undecided;
use super::cause::{at, percent, time};
use super::joined::Joined;
use super::rules::delayed_acks::READS;
use super::rules::standing::NEXT;
use crate::run::{TraceEndKind, TracePolls};

/// Excess of an operation from which something is slow, and how many times its time alone the tail is.
const SLOW_S: f64 = 0.001;
const SLOW_TIMES: f64 = 5.0;
/// Places that are named, and the part of the time that somebody must be in each.
const PLACES: usize = 3;
const LEAST: f64 = 0.05;

/// What could still be why, where operations are slow and nothing was found.
pub(super) fn remains(joined: &Joined<'_>, blind: &[(&'static str, Vec<String>)]) -> Option<Undecided> {
    let felt = joined.felt.as_ref()?;
    let slow = felt.excess_s >= SLOW_S && felt.p99_s >= SLOW_TIMES * felt.base_s;
    let gathers: Vec<&str> =
        ["cpu", "wait", "trace"].into_iter().filter(|kind| blind.iter().any(|(missing, _)| missing == kind)).collect();
    if !slow || gathers.is_empty() {
        return None;
    }
    let rules: Vec<String> = blind.iter().flat_map(|(_, rules)| rules.clone()).collect();
    let excess = time(felt.excess_s);
    // What was asked for and could not be had is not to be had by asking again.
    let places = if gathers == ["trace"] && joined.missing.contains_key("trace") { waits(joined) } else { Vec::new() };
    let sentence = match places.as_slice() {
        [] => format!(
            "operations take {excess} more than alone, on average, and nothing that was gathered says why: without {} these \
             remain: {}",
            gathers.join(" and "),
            rules.join(", ")
        ),
        places => format!(
            "operations take {excess} more than alone, on average, and no rule says why. Where the program waits, but not for \
             what is asked next, {} remain: {}",
            if places.len() == 1 { "this place" } else { "these places" },
            places.join("; ")
        ),
    };
    let experiment = match joined.build {
        Some(build) if build.go => "workbench attach :6060".into(),
        _ if places.is_empty() => joined.again("cpu,wait,trace"),
        _ => format!("workbench show {} --waits", joined.run),
    };
    Some(Undecided { variant: joined.variant.into(), rules, sentence, experiment })
}

/// What can be told of a program that did not last as long as a trial: it may have used up what a gentler load leaves.
pub(super) fn did_not_last(joined: &Joined<'_>, blind: &[(&'static str, Vec<String>)]) -> Option<Undecided> {
    let ended = joined.ended.as_ref()?;
    let rules: Vec<String> = blind.iter().flat_map(|(_, rules)| rules.clone()).collect();
    let sentence = format!(
        "no trial ended well: {ended}. Where it ran out of something while all clients asked at once, fewer of them, and no ladder, may \
         leave enough of that to see what it goes into"
    );
    let experiment = joined.again("cpu,wait,trace --ladder off --concurrency 1");
    Some(Undecided { variant: joined.variant.into(), rules, sentence, experiment })
}

/// Where threads of the program wait most, except for clients and for connections.
fn waits(joined: &Joined<'_>) -> Vec<String> {
    let Some((rows, _)) = joined.kept() else { return Vec::new() };
    let wall_s = joined.kept_s().max(1e-9);
    let inside = |row: &&TracePolls| {
        let call = row.site.as_ref().filter(|site| !site.own.is_empty()).map(|site| site.call.as_str());
        let elsewhere = call.is_some_and(|call| !READS.contains(&call) && !NEXT.contains(&call));
        row.doing == TraceEndKind::Blocked && elsewhere && row.total_s >= LEAST * wall_s
    };
    let mut rows: Vec<&TracePolls> = rows.iter().filter(inside).collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    let told = rows.into_iter().take(PLACES).filter_map(|row| {
        let site = row.site.as_ref()?;
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let each = time(row.total_s / row.polls.max(1) as f64);
        let part = match row.total_s / wall_s {
            part if part <= 1.0 => format!("{} of the time", percent(part)),
            part => format!("{part:.1} of them at any time"),
        };
        let place = at(site.own.first()?).sentence();
        Some(format!("{} in `{}` at {place}, {} times, {each} each, {part}", row.kind, site.call, row.polls))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::run::{ThreadsHead, ThreadsRecord, TraceFrame, TraceSite};

    #[test]
    fn places_are_named_where_there_is_nothing_to_gather() {
        let row = |function: &str, call: &str, total_s| TracePolls {
            kind: "dispatch".into(),
            doing: TraceEndKind::Blocked,
            polls: 1000,
            total_s,
            site: Some(TraceSite {
                call: call.into(),
                own: vec![TraceFrame { function: function.into(), file: "src/main.rs".into(), line: 50 }],
                ..TraceSite::default()
            }),
            ..TracePolls::default()
        };
        let threads = ThreadsRecord {
            head: ThreadsHead { wall_s: 10.0, ..ThreadsHead::default() },
            kept: vec![
                row("shop::read", "recvfrom", 90.0),
                row("shop::log", "fsync", 0.1),
                row("shop::reserve", "clock_nanosleep", 9.0),
                row("shop::join", "futex", 25.0),
            ],
            ..ThreadsRecord::default()
        };
        let felt = Felt { base_s: 0.001, p99_s: 2.0, excess_s: 1.2, ..Felt::default() };
        let mut joined = Joined { run: "@", threads: Some(&threads), felt: Some(felt), ..Joined::default() };
        let blind = [("trace", vec!["latency-pinned".to_owned()])];
        let of =
            |joined: &Joined<'_>| remains(joined, &blind).map(|one| (one.sentence, one.experiment)).unwrap_or_default();
        assert!(of(&joined).0.contains("without trace these remain: latency-pinned"));
        joined.missing.insert("trace", "no tokio in it".into());
        insta::assert_snapshot!(of(&joined).0, @"operations take 1.20 s more than alone, on average, and no rule says why. Where the program waits, but not for what is asked next, these places remain: dispatch in `futex` at shop::join (src/main.rs:50), 1000 times, 25.0 ms each, 2.5 of them at any time; dispatch in `clock_nanosleep` at shop::reserve (src/main.rs:50), 1000 times, 9.00 ms each, 90 % of the time");
        assert_eq!(of(&joined).1, "workbench show @ --waits");
    }
}
