//! Draws pairs from the recorded blocks and lets every rule judge them.

use super::data::{Block, Trials};
use super::figures::{Cell, Effect, Replay, Row};
use super::random::Random;
use super::rank_sum::Exact;
use super::rules::Rule;
use super::{Options, ReplayError};
use crate::run::Verdict;
use crate::stats::{self, Design, Question, Session, Step};

/// Budgets where none are asked for, as far as there are blocks.
const BUDGETS: [usize; 9] = [8, 12, 16, 24, 32, 48, 64, 96, 128];
/// Changes put onto one of two identical programs.
const SHIFTS: [f64; 5] = [0.01, 0.02, 0.03, 0.05, 0.10];

/// Who is compared with the base.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// Another trial of the base, made worse by this relative change.
    Itself(f64),
    /// The candidate of this position.
    Candidate(usize),
}

/// Runs everything.
///
/// # Errors
/// Fewer blocks than a budget that was asked for.
pub fn replay(trials: &Trials, options: &Options) -> Result<Replay, ReplayError> {
    let layout = &trials.layout;
    let itself = usable(&trials.blocks, Subject::Itself(0.0));
    // With one label of the base there is nobody identical: its trials and a candidate's swap places then.
    let (null, null_words) = if itself.is_empty() {
        (Subject::Candidate(0), format!("{} and {} swapped", layout.base[0], layout.candidates[0]))
    } else {
        (Subject::Itself(0.0), layout.base.join(" and "))
    };
    let most = usable(&trials.blocks, null).len();
    let budgets: Vec<usize> = match options.budgets.as_slice() {
        [] => BUDGETS.into_iter().filter(|budget| *budget <= most).collect(),
        asked => asked.to_vec(),
    };
    if let Some(needed) = budgets.iter().copied().find(|budget| *budget > most) {
        let (file, what) = (layout.file.clone(), format!("two labels of identical programs ({null_words})"));
        return Err(ReplayError::Blocks { file, found: most, what, needed });
    }
    let mut stream = 0;
    let mut row = |rule, subject, words: &str, runs, swap| {
        let cells = budgets.iter().map(|pairs| {
            stream += 1;
            let draw =
                Draw { blocks: &trials.blocks, subject, higher: layout.higher_is_better, swap, alpha: options.alpha };
            cell(rule, &draw, *pairs, runs, layout.question(), Random::new(options.seed, stream))
        });
        Row { rule, subject: words.to_owned(), cells: cells.collect() }
    };
    let rules = options.rules.as_slice();
    let false_alarms = rules.iter().map(|rule| row(*rule, null, &null_words, options.swaps, true)).collect();
    let mut found = Vec::new();
    for (position, label) in layout.candidates.iter().enumerate() {
        for rule in rules {
            found.push(row(*rule, Subject::Candidate(position), label, options.resamples, false));
        }
    }
    for shift in SHIFTS.into_iter().filter(|_| !itself.is_empty()) {
        for rule in rules {
            let words = format!("{} +{:.0} %", layout.base[0], shift * 100.0);
            found.push(row(*rule, Subject::Itself(shift), &words, options.resamples, false));
        }
    }
    let effects = (0..layout.candidates.len()).filter_map(|position| effect(trials, position)).collect();
    Ok(Replay { format: 1, layout: layout.clone(), seed: options.seed, budgets, effects, false_alarms, found })
}

fn usable(blocks: &[Block], subject: Subject) -> Vec<&Block> {
    let has = |block: &&Block| {
        let of_base = block.base.iter().flatten().count();
        match subject {
            Subject::Itself(_) => of_base >= 2,
            Subject::Candidate(position) => of_base >= 1 && block.candidates[position].is_some(),
        }
    };
    blocks.iter().filter(has).collect()
}

/// How pairs come about.
struct Draw<'a> {
    blocks: &'a [Block],
    subject: Subject,
    higher: bool,
    /// Of identical programs: blocks as they followed each other, sides by the toss of a coin. Otherwise blocks at random,
    /// with replacement, as if they were the population.
    swap: bool,
    /// Error rate of the gate.
    alpha: f64,
}

