//! Machines that nobody recorded: identical programs under noise that is unlike a textbook's, and one that takes 5 % more.
//!
//! Of 20,000 label swaps of 32 pairs each, over files of 81 blocks made alike, 0.1 (a coarse clock) to 0.85 % (two speeds)
//! raised an alarm, upper 95 % bounds 0.1 to 0.97 %; 5 % was found in 64 % (spikes) to 100 %. Cauchy's noise, skewed noise, noise
//! that shrinks, or grows by a fifth with each pair: 0.66 to 0.78 %. Loud and quiet stretches by turns, sessions that grow
//! noisier and begin anew: 0.69 and 0.88 % (bound 1.00).

use super::super::random::Random;
use super::*;

/// How a machine disturbs trials.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Noise {
    /// Wanders far over hours, and much the same from trial to trial.
    Drift,
    /// Student's t of 2 degrees of freedom: no variance at all.
    HeavyTails,
    /// Sixty times as loud at the end as at the beginning.
    Growing,
    /// Two speeds a third apart, each kept for some ten trials.
    TwoSpeeds,
    /// A clock so coarse that trials have three values or so.
    Coarse,
    /// What befalls a block befalls all of it.
    Blocks,
    /// The second trial of a block always pays for the first.
    Position,
    /// One trial of ten takes three times as long.
    Spikes,
}

impl Noise {
    const ALL: [Self; 8] = [
        Self::Drift,
        Self::HeavyTails,
        Self::Growing,
        Self::TwoSpeeds,
        Self::Coarse,
        Self::Blocks,
        Self::Position,
        Self::Spikes,
    ];

    /// A file of blocks of `A1`, `A2` and `B` in random order.
    fn file(self, blocks: u32, seed: u64) -> String {
        let mut random = Random::new(seed, 0);
        let (mut wander, mut slow, mut text) = (0.0, false, "block,pos,label,cap_cpu_us\n".to_owned());
        for block in 0..blocks {
            let of_block = normal(&mut random);
            let mut order = ["A1", "A2", "B"];
            order.swap(2, random.below(3));
            order.swap(1, random.below(2));
            for (position, label) in order.into_iter().enumerate() {
                wander = 0.98 * wander + 0.02 * normal(&mut random);
                slow ^= random.below(10) == 0;
                let own = normal(&mut random);
                let disturbed = match self {
                    Self::Drift => wander + 0.001 * f64::from(block) + 0.02 * own,
                    Self::HeavyTails => {
                        let chi = (normal(&mut random).powi(2) + normal(&mut random).powi(2)) / 2.0;
                        0.015 * own / chi.sqrt().max(1e-3)
                    }
                    Self::Growing => 0.002 * (4.0 * f64::from(block) / f64::from(blocks)).exp() * own,
                    Self::TwoSpeeds => 0.3 * f64::from(u8::from(slow)) + 0.02 * own,
                    Self::Coarse => 0.03 * own,
                    Self::Blocks => 0.4 * of_block + 0.02 * own,
                    Self::Position => 0.04 * f64::from(u8::from(position > 0)) + 0.02 * own,
                    Self::Spikes => 0.02 * own + if random.below(10) == 0 { 3.0_f64.ln() } else { 0.0 },
                };
                let value = 20.0 * disturbed.exp() * if label == "B" { 1.05 } else { 1.0 };
                let value = if self == Self::Coarse { value.round() } else { value };
                text += &format!("{block},{position},{label},{value:.9}\n");
            }
        }
        text
    }
}

/// About normal: twelve uniform numbers, less their mean.
fn normal(random: &mut Random) -> f64 {
    let sum: usize = (0..12).map(|_| random.below(1 << 20)).sum();
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let sum = sum as f64;
    sum / f64::from(1 << 20) - 6.0
}

fn replayed(noise: Noise, options: &Options) -> Replay {
    replay(&parsed(&noise.file(81, 3), options).unwrap(), options).unwrap()
}

/// Few false alarms, never the wrong way, and 5 % found by 16 pairs, though not each time, wherever the pairs of a block are
/// close enough to see it.
#[test]
fn other_machines_raise_no_more_alarms() {
    let options = Options { budgets: vec![16], swaps: 60, resamples: 20, rules: vec![Rule::Gate], ..few() };
    for noise in Noise::ALL {
        let found = replayed(noise, &options);
        let alarms = of(&found.false_alarms, Rule::Gate, "A1 and A2").cells[0].unwrap();
        // 1 % of 60, as far as 60 can say so.
        assert!(alarms.regressed + alarms.improved <= 3, "{noise:?}: {alarms:?}");
        let five = of(&found.found, Rule::Gate, "B").cells[0].unwrap();
        assert_eq!(five.improved, 0, "{noise:?}: {five:?}");
        let seen = !matches!(noise, Noise::Growing | Noise::TwoSpeeds);
        assert!(!seen || five.regressed >= 6, "{noise:?}: {five:?}");
    }
}

/// The figures of the documentation: `cargo test --release -p reports noise -- --ignored --nocapture`.
#[test]
#[ignore = "20,000 swaps of each machine, for the figures"]
#[allow(clippy::print_stdout, reason = "a table for a person")]
fn figures_of_other_machines() {
    let options = Options { budgets: vec![12, 32, 64], resamples: 1_000, swaps: 20_000, ..few() };
    let options = Options { rules: vec![Rule::Gate, Rule::MannWhitneySequential], ..options };
    for noise in Noise::ALL {
        let found = replayed(noise, &options);
        for (row, alarm) in [(&found.false_alarms, true), (&found.found, false)] {
            for row in row.iter().filter(|row| alarm || row.subject == "B") {
                let cells = row.cells.iter().map(|cell| match cell {
                    Some(cell) if alarm => format!("{:.2} ≤ {:.2}", cell.flagged * 100.0, cell.flagged_at_most * 100.0),
                    Some(cell) => format!("{:.1} ({:.0} pairs)", cell.found * 100.0, cell.mean_pairs),
                    None => "n/a".to_owned(),
                });
                let cells: Vec<String> = cells.collect();
                println!("{noise:?} {} {:?}: {}", row.subject, row.rule, cells.join(", "));
            }
        }
    }
}
