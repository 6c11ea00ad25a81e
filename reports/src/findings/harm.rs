//! How much latency something explains. All of it are estimates of the part, never of the time: what traces is slower.

use super::joined::Joined;
use crate::run::{LevelSummary, Trace, TraceCause, TraceKind, TracePolls, TraceWait, TraceWaker};

/// A cause explains at least this part of the excess, or it is none.
pub(super) const LEAST_SHARE: f64 = 0.15;
/// Excess below this, seconds for each operation, is nobody's fault.
pub(super) const LEAST_EXCESS_S: f64 = 0.000_2;
/// Wait for each operation that counts in full where nobody measured a latency, seconds: on one machine most services answer
/// within a millisecond.
const UNMEASURED_S: f64 = 0.001;
/// Part of an operation, where nobody measured a latency, that harm must be.
const LEAST_OF_ALL: f64 = 0.1;
/// Part of the clients of a level that their median latency and throughput must show in flight.
const MOSTLY_IN_FLIGHT: f64 = 0.4;
/// Part of the answers that may take as long as the slowest in a hundred do, and how many times their mean that may be.
const FEW: f64 = 0.1;
const MOST_OF_FEW: f64 = 8.0;
/// Answers a second beyond which nothing that serves in turn is too slow: they are as many as threads can tell each other.
const MOST_SERVED: f64 = 20_000.0;
/// Part of the CPUs that a program must leave, running or waiting for one, for its throughput to be kept down by something
/// else: its neighbours may take what it would have used.
const MOST_BUSY: f64 = 0.7;
const MOST_WANTED: f64 = 0.9;

/// CPU of traced operations, as a multiple of that of others, up to which tracing is taken for part of the noise.
const HARDLY_SLOWED: f64 = 3.0;
/// Mean poll that may be mostly the tracing, seconds, and polls for each operation from which that adds up.
const SHORT_POLL_S: f64 = 0.000_2;
const MANY_POLLS: f64 = 25.0;

/// How long the kernel kept a process from its CPUs since its quota was used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Throttling {
    /// Seconds, all CPUs together.
    pub(super) stopped_s: f64,
    /// Periods of the quota in which it was stopped.
    pub(super) periods: u64,
    /// Seconds looked at.
    pub(super) wall_s: f64,
}

/// The lowest and the highest level of a ladder. Few clients that wait longer than many do, or that are seldom in flight, wait
/// for what was asked before them: such levels say nothing.
pub(super) fn ends_of_ladder(levels: &[LevelSummary]) -> Option<(&LevelSummary, &LevelSummary)> {
    let high = levels.last()?;
    // Clients that ask as soon as they are answered are always in flight (Little's law): by how long most answers take, or by
    // that and how long a few of them do, each time again, and not once.
    let in_flight = |level: &LevelSummary| {
        let (p50, p99) = (level.p50.unwrap_or(0.0), level.p99.unwrap_or(0.0));
        let again = p99 * level.throughput <= MOST_OF_FEW * f64::from(level.concurrency);
        let few = if again { FEW * (p99 - p50).max(0.0) } else { 0.0 };
        (p50 + few) * level.throughput
    };
    let telling = |level: &&LevelSummary| {
        level.p50 <= high.p50 && in_flight(level) >= MOSTLY_IN_FLIGHT * f64::from(level.concurrency)
    };
    Some((levels.iter().find(telling)?, high))
}

/// How many times as much as is asked for it can do where its end is far.
const FAR: f64 = 4.0;
/// How many times what is asked for more clients must get where nobody waits for others at that: twice as much is room to grow.
const ROOM: f64 = 2.0;

