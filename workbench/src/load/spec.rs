//! What a phase is to do, taken from a scenario.

use std::time::Duration;

use scenarios::spec::{Arrivals, Burst, Line, Request, Scenario, Stage, Trace};
use serde::{Deserialize, Serialize};

use super::placement::Placement;
use super::schedule::{Schedule, shares};
use super::seeded::{Generator, Stream, mixed};

/// One kind of operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Name in the mix.
    pub name: String,
    /// Whether `latency.*` covers it.
    pub measured: bool,
    /// Relative frequency; 0 where it has a rate of its own.
    pub weight: f64,
    /// Operations per second beside the mix, in open loops only.
    pub rate: Option<f64>,
    /// What to send, for networked workloads.
    pub request: Option<Request>,
    /// What to send instead where the subject speaks in lines.
    pub line: Option<Line>,
}

/// An open-loop phase: operations are due by the schedule, whatever the subject does.
///
/// With [`Arrivals::Closed`] a fixed number of clients sends as many operations instead, each when its last one was
/// answered; intended and sending time are the same then.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSpec {
    /// The mix.
    pub operations: Vec<Operation>,
    /// Arrival process.
    pub arrivals: Arrivals,
    /// Where the rate is not one throughout: how it changes.
    pub shape: Shape,
    /// Operations per second.
    pub rate: f64,
    /// Operations in all.
    pub count: usize,
    /// Connections; clients where arrivals are closed.
    pub concurrency: usize,
    /// Operations that may be in flight or waiting to be sent.
    pub max_in_flight: usize,
    /// From the intended time.
    pub timeout: Duration,
    /// Seed of arrivals, order and calls: equal for every variant of a block.
    pub seed: u64,
    /// Where the driver thread runs.
    pub placement: Placement,
    /// Keep measured operations one by one.
    pub each: bool,
}

/// How the arrivals of a phase are spread over its time; by default at one rate throughout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shape {
    /// Rates one after the other.
    pub stages: Vec<Stage>,
    /// Operations that arrive together on top of them.
    pub burst: Option<Burst>,
    /// Recorded arrivals in the place of any others.
    pub trace: Option<Trace>,
}

/// A closed-loop phase: `concurrency` clients, each sending as soon as it was answered. For warm-up and saturation.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedSpec {
    /// The mix.
    pub operations: Vec<Operation>,
    /// Clients.
    pub concurrency: usize,
    /// Nothing is sent after this long; what is in flight then is waited for.
    pub duration: Duration,
    /// From the time of sending.
    pub timeout: Duration,
    /// Seed of order and calls.
    pub seed: u64,
    /// Where the driver thread runs.
    pub placement: Placement,
}

/// Which closed loop of a trial: each asks for other things, so that none finds in a cache what an earlier one put there.
/// How much that is depends on how many operations a variant got through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Round {
    /// Uncounted.
    WarmUp,
    /// For `capacity` and everything per operation.
    Saturated,
    /// A level of the ladder.
    Level {
        /// Clients, in the place of the scenario's.
        concurrency: u32,
    },
}

impl Round {
    /// Whether a trial is over in which it answered nothing. A level of the ladder is short, and comes when all else is
    /// measured: that nothing was answered is its result.
    pub fn must_answer(self) -> bool {
        !matches!(self, Self::Level { .. })
    }
}

/// Operations of a closed loop in order: a deck with the exact share of each kind, dealt again and again, and as nearly
/// that share in every part of it.
///
/// A phase ends anywhere in the deck, sooner for a slow variant than for a fast one. In a deck merely shuffled, 2,000
/// cards hold 24 ± 3.5 of an operation with a share of 1.2 %; where that is the costly one, CPU per operation would differ
/// by a tenth for no reason.
#[derive(Debug, Clone)]
pub(super) struct Deck(Vec<u16>);

/// Seeds of background operations begin here.
const BACKGROUND: u64 = 0x6261_636b;

/// Small enough to lie in the first-level cache, large enough for a share of 0.1 %.
const DECK: usize = 4096;

