//! An answer that is lost, by the source: who should have told whoever waits for it, and did not.

use std::collections::BTreeSet;

use super::cause::at;
use super::forgetting::forgets_permit;
use super::joined::Joined;
use super::leaving::{Leaves, Left, once};
use super::overwriting::overwriting;
use super::{Culprit, Loops, telling};
use crate::run::TraceFrame;

/// Methods that wait for what is said in such a channel, and that say something there (`tokio::sync::watch`).
const LISTENS: &[&str] = &["wait_for", "changed"];
const SAYS: &[&str] = &["send_replace", "send_modify", "send_if_modified"];

/// Of who waits to be told, and of those who called it, by the source: who should have told it; or, where who waits and who tells are
/// right, who asked for that; and how one sees it.
pub(super) fn who_lost_it(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<(Culprit, String)> {
    let waits = own.first()?;
    if let Some(overwrites) = overwriting(joined, own) {
        return Some(overwrites);
    }
    if let Some(forgets) = forgets_permit(joined, waits) {
        return Some(forgets);
    }
    if let Some(teller) = teller(joined, waits) {
        let told =
            format!("they left whom to tell where {} takes it, as the sources say, and it did not", teller.sentence());
        return Some((teller, told));
    }
    let loops = joined.loops?;
    let cell = loops.cell(&waits.file, waits.line);
    let skips = match cell {
        Some((cell, _)) => skips_telling(joined, waits, cell),
        None => skips_sending(joined, waits),
    };
    if let Some(skips) = skips {
        let told =
            format!("they are told in {}, which may end before it comes to that, as its source says", skips.sentence());
        return Some((skips, told));
    }
    let (cell, reaches) = cell?;
    // Nobody else waits in one that was made to wait in.
    let makes = own.get(1).is_some_and(|asks| loops.makes(asks, cell));
    if let Some(tells) = if makes { None } else { only_teller(joined, waits, cell) } {
        let told = format!("{} alone was seen to tell those who wait there, and these it did not", tells.sentence());
        return Some((tells, told));
    }
    let asks = own.get(1).filter(|_| reaches || makes)?;
    let told = format!("{} is told whenever there is something to tell: it was lost before", waits.function);
    Some((at(asks), told))
}

/// The only one seen at work of those that have who waits in a cell told, and may be left before they do.
fn skips_telling(joined: &Joined<'_>, waits: &TraceFrame, cell: &str) -> Option<Culprit> {
    let loops = joined.loops?;
    let tells: BTreeSet<&str> = loops.telling_of(cell);
    let callers: Vec<(&str, &Left)> = tells.into_iter().flat_map(|tells| loops.calls(tells)).collect();
    let (file, left) = skipping(joined, &callers)?;
    Some(loops.culprit(&waits.function, (file, &left.function, left.line)))
}

/// The same of a channel that keeps what was said last (tokio's `watch`): who says something there, or has it said.
fn skips_sending(joined: &Joined<'_>, waits: &TraceFrame) -> Option<Culprit> {
    let loops = joined.loops?;
    if loops.lines_of_calls(&waits.file, waits.name(), LISTENS).is_empty() {
        return None;
    }
    let says: Vec<(&str, &Left)> = loops.calls_where(|left| SAYS.contains(&left.name.as_str())).collect();
    let have_said = || says.iter().flat_map(|(_, left)| loops.calls(&left.function)).collect::<Vec<_>>();
    let (file, left) = skipping(joined, &says).or_else(|| skipping(joined, &have_said()))?;
    Some(loops.culprit(&waits.function, (file, &left.function, left.line)))
}

/// The only function seen at work of those with one of these calls that may be left before it.
fn skipping<'l>(joined: &Joined<'l>, calls: &[(&'l str, &'l Left)]) -> Option<(&'l str, &'l Left)> {
    let loops = joined.loops?;
    // What tells when it is dropped tells in any case; so does who tells on each of its ways.
    if calls.iter().any(|(_, left)| left.function == "drop") {
        return None;
    }
    let always = |of: &Left| tells_always(loops, calls, of);
    let skip = calls.iter().filter(|(file, left)| !always(left) && telling::is_seen(joined, file, &left.function));
    match once(skip.copied().collect()).as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Whether the function of one of these calls has others told whatever comes.
fn tells_always(loops: &Loops, callers: &[(&str, &Left)], of: &Left) -> bool {
    let mut same = callers.iter().filter(|(_, left)| left.function == of.function);
    let left_before = |(file, left): &(&str, &Left)| loops.may_be_left_before(file, left.line);
    // What is told in one branch alone may not be told in another.
    let in_any_case = |(file, left): &(&str, &Left)| loops.is_in_branch(file, left.line) != Some(true);
    same.clone().any(|one| !left_before(one) && in_any_case(one)) || same.all(|one| !left_before(one))
}

/// The only one seen at work of those that have each of many told who wait in cells: whoever is none of them is told by nobody.
fn only_teller(joined: &Joined<'_>, waits: &TraceFrame, cell: &str) -> Option<Culprit> {
    let loops = joined.loops?;
    let callers = loops.telling_of(cell).into_iter().flat_map(|tells| loops.call(tells));
    let mut seen = callers.filter(|(file, left)| telling::is_seen(joined, file, &left.function));
    let (file, left) = seen.next().filter(|_| seen.next().is_none())?;
    if loops.around(file, left.line) != Some(true) {
        return None;
    }
    Some(loops.culprit(&waits.function, (file, &left.function, left.line)))
}

/// Who should have told whoever waits in a function: the only one that takes from where that left whom to tell; where it does so for
/// another, the only one of those that call it which was seen at work.
fn teller(joined: &Joined<'_>, waits: &TraceFrame) -> Option<Culprit> {
    let loops = joined.loops?;
    let takers = loops.take_from(&waits.file, waits.name());
    let [(file, taker)] = takers.as_slice() else { return None };
    // Which one is taken is decided by who calls it, where that names one.
    let callers = if taker.does == Leaves::Takes { loops.call(&taker.function) } else { Vec::new() };
    let mut callers = callers.into_iter().filter(|(file, left)| telling::is_seen(joined, file, &left.function));
    let (file, left) = callers.next().filter(|_| callers.next().is_none()).unwrap_or((*file, *taker));
    Some(loops.culprit(&waits.function, (file, &left.function, left.line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{CpuRow, CpuTable};

    #[test]
    fn who_waits_in_one_that_it_made_waits_alone() {
        const SOURCE: &str = "\
impl Pickup {
    fn put(&self) {
        self.ready.notify_one();
    }
    fn wait(&self) {
        self.ready.wait(label);
    }
}
fn label(depot: &Depot) {
    let pickup = Arc::new(Pickup::default());
    pickup.wait()
}
fn again(pickup: &Pickup) {
    pickup.wait()
}
";
        let mut all = Loops::default();
        all.read("a.rs", SOURCE);
        let joined = Joined { loops: Some(&all), ..Joined::default() };
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let of = |asks, line| who_lost_it(&joined, &[frame("shop::Pickup::wait", 6), frame(asks, line)]);
        assert_eq!(of("shop::label", 11).map(|(at, _)| at.function), Some("shop::label".to_owned()));
        assert_eq!(of("shop::again", 14), None, "others may wait there");
    }

    #[test]
    fn who_ends_before_it_tells_others_has_lost_what_they_wait_for() {
        const SOURCE: &str = "\
impl Flight {
    fn publish(&self, price: u64) {
        self.landed.notify_all();
    }
    fn wait(&self) -> u64 {
        self.landed.wait_while(price)
    }
}
fn lead(flight: &Flight) -> io::Result<u64> {
    let price = ask()?;
    flight.publish(price);
    Ok(price)
}
fn settle(flight: &Flight) {
    flight.publish(1);
}
fn quote(flight: &Flight) {
    flight.wait()
}
fn land(flights: &[Arc<Flight>]) {
    for flight in flights {
        flight.publish(1);
    }
}
";
        let mut all = Loops::default();
        all.read("a.rs", SOURCE);
        let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
        let both = |at_work: &[&str]| {
            let path = at_work.iter().map(|function| frame(function, 11)).collect();
            let row = CpuRow { function: at_work[0].into(), file: "a.rs".into(), path, ..CpuRow::default() };
            let cpu = CpuTable { rows: vec![row], ..CpuTable::default() };
            let joined = Joined { loops: Some(&all), cpu: Some(&cpu), ..Joined::default() };
            who_lost_it(&joined, &[frame("shop::Flight::wait", 6), frame("shop::quote", 18)]).map(|(at, _)| at.function)
        };
        let of = |at_work| both(&[at_work]);
        assert_eq!(of("shop::lead").as_deref(), Some("shop::lead"));
        assert_eq!(of("shop::settle").as_deref(), Some("shop::quote"), "it tells whatever comes");
        assert_eq!(of("shop::land").as_deref(), Some("shop::land"), "whoever waits was none of them");
        let told_at_last = SOURCE.replace("    let price = ask()?;\n", "    let price = ask();\n    if price.is_err() {\n        flight.publish(0);\n    }\n    let price = price?;\n");
        let mut all = Loops::default();
        all.read("a.rs", &told_at_last);
        let publishes = all.calls("publish");
        let always = |function: &str| {
            let of = publishes.iter().find(|(_, left)| left.function == function);
            tells_always(&all, &publishes, of.expect("it calls it").1)
        };
        assert!(!always("lead"), "what one branch tells another one may not");
        assert!(always("settle"));
        assert_eq!(both(&["shop::land", "shop::settle"]).as_deref(), Some("shop::quote"), "one of two");
    }

    #[test]
    fn who_leaves_before_it_says_what_others_watch_for_has_lost_it() {
        const SOURCE: &str = "\
fn settle(&self, slot: &Slot, quote: &Quote) {
    slot.send_replace(Some(quote.clone()));
}
async fn lead(&self, slot: Slot) -> Quote {
    match timeout(BUDGET, self.load()).await {
        Ok(quote) => self.settle(&slot, &quote),
        Err(_) => {
            if self.is_first() {
                return self.fallback();
            }
            self.settle(&slot, &self.fallback());
        }
    }
}
async fn follow(&self, slot: Slot) -> Quote {
    slot.subscribe().wait_for(Option::is_some).await
}
";
        let of = |source: &str, waits: u32| {
            let mut all = Loops::default();
            all.read("a.rs", source);
            let frame = |function: &str, line| TraceFrame { function: function.into(), file: "a.rs".into(), line };
            let row = CpuRow { path: vec![frame("tide::lead", 5)], ..CpuRow::default() };
            let cpu = CpuTable { rows: vec![row], ..CpuTable::default() };
            let joined = Joined { loops: Some(&all), cpu: Some(&cpu), ..Joined::default() };
            who_lost_it(&joined, &[frame("tide::follow", waits)]).map(|(at, _)| at.function)
        };
        assert_eq!(of(SOURCE, 16).as_deref(), Some("tide::lead"));
        let told = SOURCE.replace("                return self.fallback();\n", "                self.note();\n");
        assert_eq!(of(&told, 16), None, "it says so on each of its ways");
        assert_eq!(of(&SOURCE.replace("wait_for", "recv"), 16), None, "another channel");
    }
}
