//! `/debug/pprof/goroutine`: tasks by the place that spawned them.
//!
//! Go has the stack of every goroutine. tokio has no list of its tasks, and a task that waits has no stack; what is known
//! is where each was spawned and what the tasks of a place did. So a profile has one sample for each spawn site, its
//! value the tasks that are alive, its stack the site alone.

use std::fmt::Write as _;
use std::io;
use std::num::NonZeroI64;
use std::time::{Duration, SystemTime};

use flamegraphs::profile::{BuildError, Builder, Frame, Label, Profile, ValueType};

use super::connection::Connection;
use super::profile::{length, since_epoch};
use super::request::Request;
use super::response::{Response, Status, TEXT};
use crate::tasks::{Kind, Recorder, SiteRecord};

/// Name of the file that browsers save.
const FILE: &str = "goroutine";

/// Takes the tasks that are alive, or with `seconds` how many more they became.
///
/// # Errors
/// The client hung up meanwhile.
pub(super) fn answer(recorder: &Recorder, request: &Request, connection: &Connection<'_>) -> io::Result<Response> {
    let debug = match request.query("debug") {
        None | Some("0") => 0,
        Some("1") => 1,
        Some("2") => 2,
        Some(other) => {
            let refusal = format!("debug={other}: 0 (a profile for tools), 1 (a text) or 2 (a text in full) is needed");
            return Ok(Response::refusal(Status::BadRequest, refusal));
        }
    };
    let asked = request.query("seconds");
    if asked.is_some() && debug > 0 {
        // As Go has it.
        return Ok(Response::refusal(Status::BadRequest, "seconds and debug params are incompatible"));
    }
    let began = SystemTime::now();
    let (sites, length) = match asked {
        None => (alive(&recorder.snapshot()), Duration::ZERO),
        Some(asked) => match length(Some(asked), 0) {
            Err(refusal) => return Ok(Response::refusal(Status::BadRequest, refusal)),
            Ok(_) if request.method == "HEAD" => return Ok(Response::file_header(FILE)),
            Ok(length) => {
                let before = recorder.snapshot();
                connection.wait(length)?;
                (difference(&before, &recorder.snapshot()), length)
            }
        },
    };
    Ok(match debug {
        1 => Response::ok(TEXT, list(&sites)),
        2 => Response::ok(TEXT, in_full(&sites)),
        _ => match convert(&sites, began, length) {
            Ok(profile) => Response::file(FILE, flamegraphs::write::pprof(&profile)),
            Err(error) => Response::refusal(Status::Failed, format!("The profile could not be made: {error}")),
        },
    })
}

/// A site, and what is told of it.
struct Site {
    record: SiteRecord,
    /// Tasks alive, or how many more than before.
    count: i64,
}

impl Site {
    /// `src/main.rs:31:9`.
    fn place(&self) -> String {
        let SiteRecord { file, line, column, .. } = &self.record;
        // The table of sites is finite.
        if file.is_empty() { "(other sites)".to_owned() } else { format!("{file}:{line}:{column}") }
    }

    /// Where a profile has a function: Go's has the function that the goroutine began in, which is not known here.
    fn function(&self) -> String {
        format!("task spawned at {}", self.place())
    }
}

fn alive(records: &[SiteRecord]) -> Vec<Site> {
    let tasks = records.iter().filter(|record| record.kind == Kind::Task && record.alive > 0);
    sorted(tasks.map(|record| Site { record: record.clone(), count: whole(record.alive) }).collect())
}

/// Sites whose tasks became more or fewer.
fn difference(before: &[SiteRecord], after: &[SiteRecord]) -> Vec<Site> {
    let place = |record: &SiteRecord| (record.file.clone(), record.line, record.column);
    let then = |now: &SiteRecord| before.iter().find(|then| place(then) == place(now)).map_or(0, |then| then.alive);
    let mut sites: Vec<_> = after
        .iter()
        .map(|record| Site { record: record.clone(), count: whole(record.alive) - whole(then(record)) })
        .collect();
    // A site with nothing left to say may be missing from the later list.
    let gone = before.iter().filter(|then| after.iter().all(|now| place(now) != place(then)));
    sites.extend(gone.map(|record| Site { record: record.clone(), count: -whole(record.alive) }));
    sites.retain(|site| site.record.kind == Kind::Task && site.count != 0);
    sorted(sites)
}

