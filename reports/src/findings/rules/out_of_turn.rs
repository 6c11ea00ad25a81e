//! Operations that are done and wait for those before them: somebody puts aside what is ready before its turn.

use crate::findings::cause::{Cause, at, percent, time};
use crate::findings::harm::LEAST_SHARE;
use crate::findings::joined::Joined;
use crate::run::{TraceEndKind, TraceFrame, TracePolls, WaitPlace};

use super::goroutine_waits;
use super::poll_blocked::is_for_a_thread;
use super::ready_not_polled::SLUG;
use super::throughput_pinned::is_for_others;

/// Who tells those that wait, and puts aside what is ready; what they are; and that wait, seconds for each operation.
struct Parked {
    by: TraceFrame,
    who: String,
    each_s: f64,
}

/// A function that puts aside what is ready before its turn, of those in a stack.
fn parks(joined: &Joined<'_>, own: &[TraceFrame]) -> Option<TraceFrame> {
    let loops = joined.loops?;
    own.iter().find_map(|frame| Some(TraceFrame { line: loops.parks(frame)?, ..frame.clone() }))
}

/// Threads and goroutines that wait to be told by such a function.
fn of_threads(joined: &Joined<'_>) -> Option<Parked> {
    let (rows, operations) = joined.kept()?;
    let operations = operations.filter(|_| joined.trace.is_none())?;
    let told = |row: &TracePolls| {
        let site = row.site.as_ref().filter(|site| !site.own.is_empty())?;
        // Who reads waits for the next request, and who puts aside for work itself.
        let waits = row.doing == TraceEndKind::Blocked && is_for_a_thread(row) && parks(joined, &site.own).is_none();
        let by = row.holders.iter().find_map(|holder| parks(joined, &holder.site.own)).filter(|_| waits)?;
        #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
        let one_each = row.polls as f64 >= 0.5 * operations;
        one_each.then(|| Parked { by, who: row.kind.clone(), each_s: row.total_s / operations })
    };
    rows.iter().filter_map(told).max_by(|a, b| a.each_s.total_cmp(&b.each_s))
}

/// The same of tasks.
fn of_tasks(joined: &Joined<'_>) -> Option<Parked> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    let waits = trace.waits.iter().filter(|wait| joined.serves(&wait.kind) && is_for_others(wait));
    let told = waits.filter_map(|wait| {
        let site = wait.site.as_ref()?;
        let links = trace.cases.iter().filter(|case| case.waited_at(site)).flat_map(|case| case.links.iter().skip(1));
        let mut stacks = links.flat_map(|link| link.woke.iter().chain(&link.site));
        let by = stacks.find_map(|site| parks(joined, &site.own))?;
        Some(Parked { by, who: format!("tasks of {}", wait.kind), each_s: wait.total_s / operations })
    });
    told.max_by(|a, b| a.each_s.total_cmp(&b.each_s))
}

/// Part of the time that a goroutine waits for the next one to be ready, from which the others wait behind that.
const MOST_OF_TIME: f64 = 0.3;

/// The same of goroutines, of which nobody knows who told them: one is seen to wait for the next to be ready most of the time.
fn of_goroutines(joined: &Joined<'_>, mean_s: f64) -> Option<Parked> {
    let (threads, _) = goroutine_waits::told(joined)?;
    let most_s = MOST_OF_TIME * joined.kept_s();
    let waits = |place: &&WaitPlace| place.total_s >= most_s && most_s > 0.0;
    let by = threads.waited.iter().filter(waits).find_map(|place| {
        let first = place.own.first()?;
        parks(joined, std::slice::from_ref(first)).filter(|by| by.line == first.line)
    })?;
    Some(Parked { by, who: "goroutines".to_owned(), each_s: mean_s })
}

/// That operations wait for their turn.
pub(super) fn of(joined: &Joined<'_>) -> Option<Cause> {
    let felt = joined.felt.as_ref().filter(|felt| felt.excess_s >= 0.5 * felt.base_s)?;
    let Parked { by, who, each_s } =
        of_threads(joined).or_else(|| of_tasks(joined)).or_else(|| of_goroutines(joined, felt.mean_s))?;
    let share = joined.part((each_s - felt.base_s).max(0.0));
    (share >= LEAST_SHARE).then(|| Cause {
        rule: SLUG,
        title: format!("{} puts aside what is ready until all that was asked before is, and operations wait", by.function),
        share,
        evidence: vec![
            format!("{who} waited {} for each operation to be told by it; alone an operation takes {}", time(each_s), time(felt.base_s)),
            "it takes out only what is next by its number, as its source says: one that takes long holds all that were asked after it"
                .to_owned(),
            format!("{} of the excess latency", percent(share)),
        ],
        refuted_by: "with each told as soon as it is ready operations would wait as long".into(),
        next: joined.again("wait,trace"),
        proof: if joined.trace.is_some() { "trace" } else { "wait" },
        depth: 5,
        culprit: Some(at(&by)),
        foremost: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Felt, Loops};
    use crate::run::{ThreadsHead, ThreadsRecord, TraceHolder, TraceSite};

    const SOURCE: &str = "\
fn publish(mut self, surveys: Receiver<Survey>) {
    for survey in surveys {
        self.aside.insert(survey.number, survey);
        while let Some(survey) = self.aside.remove(&self.next) {
            confirm(survey);
        }
    }
}
";

    fn site(function: &str, line: u32) -> TraceSite {
        let frame = TraceFrame { function: function.into(), file: "a.rs".into(), line };
        TraceSite { call: "futex".into(), own: vec![frame], ..TraceSite::default() }
    }

    #[test]
    fn who_waits_to_be_told_by_one_that_puts_aside_waits_for_its_turn() {
        let of = |source: &str, each_s: f64, excess_s: f64| {
            let call = if each_s > 0.0 { "futex" } else { "recvfrom" };
            let each_s = each_s.abs();
            let mut loops = Loops::default();
            loops.read("a.rs", source);
            let holder =
                TraceHolder { doing: TraceEndKind::Cpu, site: site("shop::ByNumber::publish", 4), total_s: 0.1 };
            let row = TracePolls {
                kind: "clients".into(),
                doing: TraceEndKind::Blocked,
                site: Some(TraceSite { call: call.into(), ..site("shop::announce", 20) }),
                polls: 1000,
                total_s: 1000.0 * each_s,
                holders: vec![holder],
                ..TracePolls::default()
            };
            let head = ThreadsHead { wall_s: 5.0, ..ThreadsHead::default() };
            let threads = ThreadsRecord { head, kept_open: vec![row], ..ThreadsRecord::default() };
            let felt = Felt { operations: 1000, mean_s: 0.003 + excess_s, base_s: 0.003, excess_s, ..Felt::default() };
            let joined = Joined {
                threads: Some(&threads),
                waited: Some(1000),
                loops: Some(&loops),
                felt: Some(felt),
                ..Joined::default()
            };
            super::of(&joined).map(|cause| (cause.rule, cause.culprit.map(|at| (at.function, at.line))))
        };
        let parked = Some((SLUG, Some(("shop::ByNumber::publish".to_owned(), 3))));
        assert_eq!(of(SOURCE, 0.011, 0.009), parked);
        assert_eq!(of(SOURCE, -0.011, 0.009), None, "they read");
        assert_eq!(of(SOURCE, 0.011, 0.001), None, "operations take about what they take alone");
        assert_eq!(of(SOURCE, 0.003, 0.009), None, "they wait there as long as alone");
        assert_eq!(of(&SOURCE.replace("while let", "if let"), 0.011, 0.009), None);
    }
}
