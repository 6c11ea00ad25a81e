//! Goroutines that wait for a lock, and who keeps it meanwhile, from dumps of all of them: in the form in which waits of
//! threads are kept.

use std::collections::{BTreeMap, BTreeSet};

use flamegraphs::names::{Owners, Whose};
use reports::run::{GOROUTINES, TraceCause, TraceEndKind, TraceFrame, TraceHolder, TracePolls, TraceSite};

use crate::attach::goroutines::Goroutine;
use crate::evidence::trace::within_project;
use crate::subject::outside::Dump;

/// The call in which threads wait for a lock; goroutines do so within the runtime.
const LOCKED: &str = "futex";
/// Packages whose functions stand between a goroutine that takes a lock and the program.
const LOCKING: &[&str] = &["runtime.", "sync.", "internal/sync."];
/// Holders kept of a place.
const MOST_HOLDERS: usize = 6;
/// Part of the longest from which who takes the lock itself is likelier its keeper than anybody else.
const TAKES: f64 = 0.1;
/// Who is no taker of the lock must be there so much more often while somebody waits than otherwise to be its keeper.
const CONTRAST: f64 = 0.3;

/// What one goroutine does at one moment.
pub(super) struct Seen<'d> {
    pub(super) state: &'d str,
    pub(super) own: Vec<TraceFrame>,
    pub(super) seconds: f64,
    /// Its number; 0 where they were only counted.
    pub(super) id: u64,
    /// Since when it does so, where that is known.
    pub(super) since_ns: Option<u64>,
    /// Number of the dump.
    pub(super) dump: usize,
    /// It waits for whoever connects next.
    pub(super) accepts: bool,
    /// It does so in a library that it called.
    pub(super) in_library: bool,
    /// It began with a function of the program: those that serve a library's clients did not.
    pub(super) began_own: bool,
}

impl Seen<'_> {
    /// Go's names of waits for its own locks (`runtime.waitReason`): `sync.Mutex.Lock`, `sync.RWMutex.RLock`. Of a lock of a
    /// library nothing of the program's tells who has it.
    pub(super) fn waits_for_lock(&self) -> bool {
        self.state.starts_with("sync.") && self.state.ends_with("Lock") && !self.in_library
    }
}

/// Waits for locks by place, with those who kept them, as so many dumps show them.
pub(super) fn rows(seen: &[Seen<'_>], dumps: usize) -> Vec<TracePolls> {
    let waiting: BTreeSet<usize> = seen.iter().filter(|one| one.waits_for_lock()).map(|one| one.dump).collect();
    let takers: BTreeSet<&str> =
        seen.iter().filter(|one| one.waits_for_lock()).map(|one| one.own[0].function.as_str()).collect();
    let mut places: BTreeMap<&[TraceFrame], (u64, f64)> = BTreeMap::new();
    for one in seen.iter().filter(|one| one.waits_for_lock()) {
        let sum = places.entry(&one.own).or_default();
        *sum = (sum.0 + 1, sum.1 + one.seconds);
    }
    let holders = holders(seen, &waiting, &takers, dumps);
    let row = |(own, (count, total_s)): (&[TraceFrame], (u64, f64))| {
        waiting_at(TraceCause::Lock, own, (count, total_s), holders.clone())
    };
    let mut rows: Vec<TracePolls> = places.into_iter().map(row).collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows
}

/// Whose the functions are that goroutines stand in, and that started them; `program` is the file that ran.
pub(super) fn owners(dumps: &[Dump], program: &str) -> Owners {
    let all = dumps.iter().flat_map(|dump| &dump.goroutines);
    let frames = all.flat_map(|one| one.frames.iter().chain(&one.created_by));
    Owners::of(frames.map(|frame| (frame.function.as_str(), frame.file.as_str())), &[program])
}

/// All goroutines of all dumps that stand in functions of the program, dump by dump.
pub(super) fn seen<'d>(dumps: &'d [Dump], owners: &Owners) -> Vec<Seen<'d>> {
    dumps.iter().enumerate().flat_map(|(number, dump)| all(number, dump, owners)).collect()
}