impl OpenSpec {
    /// The open-loop phase of a scenario, with the driver on shared CPUs.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let load = &scenario.load;
        Self {
            operations: operations(scenario),
            arrivals: load.arrivals,
            shape: Shape { stages: load.stages.clone(), burst: load.burst, trace: load.trace.clone() },
            rate: load.rate,
            count: usize::try_from(load.operations).unwrap_or(usize::MAX),
            concurrency: load.concurrency.max(1) as usize,
            max_in_flight: load.max_in_flight.max(1) as usize,
            timeout: load.timeout,
            seed: mixed(seed, 1),
            placement: Placement::Shared,
            each: false,
        }
    }

    /// The same phase with the driver elsewhere.
    #[must_use]
    pub fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// The same phase, with its measured operations kept one by one: for trials that explain.
    #[must_use]
    pub fn keeping_each(self, each: bool) -> Self {
        Self { each, ..self }
    }

    /// Lays out the arrivals of the mix and of background load beside it. Pure.
    pub fn schedule(&self) -> Schedule {
        let mix = self.mix();
        match self.background(mix.duration_ns) {
            Some(background) => mix.beside(&background).0,
            None => mix,
        }
    }

    /// Arrivals of operations with a rate of their own, for so long; `None` where there are none. Each is a process of its
    /// own: what is asked for beside it does not move it.
    pub(super) fn background(&self, duration_ns: u64) -> Option<Schedule> {
        #[allow(clippy::cast_precision_loss, reason = "a phase is shorter than 2^52 ns")]
        let seconds = duration_ns as f64 * 1e-9;
        let one = |(index, operation): (u16, &Operation)| {
            let rate = operation.rate?;
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, at most 1e9")]
            let count = (rate * seconds).round().min(1e9) as usize;
            let arrivals = if self.arrivals == Arrivals::Constant { Arrivals::Constant } else { Arrivals::Poisson };
            let seed = mixed(self.seed, BACKGROUND + u64::from(index));
            let schedule = Schedule::new(arrivals, count as f64 / seconds, count, &[1.0], seed);
            Some(Schedule { operations: vec![index; count], duration_ns, ..schedule })
        };
        (0..).zip(&self.operations).filter_map(one).reduce(|all, one| all.beside(&one).0)
    }

    /// Connections for them: as many as are busy where every request takes the whole timeout, up to those of the mix.
    pub(super) fn background_connections(&self) -> usize {
        let rate: f64 = self.operations.iter().filter_map(|operation| operation.rate).sum();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is cut")]
        let busy = (rate * self.timeout.as_secs_f64()).ceil() as usize;
        busy.clamp(1, self.concurrency.max(1))
    }

    /// Lays out the arrivals of the mix.
    pub(super) fn mix(&self) -> Schedule {
        let weights: Vec<f64> = self.operations.iter().map(|o| o.weight).collect();
        match &self.shape {
            _ if self.arrivals == Arrivals::Closed => {
                Schedule::new(self.arrivals, self.rate, self.count, &weights, self.seed)
            }
            Shape { trace: Some(trace), .. } => Schedule::recorded(trace, self.seed),
            Shape { stages, burst, .. } if !stages.is_empty() => {
                Schedule::staged(self.arrivals, stages, *burst, &weights, self.seed)
            }
            _ => Schedule::new(self.arrivals, self.rate, self.count, &weights, self.seed),
        }
    }
}

impl ClosedSpec {
    /// A closed-loop phase over a scenario's mix, with the driver on shared CPUs.
    ///
    /// Calls are seeded differently from those of the open-loop phase and of the other rounds: the keys it will ask for
    /// must not be in every cache already because the warm-up asked for just these.
    pub fn new(scenario: &Scenario, round: Round, seed: u64, duration: Duration) -> Self {
        let position = match round {
            Round::Saturated => 2,
            Round::WarmUp => 3,
            Round::Level { concurrency } => 1000 + u64::from(concurrency),
        };
        let concurrency = match round {
            Round::Level { concurrency } => concurrency,
            Round::Saturated | Round::WarmUp => scenario.load.concurrency,
        };
        Self {
            operations: operations(scenario),
            concurrency: concurrency.max(1) as usize,
            duration,
            timeout: scenario.load.timeout,
            seed: mixed(seed, position),
            placement: Placement::Shared,
        }
    }

    /// The same phase with the driver elsewhere.
    #[must_use]
    pub fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    pub(super) fn deck(&self) -> Deck {
        let mut deck: Vec<(u128, u16)> = Vec::with_capacity(DECK);
        let mut generator = Generator::new(self.seed, Stream::Order);
        let weights: Vec<f64> = self.operations.iter().map(|o| o.weight).collect();
        for (operation, share) in (0_u16..).zip(shares(DECK, &weights)) {
            // One at random in each of `share` equal parts of the deck; places are fractions of it, times 2^64.
            let places = (0..share as u128).map(|part| (part << 64 | u128::from(generator.bits())) / share as u128);
            deck.extend(places.map(|place| (place, operation)));
        }
        deck.sort_unstable();
        Deck(deck.into_iter().map(|(_, operation)| operation).collect())
    }
}

impl Deck {
    /// Which operation comes at a position.
    #[allow(clippy::cast_possible_truncation, reason = "a remainder below the deck's length")]
    pub(super) fn at(&self, sequence: u64) -> usize {
        usize::from(self.0[(sequence % self.0.len() as u64) as usize])
    }
}

