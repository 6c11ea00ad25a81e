//! The smallest change that can be seen on a machine, from a run of two identical programs.

use serde::{Deserialize, Serialize};

use crate::compare::log_ratios;
use crate::metric::METRICS;
use crate::run::{Plan, TrialKind, TrialRecord};
use crate::stats::{self, Design, GATE_ALPHA, smallest_change};

/// Numbers of pairs that are asked about: the first look of a gate, its last, and twice that.
pub const BUDGETS: [usize; 3] = [12, 32, 64];
/// Fewest pairs from which anything is said.
pub const FEWEST: usize = 6;

/// What two identical programs say about the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineNoise {
    /// Blocks with a trial of both.
    pub pairs: usize,
    /// Seconds that a pair took, in the mean; trials alone, without what lies between them.
    pub pair_s: f64,
    /// False alarms allowed, either way.
    pub alpha: f64,
    /// Power asked for.
    pub power: f64,
    /// By metric, in the order of the metric table.
    pub metrics: Vec<Seen>,
}

/// A metric of two identical programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Metric name.
    pub metric: String,
    /// Pairs with a value on both sides.
    pub pairs: usize,
    /// Standard deviation of the differences of logarithms of a pair.
    pub spread: Option<f64>,
    /// Estimated ratio of the two; its distance from 1 is chance.
    pub ratio: Option<f64>,
    /// Smallest change seen, by number of pairs.
    pub smallest: Vec<Smallest>,
    /// Why there are no figures.
    pub why: Option<String>,
}

/// The smallest relative change that a number of pairs sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Smallest {
    /// Pairs.
    pub pairs: usize,
    /// 0.03 is 3 %; absent where they see nothing below a hundredfold.
    pub change: Option<f64>,
}

/// Looks at a run whose first two variants are identical.
///
/// The smallest change is found by resampling the pairs of the run with random signs and letting the gate judge them
/// ([`smallest_change`]), so it is as good as the run is long.
pub fn machine_noise(plan: &Plan, trials: &[TrialRecord]) -> MachineNoise {
    let [base, candidate, ..] = plan.variants.as_slice() else {
        return MachineNoise { pairs: 0, pair_s: 0.0, alpha: GATE_ALPHA, power: 0.95, metrics: Vec::new() };
    };
    let designs: Vec<(usize, Option<Design>)> =
        BUDGETS.map(|pairs| (pairs, Design::gate(pairs, GATE_ALPHA).ok())).to_vec();
    let mut metrics = Vec::new();
    for metric in METRICS.iter().filter(|metric| metric.compared) {
        let Some(found) = log_ratios(trials, &base.name, &candidate.name, metric.name) else {
            continue;
        };
        let none = Seen {
            metric: metric.name.to_owned(),
            pairs: 0,
            spread: None,
            ratio: None,
            smallest: Vec::new(),
            why: None,
        };
        metrics.push(match found {
            Err(why) => Seen { why: Some(why), ..none },
            Ok(differences) if differences.len() < FEWEST => {
                let why = format!("{} pairs; from {FEWEST} on something can be said", differences.len());
                Seen { pairs: differences.len(), why: Some(why), ..none }
            }
            Ok(differences) => Seen {
                pairs: differences.len(),
                spread: stats::standard_deviation(&differences),
                ratio: stats::hodges_lehmann(&differences).map(f64::exp),
                smallest: designs
                    .iter()
                    .map(|(pairs, design)| Smallest {
                        pairs: *pairs,
                        change: design.as_ref().and_then(|design| smallest_change(&differences, design, plan.seed)),
                    })
                    .collect(),
                ..none
            },
        });
    }
    let measured: Vec<&TrialRecord> = trials.iter().filter(|trial| trial.kind == TrialKind::Measure).collect();
    let of =
        |name: &str| measured.iter().filter(|trial| trial.variant == name).map(|trial| trial.block).collect::<Vec<_>>();
    let (first, second) = (of(&base.name), of(&candidate.name));
    let pairs = first.iter().filter(|block| second.contains(block)).count();
    #[allow(clippy::cast_precision_loss, reason = "a number of trials")]
    let trial_s = measured.iter().map(|trial| trial.duration_s).sum::<f64>() / measured.len().max(1) as f64;
    MachineNoise { pairs, pair_s: 2.0 * trial_s, alpha: GATE_ALPHA, power: 0.95, metrics }
}