impl Draw<'_> {
    /// Values of a block, the base's and the other's.
    fn pair(&self, block: &Block, random: &mut Random) -> (f64, f64) {
        let base: Vec<f64> = block.base.iter().copied().flatten().collect();
        let first = random.below(base.len());
        let other = match self.subject {
            Subject::Candidate(position) => block.candidates[position].unwrap_or(base[first]),
            Subject::Itself(shift) => {
                let second = (first + 1 + random.below(base.len() - 1)) % base.len();
                if self.higher { base[second] / (1.0 + shift) } else { base[second] * (1.0 + shift) }
            }
        };
        if self.swap && random.coin() { (other, base[first]) } else { (base[first], other) }
    }

    /// One draw of `pairs` pairs: the base's values and the other's. `None` with too few blocks.
    fn draw(
        &self,
        usable: &[&Block],
        pairs: usize,
        sequential: bool,
        random: &mut Random,
    ) -> Option<(Vec<f64>, Vec<f64>)> {
        if sequential {
            // The base's trials are of blocks before the candidate's.
            let start = random.below((usable.len() + 1).checked_sub(2 * pairs).filter(|starts| *starts > 0)?);
            let base = usable[start..start + pairs].iter().map(|block| self.pair(block, random).0).collect();
            let other =
                usable[start + pairs..start + 2 * pairs].iter().map(|block| self.pair(block, random).1).collect();
            return Some((base, other));
        }
        let start = random.below(usable.len());
        let drawn = (0..pairs).map(|position| {
            let at = if self.swap { (start + position) % usable.len() } else { random.below(usable.len()) };
            self.pair(usable[at], random)
        });
        Some(drawn.collect())
    }
}

fn cell(rule: Rule, draw: &Draw<'_>, pairs: usize, runs: u32, question: Question, mut random: Random) -> Option<Cell> {
    let usable = usable(draw.blocks, draw.subject);
    if usable.is_empty() {
        return None;
    }
    let design = Design::gate(pairs, draw.alpha).ok()?;
    let mut exact = Exact::default();
    let mut cell = Cell { pairs, ..Cell::default() };
    let mut used = 0;
    for _ in 0..runs {
        let (base, other) = draw.draw(&usable, pairs, rule.is_sequential(), &mut random)?;
        let (verdict, took) = if rule == Rule::Gate {
            ours(&design, question, &base, &other)
        } else {
            let verdict = match rule.flags(&base, &other, &mut exact) {
                Some(upwards) if upwards == draw.higher => Verdict::Improved,
                Some(_) => Verdict::Regressed,
                None => Verdict::CannotTell,
            };
            (verdict, pairs)
        };
        used += took;
        cell.runs += 1;
        match verdict {
            Verdict::Regressed => cell.regressed += 1,
            Verdict::Improved => cell.improved += 1,
            Verdict::Same => cell.same += 1,
            Verdict::CannotTell | Verdict::NotComparable => cell.cannot_tell += 1,
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let mean = used as f64 / cell.runs.max(1) as f64;
    Some(Cell { mean_pairs: mean, ..cell }.rated())
}

/// The verdict of the gate, and the pairs it took.
fn ours(design: &Design, question: Question, base: &[f64], other: &[f64]) -> (Verdict, usize) {
    let mut session = Session::new(design.clone(), question);
    for (base, other) in base.iter().zip(other) {
        // Values are positive, so there is a ratio.
        if let Ok(Step::Stop(conclusion)) = session.push(other.ln() - base.ln()) {
            return (conclusion.verdict, conclusion.pairs);
        }
    }
    let conclusion = session.finish();
    (conclusion.verdict, conclusion.pairs)
}

fn effect(trials: &Trials, position: usize) -> Option<Effect> {
    let usable = usable(&trials.blocks, Subject::Candidate(position));
    #[allow(clippy::cast_precision_loss, reason = "a number of labels")]
    let differences: Vec<f64> = usable
        .iter()
        .filter_map(|block| {
            let base: Vec<f64> = block.base.iter().flatten().map(|value| value.ln()).collect();
            Some(block.candidates[position]?.ln() - base.iter().sum::<f64>() / base.len() as f64)
        })
        .collect();
    let (low, high) = stats::interval(&differences, 0.95)?;
    Some(Effect {
        label: trials.layout.candidates[position].clone(),
        pairs: differences.len(),
        ratio: stats::hodges_lehmann(&differences)?.exp(),
        low: low.exp(),
        high: high.exp(),
        spread: stats::standard_deviation(&differences)?,
    })
}
