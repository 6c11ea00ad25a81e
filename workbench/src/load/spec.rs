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
    /// Relative frequency.
    pub weight: f64,
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
        }
    }

    /// The same phase with the driver elsewhere.
    #[must_use]
    pub fn placed(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// Lays out the arrivals. Pure.
    pub fn schedule(&self) -> Schedule {
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