/// As a person reads it.
pub fn text(noise: &MachineNoise) -> String {
    let mut text = format!(
        "Smallest change seen with {:.0} % power and at most 1 % false alarms, from {} pairs of two identical programs\n\n",
        noise.power * 100.0,
        noise.pairs
    );
    text += &format!("{:20}{:>12}", "", "spread");
    for pairs in BUDGETS {
        text += &format!("{:>14}", format!("{pairs} pairs"));
    }
    text += &format!("\n{:32}", "");
    for pairs in BUDGETS {
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let seconds = noise.pair_s * pairs as f64;
        text += &format!(
            "{:>14}",
            if seconds < 99.5 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
        );
    }
    text += "\n";
    for seen in &noise.metrics {
        let words = crate::metric::words(&seen.metric);
        if let Some(why) = &seen.why {
            text += &format!("{words:20}  no figure: {}\n", crate::render::printable(why));
            continue;
        }
        text += &format!("{words:20}{:>12}", seen.spread.map_or_else(|| "?".to_owned(), percent));
        for smallest in &seen.smallest {
            text += &format!("{:>14}", smallest.change.map_or_else(|| "none".to_owned(), percent));
        }
        text += "\n";
    }
    text
}

/// `3.4 %`, `120 %`, `0.02 %`.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if percent >= 99.5 => format!("{percent:.0} %"),
        _ if percent >= 0.095 => format!("{percent:.1} %"),
        _ if percent >= 0.01 => format!("{percent:.2} %"),
        _ => "< 0.01 %".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::fixture::{plan, trials};

    fn run(blocks: u32) -> (Plan, Vec<TrialRecord>) {
        let plan = plan(&["one", "other"], blocks);
        let metrics: [(&str, &[f64]); 3] =
            [("latency.p99", &[0.01; 2]), ("cpu_per_op", &[20e-6; 2]), ("rss.max", &[5e7; 2])];
        let mut trials = trials(&plan, &metrics, 0.3, 0.05);
        for trial in &mut trials {
            trial.metrics.insert("rss.max".to_owned(), 5e7);
        }
        (plan, trials)
    }

    #[test]
    fn what_is_said_of_a_machine() {
        let (plan, mut trials) = run(20);
        insta::assert_snapshot!(text(&machine_noise(&plan, &trials)));
        for trial in trials.iter_mut().take(25) {
            trial.driver.limited = Some("late".to_owned());
        }
        let noise = machine_noise(&plan, &trials);
        let of = |name: &str| noise.metrics.iter().find(|seen| seen.metric == name).unwrap();
        assert!(of("latency.p99").why.is_some() && of("latency.p99").smallest.is_empty());
        let cpu = of("cpu_per_op");
        assert_eq!((cpu.pairs, noise.pairs), (20, 20));
        let changes: Vec<f64> = cpu.smallest.iter().map(|one| one.change.unwrap()).collect();
        assert!(changes[0] > changes[1] && changes[1] > changes[2] && changes[2] > 0.0, "{changes:?}");
    }

    #[test]
    fn few_pairs_say_nothing() {
        let (plan, trials) = run(5);
        let noise = machine_noise(&plan, &trials);
        assert!(noise.metrics.iter().all(|seen| seen.why.is_some() && seen.smallest.is_empty()));
        insta::assert_snapshot!(text(&noise));
        assert!(machine_noise(&crate::compare::fixture::plan(&["one"], 9), &[]).metrics.is_empty());
    }
}