fn operations(scenario: &Scenario) -> Vec<Operation> {
    let operation = |o: &scenarios::spec::Operation| Operation {
        name: o.name.clone(),
        measured: o.measured,
        weight: o.weight,
        rate: o.rate,
        request: o.request.clone(),
        line: o.line.clone(),
    };
    scenario.mix.iter().map(operation).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scenarios::spec::{Connection, Ladder, Load, Protocol, Trial};

    use super::super::fixture;
    use super::*;

    fn scenario() -> Scenario {
        let operation = |name: &str, weight| scenarios::spec::Operation {
            name: name.into(),
            weight,
            rate: None,
            measured: name == "order",
            request: None,
            line: None,
        };
        Scenario {
            name: "shop".into(),
            version: 1,
            summary: String::new(),
            workload: "shop".into(),
            subject: None,
            trial: Trial { blocks: 1, warmup: Duration::ZERO, saturated: Duration::ZERO, ladder: Ladder::Off },
            load: Load {
                arrivals: Arrivals::Poisson,
                rate: 500.0,
                operations: 100,
                concurrency: 0,
                max_in_flight: 0,
                timeout: Duration::from_secs(2),
                max_lag_p99: Duration::from_millis(1),
                protocol: Protocol::Auto,
                connection: Connection::KeepAlive,
                tls_insecure: false,
                tls_ca: None,
                stages: vec![],
                burst: None,
                trace: None,
            },
            mix: vec![operation("order", 9.0), operation("login", 1.0)],
            settings: BTreeMap::new(),
            variants: vec![],
            slo: None,
        }
    }

    #[test]
    fn a_scenario_becomes_a_phase() {
        let spec = OpenSpec::new(&scenario(), 7);
        assert_eq!((spec.rate, spec.count, spec.concurrency, spec.max_in_flight), (500.0, 100, 1, 1));
        assert_eq!((spec.operations[0].measured, spec.operations[1].measured), (true, false));
        let logins = spec.schedule().operations.iter().filter(|&&o| o == 1).count();
        assert_eq!((spec.schedule().len(), logins), (100, 10));
        assert_eq!(spec.schedule(), OpenSpec::new(&scenario(), 7).schedule());
        assert_ne!(spec.schedule(), OpenSpec::new(&scenario(), 8).schedule());
    }

    #[test]
    fn background_load_goes_beside_the_mix_and_does_not_move_it() {
        let plain = OpenSpec::new(&scenario(), 7);
        let mut beside = plain.clone();
        let export =
            Operation { name: "export".into(), weight: 0.0, rate: Some(50.0), ..fixture::operation("any", 1.0) };
        beside.operations.insert(0, export.clone());
        beside.operations.push(Operation { rate: Some(100.0), ..export });
        // 100 operations at 500 a second take 0.2 s.
        let all = beside.schedule();
        let of = |operation: u16| -> Vec<u64> {
            let all = all.offsets_ns.iter().zip(&all.operations);
            all.filter(|(_, o)| **o == operation).map(|(at, _)| *at).collect()
        };
        assert_eq!((of(0).len(), of(3).len(), all.duration_ns), (10, 20, 200_000_000));
        let mix = plain.schedule();
        let orders = mix.offsets_ns.iter().zip(&mix.operations).filter(|(_, o)| **o == 0).map(|(at, _)| *at);
        assert_eq!(of(1), orders.collect::<Vec<_>>());
        assert!(all.offsets_ns.is_sorted());
        let deck = ClosedSpec { operations: beside.operations.clone(), ..fixture::closed() }.deck();
        assert!((0..DECK as u64).all(|at| matches!(deck.at(at), 1 | 2)), "closed loops leave it out");
        assert_eq!(beside.background_connections(), 1);
        assert_eq!(OpenSpec { concurrency: 400, ..beside }.background_connections(), 300);
    }

    #[test]
    fn the_loops_of_a_trial_ask_for_different_things() {
        let round = |round| ClosedSpec::new(&scenario(), round, 7, Duration::from_secs(1));
        let closed = round(Round::Saturated);
        assert_ne!(closed.seed, OpenSpec::new(&scenario(), 7).seed);
        assert_ne!(closed.seed, round(Round::WarmUp).seed);
        assert_ne!(round(Round::WarmUp).seed, OpenSpec::new(&scenario(), 7).seed);
        let elsewhere = Placement::Dedicated { driver: 1, subject: vec![0] };
        assert_eq!(closed.placed(elsewhere.clone()).placement, elsewhere);
    }

    #[test]
    fn wherever_a_phase_ends_every_kind_had_its_share() {
        let weights = [80.0, 1.0, 1.0];
        let operations: Vec<Operation> = weights.iter().map(|&w| fixture::operation("any", w)).collect();
        for seed in 0..20 {
            let deck = ClosedSpec { operations: operations.clone(), seed, ..fixture::closed() }.deck();
            let mut dealt = [0.0_f64; 3];
            for sequence in 0..DECK as u64 {
                dealt[deck.at(sequence)] += 1.0;
                for (count, weight) in dealt.iter().zip(weights) {
                    let share = weight / 82.0 * (sequence + 1) as f64;
                    assert!((count - share).abs() < 3.0, "{dealt:?}");
                }
            }
        }
    }

    #[test]
    fn a_deck_holds_the_exact_share_and_is_dealt_again() {
        let deck = fixture::closed().deck();
        let dealt: Vec<usize> = (0..2 * DECK as u64).map(|n| deck.at(n)).collect();
        assert_eq!(dealt[..DECK], dealt[DECK..]);
        assert_eq!(dealt[..DECK].iter().filter(|&&o| o == 1).count(), DECK / 4);
        assert!(dealt[..100].contains(&1), "shuffled");
    }
}
