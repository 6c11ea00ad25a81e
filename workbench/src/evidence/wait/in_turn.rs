//! Goroutines that wait to be told by one that serves them in turn, from dumps of all of them.
//!
//! Who serves is one of its kind in every dump, waits to be told itself now and then, and otherwise does something else
//! while the others wait. One that sleeps between two looks at something never waits to be told.

use std::collections::{BTreeMap, BTreeSet};

use reports::run::{TraceCause, TraceFrame, TraceHolder, TracePolls};

use super::goroutines::{Seen, foremost, holder, waiting_at};

/// Part of the dumps in which others wait that one must be busy in to be who they wait for.
const BUSY: f64 = 0.5;

impl Seen<'_> {
    /// Go's names of waits for a channel (`runtime.waitReason`): `chan receive`, `chan send`, `select`.
    fn waits_to_be_told(&self) -> bool {
        ["chan receive", "chan send", "select"].iter().any(|state| self.state.starts_with(state))
    }

    /// In a library it waits for the network or whatever it asked for, and not for work.
    fn waits_for_work(&self) -> bool {
        self.waits_to_be_told() && !self.in_library
    }

    fn is_busy(&self) -> bool {
        !(self.waits_for_work() || self.waits_for_lock() || self.accepts)
    }

    /// What it began with.
    fn began(&self) -> &TraceFrame {
        // Whoever is seen stands in a function of the program.
        &self.own[self.own.len() - 1]
    }
}

/// Waits to be told by place, with which of the servers are busy meanwhile.
pub(super) fn rows(seen: &[Seen<'_>], servers: &BTreeSet<&str>) -> Vec<TracePolls> {
    let mut waiting: BTreeMap<&[TraceFrame], (u64, f64, BTreeSet<usize>)> = BTreeMap::new();
    for one in seen.iter().filter(|one| one.waits_to_be_told() && !servers.contains(one.began().function.as_str())) {
        let sum = waiting.entry(&one.own).or_default();
        (sum.0, sum.1) = (sum.0 + 1, sum.1 + one.seconds);
        sum.2.insert(one.dump);
    }
    let mut rows: Vec<TracePolls> = waiting
        .into_iter()
        .filter_map(|(own, (count, total_s, within))| {
            let holders = busy(seen, servers, &within);
            (!holders.is_empty()).then(|| waiting_at(TraceCause::Notify, own, (count, total_s), holders))
        })
        .collect();
    rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
    rows
}

/// Functions that goroutines began with of which there is never more than one, that wait to be told, and not always.
pub(super) fn servers<'s>(seen: &'s [Seen<'_>]) -> BTreeSet<&'s str> {
    #[derive(Default)]
    struct Kind {
        many: bool,
        told: bool,
        busy: bool,
        last: Option<usize>,
    }
    let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
    for one in seen {
        let kind = kinds.entry(&one.began().function).or_default();
        kind.many |= kind.last == Some(one.dump);
        kind.last = Some(one.dump);
        kind.told |= one.waits_for_work();
        kind.busy |= one.is_busy();
    }
    kinds.into_iter().filter(|(_, kind)| kind.told && kind.busy && !kind.many).map(|(began, _)| began).collect()
}

/// What goroutines that began alike stand in: how often, how long, and in Go's words.
type Stacks<'s> = BTreeMap<&'s [TraceFrame], (u64, f64, &'s str)>;

/// What servers do in those dumps, the longest first.
fn busy(seen: &[Seen<'_>], servers: &BTreeSet<&str>, within: &BTreeSet<usize>) -> Vec<TraceHolder> {
    let mut sums: BTreeMap<&str, Stacks<'_>> = BTreeMap::new();
    for one in seen.iter().filter(|one| one.is_busy() && within.contains(&one.dump)) {
        let Some(began) = servers.get(one.began().function.as_str()) else { continue };
        let sum = sums.entry(began).or_default().entry(&one.own).or_insert((0, 0.0, one.state));
        (sum.0, sum.1) = (sum.0 + 1, sum.1 + one.seconds);
    }
    #[allow(clippy::cast_precision_loss, reason = "dumps of one recording")]
    let mostly = |stacks: &Stacks<'_>| {
        stacks.values().map(|(count, ..)| count).sum::<u64>() as f64 >= BUSY * within.len() as f64
    };
    let stacks = sums.into_values().filter(mostly).flatten();
    foremost(stacks.map(|(own, (_, total_s, state))| holder(state, own, total_s)).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::goroutines::{owners, seen};
    use super::*;
    use crate::attach::goroutines::Goroutine;
    use crate::subject::outside::Dump;

    fn goroutine(state: &str, own: &[&str]) -> Goroutine {
        let frame = |function: &&str| TraceFrame {
            function: (*function).to_owned(),
            file: if function.starts_with("main.") { "/w/shop/main.go" } else { "/usr/go/src/x.go" }.to_owned(),
            line: 7,
        };
        Goroutine {
            state: state.into(),
            frames: own.iter().map(frame).collect::<Vec<_>>().into(),
            created_by: None,
            count: 1,
            id: 1,
            since_ns: None,
        }
    }

    fn dumps(all: &[&[Goroutine]]) -> Vec<Dump> {
        let dump = |goroutines: &&[Goroutine]| Dump {
            goroutines: goroutines.to_vec(),
            at_ns: 0,
            covers: Duration::from_millis(100),
        };
        all.iter().map(dump).collect()
    }

    fn rows(dumps: &[Dump]) -> Vec<TracePolls> {
        let seen = seen(dumps, &owners(dumps, "/w/shop/shop"));
        super::rows(&seen, &servers(&seen))
    }

    #[test]
    fn who_is_busy_while_others_wait_and_waits_otherwise_serves_them() {
        let asks = || goroutine("chan receive", &["main.record", "main.handle"]);
        let works = goroutine("sleep", &["time.Sleep", "main.barrier", "main.commit"]);
        let idle = goroutine("chan receive", &["main.commit"]);
        let janitor = goroutine("sleep", &["time.Sleep", "main.janitor"]);
        let accepts = goroutine("IO wait", &["net.(*TCPListener).Accept", "main.main"]);
        let found = rows(&dumps(&[
            &[idle.clone(), janitor.clone(), accepts.clone()],
            &[asks(), asks(), works.clone(), janitor.clone(), accepts.clone()],
            &[asks(), works, janitor.clone(), accepts],
        ]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].polls, found[0].site.as_ref().map(|site| site.function.as_str())),
            (3, Some("main.record"))
        );
        let holders: Vec<&str> = found[0].holders.iter().map(|one| one.site.function.as_str()).collect();
        assert_eq!(holders, ["main.barrier"]);
        // Who serves is idle: they wait for somebody else.
        assert_eq!(rows(&dumps(&[&[asks(), idle.clone()], &[asks(), idle, janitor]])), []);
    }

    #[test]
    fn several_that_serve_alike_serve_nobody_in_turn() {
        let asks = goroutine("chan receive", &["main.record", "main.handle"]);
        let works = || goroutine("sleep", &["main.barrier", "main.commit"]);
        let idle = || goroutine("chan receive", &["main.commit"]);
        let found = rows(&dumps(&[&[idle(), idle()], &[asks, works(), works()]]));
        assert_eq!(found, []);
    }
}
