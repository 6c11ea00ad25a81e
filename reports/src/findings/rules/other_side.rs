//! What operations take where nothing of the program explains it: they wait for another side, and from here it cannot be told
//! whether that takes so long, or a timeout of their own ends the wait.

use crate::findings::cause::{at, percent, time};
use crate::findings::joined::Joined;
use crate::findings::{Culprit, Undecided};
use crate::run::{TraceCause, TraceWait, WaitCause, WaitPlace};

use super::delayed_acks::READS;
use super::{goroutine_waits, latency_pinned};

/// What an operation takes alone, from which it is worth a word, seconds.
const LEAST_S: f64 = 0.005;
/// The part of it that one place must be. Who waits for the next operation waits for longer.
const MOST_OF_IT: std::ops::Range<f64> = 0.8..1.15;
/// Median of operations that come by the clock, as a multiple of what one takes alone, below which nothing else keeps them.
const CONSTANT: f64 = 1.3;

/// One place in which operations wait for somebody else most of what they take, whatever the load.
pub(in crate::findings) fn waited_for(joined: &Joined<'_>) -> Option<Undecided> {
    let felt = joined.felt.as_ref().filter(|felt| felt.base_s >= LEAST_S && felt.p50_s <= CONSTANT * felt.base_s)?;
    let (culprit, asks, each_s) = of_tasks(joined, felt.base_s)
        .or_else(|| of_threads(joined, felt.base_s))
        .or_else(|| of_goroutines(joined, felt.base_s))?;
    let asked = if asks.is_empty() { String::new() } else { format!(", for `{asks}`") };
    Some(Undecided {
        variant: joined.variant.into(),
        rules: vec![latency_pinned::SLUG.to_owned()],
        sentence: format!(
            "each operation waits {} at {}{asked}: {} of what it takes, whatever the load. Either the other side takes as \
             long, or it has answered by then and a timeout of this side ends the wait; nothing of this program tells which. \
             The other side's own time would decide: `ss -tp` names who it is",
            time(each_s),
            culprit.sentence(),
            percent((each_s / felt.base_s).min(1.0)),
        ),
        experiment: "workbench attach PID --for 10s".into(),
    })
}

type Waited = (Culprit, String, f64);

fn of_tasks(joined: &Joined<'_>, base_s: f64) -> Option<Waited> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let mostly = |wait: &&TraceWait| {
        let at_socket = wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket && site.own.len() > 1);
        at_socket && joined.serves(&wait.kind) && MOST_OF_IT.contains(&(wait.total_s / operations / base_s))
    };
    let wait = trace.waits.iter().filter(mostly).max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    let own = &wait.site.as_ref()?.own;
    Some((own.first().map(at)?, String::new(), wait.total_s / operations))
}

fn of_threads(joined: &Joined<'_>, base_s: f64) -> Option<Waited> {
    let (threads, operations) = joined.threads.filter(|_| joined.trace.is_none()).zip(joined.kernel_operations())?;
    let reads = |place: &&WaitPlace| {
        place.cause == WaitCause::Blocked && READS.contains(&place.within.as_str()) && place.own.len() > 1
    };
    place(threads.places.iter().filter(reads), operations, base_s)
}

fn of_goroutines(joined: &Joined<'_>, base_s: f64) -> Option<Waited> {
    let (threads, operations) = goroutine_waits::told(joined)?;
    let asks = |place: &&WaitPlace| place.called_back && !place.asks.is_empty();
    place(threads.waited.iter().filter(asks), operations, base_s)
}

fn place<'p>(places: impl Iterator<Item = &'p WaitPlace>, operations: f64, base_s: f64) -> Option<Waited> {
    let mostly = places.filter(|place| MOST_OF_IT.contains(&(place.total_s / operations / base_s)));
    let place = mostly.max_by(|a, b| a.total_s.total_cmp(&b.total_s))?;
    Some((place.own.first().map(at)?, place.asks.clone(), place.total_s / operations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::run::{ThreadsRecord, TraceFrame};

    fn told(each_s: f64, p50_s: f64) -> Option<String> {
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "shop/main.go".into(), line };
        let place = WaitPlace {
            within: "select".into(),
            own: vec![frame("main.file", 77), frame("main.serve", 99)],
            asks: "net/http.(*Client).Do".into(),
            called_back: true,
            waits: 2000,
            total_s: 1000.0 * each_s,
            ..WaitPlace::default()
        };
        let threads = ThreadsRecord { waited: vec![place], ..ThreadsRecord::default() };
        let felt = Felt { operations: 1000, p50_s, mean_s: p50_s, base_s: 0.041, ..Felt::default() };
        waited_for(&Joined { threads: Some(&threads), waited: Some(1000), felt: Some(felt), ..Joined::default() })
            .map(|told| told.sentence)
    }

    #[test]
    fn what_operations_take_at_another_side_is_said_and_nothing_held_against_anybody() {
        let sentence = told(0.04, 0.042).unwrap();
        assert!(sentence.starts_with("each operation waits 40.0 ms at main.file (shop/main.go:77)"), "{sentence}");
        assert!(sentence.contains("for `net/http.(*Client).Do`: 98 % of what it takes"), "{sentence}");
        assert_eq!(told(0.02, 0.042), None, "half of it");
        assert_eq!(told(0.16, 0.042), None, "it waits for the next one");
        assert_eq!(told(0.04, 0.09), None, "something else keeps them");
    }
}