/// Most tasks first, as Go has it; then in the order of the source.
fn sorted(mut sites: Vec<Site>) -> Vec<Site> {
    sites.sort_by_key(|site| (std::cmp::Reverse(site.count), site.place()));
    sites
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn convert(sites: &[Site], began: SystemTime, length: Duration) -> Result<Profile, BuildError> {
    let mut builder = Builder::new([ValueType::new("goroutine", "count")]);
    for (number, site) in (1..).zip(sites) {
        let (function, record) = (site.function(), &site.record);
        let frame = Frame { function: &function, system_name: "", file: &record.file, line: i64::from(record.line) };
        let location = builder.location(number, &[frame]);
        builder.sample(&[location], &[site.count], &labels(site))?;
    }
    let meta = builder.meta();
    meta.default_sample_type = "goroutine".to_owned();
    meta.period_type = Some(ValueType::new("goroutine", "count"));
    meta.period = 1;
    meta.time_nanos = since_epoch(began);
    meta.duration_nanos = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
    meta.comments.push("goroutines are tokio tasks, by spawn site; a task that waits has no stack".to_owned());
    Ok(builder.finish())
}

/// What the tasks of a site did since the recording began. Numbers that are zero have no tag: Go's reader knows none.
fn labels(site: &Site) -> Vec<Label> {
    let record = &site.record;
    let numbers = [
        ("spawned", whole(record.spawned), "tasks"),
        ("finished", whole(record.finished), "tasks"),
        ("polls", whole(record.polls), "polls"),
        ("in_poll", whole(record.in_poll), "tasks"),
        ("long_polls", whole(record.long_polls), "polls"),
        ("stalls", whole(record.stalls), "polls"),
        ("busy", nanoseconds(record.busy_s), "nanoseconds"),
        ("longest_poll", nanoseconds(record.longest_poll_s), "nanoseconds"),
        ("schedule_latency", nanoseconds(record.schedule_latency_s), "nanoseconds"),
        ("worst_schedule_latency", nanoseconds(record.worst_schedule_latency_s), "nanoseconds"),
        ("allocated", whole(record.bytes), "bytes"),
        ("allocations", whole(record.allocations), "blocks"),
    ];
    let numbers = numbers
        .into_iter()
        .filter_map(|(key, value, unit)| NonZeroI64::new(value).map(|value| Label::number(key, value, unit)));
    std::iter::once(Label::text("site", site.place())).chain(numbers).collect()
}

fn nanoseconds(seconds: f64) -> i64 {
    super::profile::nanoseconds(seconds)
}

/// Go's `debug=1`: counts, each with its addresses, here the site's position in the list.
fn list(sites: &[Site]) -> String {
    let total: i64 = sites.iter().map(|site| site.count).sum();
    let mut text = format!("goroutine profile: total {total}\n");
    for (number, site) in (1..).zip(sites) {
        let SiteRecord { file, line, .. } = &site.record;
        // Writing to a String never fails.
        let _ = writeln!(text, "{} @ {number:#x}\n#\t{number:#x}\t{}\t{file}:{line}", site.count, site.function());
        let _ = writeln!(text, "#\t{}\n", doings(&site.record));
    }
    text
}

/// Go's `debug=2`: a paragraph for each; here for each site, since tokio keeps no list of tasks.
fn in_full(sites: &[Site]) -> String {
    let mut text =
        "# Tasks by spawn site: tokio keeps no list of single tasks, and one that waits has no stack.\n".to_owned();
    for site in sites {
        let record = &site.record;
        let waiting = record.alive.saturating_sub(record.in_poll);
        let _ = writeln!(
            text,
            "\n{} tasks [{} in poll, {waiting} waiting or ready]:\n\t{}\ncreated by tokio spawn\n\t{}",
            record.alive,
            record.in_poll,
            doings(record),
            site.place()
        );
    }
    text
}

fn doings(record: &SiteRecord) -> String {
    let time = |seconds: f64| format!("{:?}", Duration::from_nanos(nanoseconds(seconds).unsigned_abs()));
    format!(
        "spawned {}, finished {}, polls {}, busy {}, longest poll {}, stalls {}, allocated {} B in {} blocks, worst wait \
         for a worker {}",
        record.spawned,
        record.finished,
        record.polls,
        time(record.busy_s),
        time(record.longest_poll_s),
        record.stalls,
        record.bytes,
        record.allocations,
        time(record.worst_schedule_latency_s)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: u32, alive: u64) -> SiteRecord {
        SiteRecord {
            file: "src/main.rs".into(),
            line,
            column: 9,
            kind: Kind::Task,
            spawned: alive + 2,
            finished: 2,
            alive,
            polls: 12,
            busy_s: 0.0305,
            longest_poll_s: 0.012,
            long_polls: 2,
            stalls: 1,
            in_poll: 1,
            bytes: 4096,
            allocations: 3,
            latency: crate::tasks::Latency::EveryPoll,
            waits: 12,
            schedule_latency_s: 0.004,
            worst_schedule_latency_s: 0.003,
        }
    }

    #[test]
    fn texts_are_shaped_like_those_of_go() {
        let records = [record(31, 4), record(40, 0), record(7, 9)];
        insta::assert_snapshot!(list(&alive(&records)));
        insta::assert_snapshot!(in_full(&alive(&records)));
    }

    #[test]
    fn blocking_jobs_and_sites_without_tasks_are_no_goroutines() {
        let blocking = SiteRecord { kind: Kind::Blocking, ..record(5, 3) };
        let records = [record(40, 0), blocking];
        assert!(alive(&records).is_empty());
        assert_eq!(list(&alive(&records)), "goroutine profile: total 0\n");
    }

    #[test]
    fn a_profile_has_a_sample_for_each_site_with_what_its_tasks_did() {
        let records = [record(31, 4), record(7, 9)];
        let profile = convert(&alive(&records), SystemTime::UNIX_EPOCH, Duration::ZERO).unwrap();
        let read = flamegraphs::read::pprof(&flamegraphs::write::pprof(&profile)).unwrap();
        let counts: Vec<i64> = read.samples().iter().map(|sample| sample.values[0]).collect();
        assert_eq!(counts, [9, 4]);
        let sample = &read.samples()[1];
        assert_eq!(sample.label("site"), Some("src/main.rs:31:9"));
        assert_eq!(read.functions().iter().filter(|f| f.name == "task spawned at src/main.rs:31:9").count(), 1);
    }

    #[test]
    fn differences_tell_of_sites_that_came_and_went() {
        let (before, after) = ([record(1, 5), record(2, 2), record(3, 1)], [record(1, 8), record(3, 1), record(4, 6)]);
        let sites = difference(&before, &after);
        let told: Vec<(u32, i64)> = sites.iter().map(|site| (site.record.line, site.count)).collect();
        assert_eq!(told, [(4, 6), (1, 3), (2, -2)]);
    }
}