/// Goroutines of a dump that stand in functions of the program.
fn all<'d>(number: usize, dump: &'d Dump, owners: &Owners) -> Vec<Seen<'d>> {
    let seen = dump.goroutines.iter().map(|one: &Goroutine| {
        let is_own = |frame: &&TraceFrame| owners.whose(&frame.function, &frame.file) == Whose::Program;
        let called = one.frames.iter().take_while(|frame| !is_own(frame));
        let in_library = called.into_iter().any(|frame| !LOCKING.iter().any(|of| frame.function.starts_with(of)));
        let own = one.frames.iter().filter(|frame| owners.whose(&frame.function, &frame.file) == Whose::Program);
        let own = own.map(|frame| TraceFrame { file: within_project(&frame.file).to_owned(), ..frame.clone() });
        let accepts = one.frames.iter().any(|frame| frame.function.ends_with(".Accept"));
        Seen {
            state: &one.state,
            own: own.collect(),
            seconds: dump.covers.as_secs_f64(),
            id: one.id,
            since_ns: one.since_ns,
            dump: number,
            accepts,
            in_library,
            began_own: one.frames.last().is_some_and(|first| is_own(&first)),
        }
    });
    seen.filter(|one| !one.own.is_empty()).collect()
}

/// What goes on while somebody waits for a lock, and only or mostly then: first what functions do that take the lock
/// themselves, the longest first.
fn holders(seen: &[Seen<'_>], waiting: &BTreeSet<usize>, takers: &BTreeSet<&str>, dumps: usize) -> Vec<TraceHolder> {
    #[derive(Default)]
    struct Sum<'s> {
        seconds: f64,
        within: BTreeSet<usize>,
        beyond: BTreeSet<usize>,
        state: &'s str,
    }
    let mut sums: BTreeMap<&[TraceFrame], Sum<'_>> = BTreeMap::new();
    for one in seen.iter().filter(|one| !one.waits_for_lock()) {
        let sum = sums.entry(&one.own).or_default();
        sum.state = one.state;
        if waiting.contains(&one.dump) {
            sum.seconds += one.seconds;
            sum.within.insert(one.dump);
        } else {
            sum.beyond.insert(one.dump);
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "dumps of one recording")]
    let part = |of: usize, all: usize| of as f64 / all.max(1) as f64;
    let taken = |own: &[TraceFrame]| own.iter().any(|frame| takers.contains(frame.function.as_str()));
    let contrast =
        |sum: &Sum<'_>| part(sum.within.len(), waiting.len()) - part(sum.beyond.len(), dumps - waiting.len());
    let telling = sums.into_iter().filter(|(own, sum)| {
        let rest = waiting.len() < dumps;
        sum.seconds > 0.0 && (taken(own) || rest && contrast(sum) >= CONTRAST)
    });
    let telling: Vec<(&[TraceFrame], Sum<'_>)> = telling.collect();
    let longest = telling.iter().map(|(_, sum)| sum.seconds).fold(0.0, f64::max);
    let mut holders: Vec<(bool, TraceHolder)> = telling
        .into_iter()
        .map(|(own, sum)| {
            // Who is seen in it for a moment now and then merely comes and goes.
            (taken(own) && sum.seconds >= TAKES * longest, holder(sum.state, own, sum.seconds))
        })
        .collect();
    holders.sort_by(|(a_takes, a), (b_takes, b)| b_takes.cmp(a_takes).then(b.total_s.total_cmp(&a.total_s)));
    holders.into_iter().map(|(_, holder)| holder).take(MOST_HOLDERS).collect()
}

/// What somebody does who keeps others, in Go's words, and where.
pub(super) fn holder(state: &str, own: &[TraceFrame], total_s: f64) -> TraceHolder {
    let (doing, call) = match state {
        "running" | "runnable" | "syscall" => (TraceEndKind::Cpu, ""),
        _ => (TraceEndKind::Blocked, state),
    };
    TraceHolder { doing, site: site(TraceCause::Other, call, own), total_s }
}

/// Goroutines that wait at a place, how often and how long, and who keeps them.
pub(super) fn waiting_at(
    cause: TraceCause,
    own: &[TraceFrame],
    (polls, total_s): (u64, f64),
    holders: Vec<TraceHolder>,
) -> TracePolls {
    TracePolls {
        kind: GOROUTINES.to_owned(),
        doing: TraceEndKind::Blocked,
        site: Some(site(cause, LOCKED, own)),
        polls,
        total_s,
        holders,
        ..TracePolls::default()
    }
}

/// Those who keep others the longest.
pub(super) fn foremost(mut holders: Vec<TraceHolder>) -> Vec<TraceHolder> {
    holders.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    holders.truncate(MOST_HOLDERS);
    holders
}

fn site(cause: TraceCause, call: &str, own: &[TraceFrame]) -> TraceSite {
    let first = own.first().cloned().unwrap_or_default();
    let TraceFrame { function, file, line } = first;
    TraceSite { cause, call: call.to_owned(), function, file, line, own: own.to_vec(), ..TraceSite::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn goroutine(state: &str, own: &[(&str, u32)]) -> Goroutine {
        let frame = |(function, line): &(&str, u32)| TraceFrame {
            function: (*function).to_owned(),
            file: if function.starts_with("main.") { "/w/shop/main.go" } else { "/usr/go/src/x.go" }.to_owned(),
            line: *line,
        };
        Goroutine {
            state: state.to_owned(),
            frames: own.iter().map(frame).collect::<Vec<_>>().into(),
            created_by: None,
            count: 1,
            id: 1,
            since_ns: None,
        }
    }

    fn dumps(of: &[Vec<Goroutine>]) -> Vec<Dump> {
        let dump = |goroutines: &Vec<Goroutine>| Dump {
            goroutines: goroutines.clone(),
            at_ns: 0,
            covers: Duration::from_millis(100),
        };
        of.iter().map(dump).collect()
    }

    fn rows(dumps: &[Dump]) -> Vec<TracePolls> {
        super::rows(&seen(dumps, &owners(dumps, "/w/shop/shop")), dumps.len())
    }

    #[test]
    fn who_sleeps_in_a_function_that_takes_the_lock_keeps_it() {
        let waits =
            |f: &str, n| goroutine("sync.Mutex.Lock", &[("sync.(*Mutex).Lock", 1), (f, n), ("main.handle", 60)]);
        let sleeps = goroutine("sleep", &[("time.Sleep", 300), ("main.audit", 33), ("main.handle", 62)]);
        let idle = goroutine("IO wait", &[("net.Accept", 9), ("main.main", 80)]);
        let rows = self::rows(&dumps(&[
            vec![waits("main.post", 40), waits("main.post", 40), sleeps.clone(), idle.clone()],
            vec![waits("main.post", 40), waits("main.audit", 31), sleeps, idle.clone()],
            vec![idle],
        ]));
        let told: Vec<_> = rows
            .iter()
            .map(|row| {
                let place = row.site.as_ref().map(|site| (site.function.as_str(), site.line));
                let holders: Vec<_> = row.holders.iter().map(|h| (h.site.function.as_str(), h.site.line)).collect();
                (place, row.polls, holders)
            })
            .collect();
        assert_eq!(
            told,
            [
                (Some(("main.post", 40)), 3, vec![("main.audit", 33)]),
                (Some(("main.audit", 31)), 1, vec![("main.audit", 33)])
            ]
        );
    }

    #[test]
    fn a_keeper_that_never_waits_is_told_by_when_it_is_there() {
        let waits = goroutine("sync.RWMutex.RLock", &[("main.read", 7)]);
        let writes = goroutine("IO wait", &[("main.refresh", 20)]);
        let idle = goroutine("chan receive", &[("main.idle", 9)]);
        let with = vec![waits, writes, idle.clone()];
        let found = rows(&dumps(&[with.clone(), vec![idle.clone()], with.clone()]));
        let holders: Vec<&str> = found[0].holders.iter().map(|one| one.site.function.as_str()).collect();
        assert_eq!(holders, ["main.refresh"]);
        // Where somebody waits all the time nothing tells it from the rest.
        assert_eq!(rows(&dumps(&[with.clone(), with]))[0].holders, []);
        assert_eq!(rows(&dumps(&[vec![idle]])), []);
    }
}