impl Joined<'_> {
    /// Throttling in the open loop; of a process that nobody drove, all the time. `None` where nobody counted.
    pub(super) fn throttled(&self) -> Option<Throttling> {
        let open = self.kernel?.head.open_at_s.unwrap_or(0.0);
        self.throttled_within(open, f64::INFINITY)
    }

    /// Throttling while all clients asked at once.
    fn throttled_saturated(&self) -> Option<Throttling> {
        let open = self.kernel?.head.open_at_s.filter(|at| *at > 0.0)?;
        self.throttled_within(0.0, open)
    }

    fn throttled_within(&self, from_s: f64, to_s: f64) -> Option<Throttling> {
        let within = self.kernel?.samples.iter().filter(|sample| (from_s..=to_s).contains(&sample.at_s));
        let mut counted = within.filter_map(|sample| Some((sample.at_s, sample.throttled_s?, sample.throttled?)));
        let first = counted.next()?;
        let last = counted.next_back().unwrap_or(first);
        Some(Throttling {
            stopped_s: last.1 - first.1,
            periods: last.2.saturating_sub(first.2),
            wall_s: last.0 - first.0,
        })
    }

    /// Excess latency for each operation, seconds: of the measured trials, or of the traced one where that is less, since a
    /// disk or a neighbour that was slow in one trial only has no part in what the other shows. `None` where nothing was
    /// measured.
    pub(super) fn excess_s(&self) -> Option<f64> {
        let felt = self.felt.as_ref()?;
        let beyond = |mean_s: f64| Some(mean_s - felt.base_s).filter(|excess| *excess >= LEAST_EXCESS_S);
        let traced = self.traced.and_then(|(_, mean_s)| beyond(mean_s));
        let asked = self.asked_s().and_then(beyond);
        Some([traced, asked].into_iter().flatten().fold(felt.excess_s, f64::min))
    }

    /// Mean from when an operation was asked for in truth to its answer, seconds. Where more are wanted than are answered each
    /// waits longer and longer for a client that is free: that says how long the load lasted, and nothing of what the program
    /// does with one.
    fn asked_s(&self) -> Option<f64> {
        self.metric("service_time.mean").filter(|mean| *mean > 0.0)
    }

    /// How many times as much CPU each operation takes where its tasks are traced as in the trial in which only threads were
    /// watched; 1 where that is no more than [`HARDLY_SLOWED`], or not known. Whoever wakes many tasks is stopped at each of them:
    /// few polls, and such as compute or block for long, are not slowed.
    pub(super) fn slowed_by_tracing(&self) -> f64 {
        let clean_s = self.busy().filter(|_| self.rate > 0.0).map(|busy| busy * self.cpus / self.rate);
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let short = |kind: &&TraceKind| !kind.blocking && kind.busy_s <= SHORT_POLL_S * kind.polls as f64;
        let short = self.trace.into_iter().flat_map(|trace| &trace.kinds).filter(short);
        let (busy_s, polls) = short.fold((0.0, 0), |sum, kind| (sum.0 + kind.busy_s, sum.1 + kind.polls));
        #[allow(clippy::cast_precision_loss, reason = "polls of one recording")]
        let many = |operations: &f64| polls as f64 >= MANY_POLLS * operations;
        let traced_s = self.traced_operations().filter(many).map(|operations| busy_s / operations);
        let times = traced_s.zip(clean_s.filter(|clean| *clean > 0.0)).map_or(1.0, |(traced, clean)| traced / clean);
        if times > HARDLY_SLOWED { times } else { 1.0 }
    }

    /// Mean latency, seconds; of a process that nobody drove, as seen from within.
    pub(super) fn mean_s(&self) -> Option<f64> {
        let stands_in = || self.traced.filter(|_| self.attached).map(|(_, mean_s)| mean_s);
        self.felt.as_ref().map(|felt| felt.mean_s).or_else(stands_in)
    }

    /// Mean latency of the calmer of the measured trials and the traced one, seconds.
    pub(super) fn usual_s(&self) -> Option<f64> {
        let traced = self.traced.map(|(_, mean_s)| mean_s).filter(|mean| *mean > 0.0);
        [self.mean_s(), traced, self.asked_s()].into_iter().flatten().min_by(f64::total_cmp)
    }

    /// Operations of the traced open loop; of a process that nobody drove, as its tasks show them.
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    pub(super) fn traced_operations(&self) -> Option<f64> {
        self.traced.map(|(count, _)| count as f64).filter(|count| *count > 0.0)
    }

    /// The part of the excess that `harm_s` for each operation is. Without a measurement it is held against what keeps
    /// operations from going on as seen from within, and [`UNMEASURED_S`] at least; a small part of all of an operation is
    /// none.
    pub(super) fn part(&self, harm_s: f64) -> f64 {
        match self.excess_s() {
            Some(excess) if excess >= LEAST_EXCESS_S => (harm_s / excess).clamp(0.0, 1.0),
            Some(_) => 0.0,
            None if harm_s < LEAST_OF_ALL * self.usual_s().unwrap_or(0.0) => 0.0,
            None => (harm_s / self.hindered_s.max(UNMEASURED_S)).clamp(0.0, 1.0),
        }
    }

    /// What polls of that length keep others waiting, seconds for each operation: who arrives within one waits half of it
    /// on average, so that n polls of L seconds in T seconds cost n·L²/2T each. Where queues build up it is more: their part
    /// of all polls, of what operations were ready for.
    pub(super) fn others_wait_s(&self, polls: f64, total_s: f64) -> f64 {
        let span = self.traced_s();
        if span <= 0.0 || polls < 1.0 {
            return 0.0;
        }
        (total_s * (total_s / polls) / (2.0 * span)).max(self.ready_s() * self.part_of_polls(total_s))
    }

    /// From ready to polled, seconds for each operation.
    fn ready_s(&self) -> f64 {
        let Some((trace, operations)) = self.trace.zip(self.traced_operations()) else { return 0.0 };
        let serving = trace.kinds.iter().filter(|kind| !kind.blocking && self.serves(&kind.name));
        serving.map(|kind| kind.schedule_latency_s).sum::<f64>() / operations
    }

    /// The part of all polls of tasks that so many seconds are.
    fn part_of_polls(&self, total_s: f64) -> f64 {
        let tasks = self.trace.into_iter().flat_map(|trace| &trace.kinds).filter(|kind| !kind.blocking);
        let busy_s: f64 = tasks.map(|kind| kind.busy_s).sum();
        if busy_s > 0.0 { (total_s / busy_s).min(1.0) } else { 0.0 }
    }

    /// Whether tasks of that type serve operations themselves: they wait for the network, and are polled as often as
    /// there are operations.
    pub(super) fn serves(&self, kind: &str) -> bool {
        let Some(trace) = self.trace else { return false };
        let at_sockets = |waits: &[TraceWait]| {
            waits.iter().any(|wait| {
                wait.kind == kind && wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket)
            })
        };
        // Of a process that nobody drove, who was woken by the network, though it always awaited something beside it.
        let woken = || {
            let by_network = |waker: &&TraceWaker| waker.cause == Some(TraceCause::Socket) && waker.kind == kind;
            self.attached && trace.wakers.iter().any(|waker| by_network(&waker))
        };
        at_sockets(&trace.waits) || trace.saturated.as_ref().is_some_and(|phase| at_sockets(&phase.waits)) || woken()
    }

    /// How often tasks of that type are asked for something: once for each operation, or more often where they wait for the
    /// network at one place more often, as an upstream within the same program does that an operation asks again.
    pub(super) fn asked(&self, kind: &str) -> Option<f64> {
        let (trace, operations) = self.trace.zip(self.traced_operations())?;
        let here = |wait: &&TraceWait| {
            wait.kind == kind && wait.site.as_ref().is_some_and(|site| site.cause == TraceCause::Socket)
        };
        #[allow(clippy::cast_precision_loss, reason = "counts of one recording")]
        let counts = trace.waits.iter().filter(here).map(|wait| wait.count as f64);
        Some(counts.fold(operations, f64::max))
    }

    /// Long polls of the open loop.
    pub(super) fn polls(&self) -> &[TracePolls] {
        self.trace.map(|trace| trace.polls.as_slice()).unwrap_or_default()
    }

    /// A type of task.
    pub(super) fn kind(&self, name: &str) -> Option<&TraceKind> {
        self.trace.and_then(|trace: &Trace| trace.kinds.iter().find(|kind| kind.name == name))
    }

    /// Whether there is one task of a type, from before the open loop to its end.
    pub(super) fn is_one(&self, name: &str) -> bool {
        self.kind(name).is_some_and(|kind| kind.alive == 1 && kind.spawned == 0)
    }

    /// CPUs that were busy while all clients asked at once, as a part of those the program may use.
    pub(super) fn busy_saturated(&self) -> Option<f64> {
        Some(self.metric("cpu_per_op")? * self.metric("capacity")? / self.cpus)
    }

    /// CPUs that the program used or waited for while all clients asked at once, as a part of those it may use; from the
    /// kernel's count.
    fn wanted_saturated(&self) -> Option<f64> {
        let kernel = self.kernel?;
        let open = kernel.head.open_at_s.filter(|at| *at > 0.0)?;
        let before = || kernel.samples.iter().filter(|sample| sample.at_s <= open);
        let sums: Vec<(f64, f64)> = before().filter_map(|s| Some((s.at_s, s.cpu_s? + s.run_queue_s?))).collect();
        let (first, last) = (sums.first()?, sums.last()?);
        (last.0 > first.0).then(|| (last.1 - first.1) / (last.0 - first.0) / self.cpus)
    }

    /// Whether throughput stopped rising with the number of clients though CPUs were idle: the highest level answers less
    /// than 40 % of what its clients would by the lowest level's rate for each, and takes three times as long.
    pub(super) fn is_pinned(&self) -> bool {
        let Some((low, high)) = ends_of_ladder(self.levels) else { return false };
        let clients = f64::from(high.concurrency) / f64::from(low.concurrency.max(1));
        let slower = matches!((low.p50, high.p50), (Some(low), Some(high)) if high >= 3.0 * low);
        let served = high.throughput <= MOST_SERVED;
        served
            && clients >= 4.0
            && high.throughput < 0.4 * clients * low.throughput
            && slower
            && self.is_idle_saturated()
    }

    /// Whether CPUs were left while all clients asked at once: otherwise they are why throughput does not rise.
    pub(super) fn is_idle_saturated(&self) -> bool {
        self.busy_saturated().is_none_or(|busy| busy < MOST_BUSY)
            && self.wanted_saturated().is_none_or(|wanted| wanted < MOST_WANTED)
            // A quota that is used up keeps throughput down, and says so itself.
            && self.throttled_saturated().is_none_or(|throttled| throttled.periods < 3)
    }

    /// Whether it can do many times as much as is asked for.
    pub(super) fn is_far(&self) -> bool {
        self.can_do(FAR)
    }

    /// Whether it can do so many times as much as is asked for.
    fn can_do(&self, times: f64) -> bool {
        self.rate > 0.0 && self.metric("capacity").unwrap_or(0.0) >= times * self.rate
    }

    /// Whether more clients get far more answers than are asked for, and nobody waits for others at what is asked for: where
    /// that ends, as a pool of several does, is nobody's trouble.
    pub(super) fn has_room(&self) -> bool {
        let queues = self.felt.as_ref().is_none_or(|felt| felt.excess_s >= (0.5 * felt.base_s).max(0.001));
        self.can_do(ROOM) && self.rises() && !queues
    }

    /// Whether more clients get more answers: three times as many at least at the highest level as at the lowest.
    pub(super) fn rises(&self) -> bool {
        ends_of_ladder(self.levels).is_some_and(|(low, high)| high.throughput >= 3.0 * low.throughput)
    }

    /// CPU of an operation that comes by the clock, seconds: of all that the program spends then. `None` where it was not looked
    /// at, or operations come at no one rate.
    pub(super) fn cpu_per_paced_operation(&self) -> Option<f64> {
        let each = self.busy()? * self.cpus / self.rate;
        (self.rate > 0.0 && !self.shaped && each.is_finite()).then_some(each)
    }

    /// The ladder in a sentence.
    pub(super) fn ladder(&self) -> Option<String> {
        let (low, high) = ends_of_ladder(self.levels)?;
        let clients =
            if low.concurrency == 1 { "1 client gets".into() } else { format!("{} clients get", low.concurrency) };
        let gets = format!("{clients} {:.0} answers a second", low.throughput);
        Some(match low.concurrency == high.concurrency {
            true => gets,
            false => format!("{gets}, {} get {:.0}", high.concurrency, high.throughput),
        })
    }

    /// The command that gathers the same evidence again, to see whether a change helped.
    pub(super) fn again(&self, evidence: &str) -> String {
        if self.attached && !self.command.is_empty() {
            // Tasks of tokio are in no program of Go.
            let tasks = if self.build.is_some_and(|build| build.go) { "" } else { " --tasks" };
            return format!("workbench attach {} --for 30s{tasks}", self.command);
        }
        if self.command.is_empty() {
            return format!("workbench explain {}", self.run);
        }
        // Their waits are traced in place of tasks.
        let is_go = self.build.is_some_and(|build| build.go);
        let evidence =
            if is_go { evidence.replace(",trace", "").replace("trace", "wait") } else { evidence.to_owned() };
        format!("workbench run --evidence {evidence} {}", self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Felt;
    use crate::run::MetricValue;

    #[test]
    fn what_can_do_twice_as_much_and_keeps_nobody_has_room() {
        let level = |concurrency: u32, throughput: f64| {
            let p50 = Some(f64::from(concurrency) / throughput);
            LevelSummary { concurrency, throughput, p50, ..LevelSummary::default() }
        };
        let of = |capacity: f64, alone: f64, excess_s: f64| {
            let levels = [level(1, alone), level(64, capacity)];
            let metrics = [("capacity".to_owned(), MetricValue { value: capacity, unit: String::new() })].into();
            let felt = Some(Felt { base_s: 0.02, mean_s: 0.02, excess_s, ..Felt::default() });
            Joined { rate: 220.0, levels: &levels, metrics: Some(&metrics), felt, ..Joined::default() }.has_room()
        };
        assert!(of(670.0, 48.0, 0.001), "a pool that ends at three times what is asked for");
        assert!(!of(300.0, 48.0, 0.001), "its end is near");
        assert!(!of(670.0, 48.0, 0.05), "operations wait at what is asked for");
        assert!(!of(670.0, 400.0, 0.001), "it does hardly more for many than for one");
    }
}
