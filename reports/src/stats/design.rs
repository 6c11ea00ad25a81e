//! When a sequential comparison looks at its pairs, and how sure it must be at each look.

use super::boundary::{Ongoing, information};
use super::signed_rank::{attained, critical};

/// Two-sided error rate of a gate, over all looks together: 2/256, the smallest that 8 pairs can show a difference at.
///
/// The promise is at most 1 % (design 06 §7). This keeps it for every number of pairs and whatever noise does from pair to
/// pair, as long as a coin decides which side of a pair runs first: where each difference is larger than all before it,
/// which no order of magnitudes is worse than, 0.68 to 0.99 % of all signs raise an alarm (all counted, not sampled). It
/// costs 2 % of the smallest change that can be seen.
pub const GATE_ALPHA: f64 = 2.0 / 256.0;
/// Error rate of the intervals shown, over all looks together: they are 95 % intervals.
pub const INTERVAL_ALPHA: f64 = 0.05;
/// Numbers of pairs at which a gate looks (design 01, "Enough data").
pub const LOOKS: [usize; 4] = [12, 16, 24, 32];
/// Error spent up to the part t of the pairs is α·t^1.5: little at the first looks, where an estimate is rough. The power
/// family of Kim and DeMets 1987.
const POWER: f64 = 1.5;

/// Looks at a growing number of pairs, and the level of the signed-rank test at each.
///
/// The levels add up to `alpha` over all looks, whatever the looks: what an earlier look could not spend, because ranks
/// are whole numbers, a later one does. That is exact for one look. For more it takes the joint distribution of the
/// statistics as normal, and every single level still as exact. Of 400,000 simulated comparisons at `alpha` = .01 and the
/// gate's looks, 1.0 % raise an alarm with normal noise, 1.04 % with Student's t noise of 2 degrees of freedom, 1.2 % where
/// the noise grows thirtyfold, 0.84 % where it shrinks so.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    alpha: f64,
    looks: Vec<usize>,
    levels: Vec<f64>,
    interval_levels: Vec<f64>,
}

/// Why looks make no design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DesignError {
    /// Nothing to look at.
    #[error("a design needs at least one look")]
    NoLook,
    /// Not in order.
    #[error("looks must be rising numbers of pairs: {0} comes after {1}")]
    NotRising(usize, usize),
    /// Not a probability.
    #[error("the error rate must lie between 0 and 1")]
    Alpha,
}

impl Design {
    /// Looks after these numbers of pairs, the last of them the most, at a two-sided `alpha` over all looks.
    ///
    /// # Errors
    /// No looks, looks that do not rise from 1 on, or an `alpha` that is not between 0 and 1.
    pub fn new(looks: &[usize], alpha: f64) -> Result<Self, DesignError> {
        if looks.is_empty() {
            return Err(DesignError::NoLook);
        }
        let mut before = 0;
        for look in looks {
            if *look <= before {
                return Err(DesignError::NotRising(*look, before));
            }
            before = *look;
        }
        if !(0.0 < alpha && alpha < 1.0) {
            return Err(DesignError::Alpha);
        }
        let most = looks[looks.len() - 1];
        let levels = levels(looks, most, alpha);
        // Never narrower than the test is strict: what is shown at `alpha` then has an interval that shows it.
        let interval_levels = levels_at_least(self::levels(looks, most, INTERVAL_ALPHA.max(alpha)), &levels);
        Ok(Self { alpha, looks: looks.to_vec(), levels, interval_levels })
    }

    /// The gate's looks ([`LOOKS`], then every half as many again) up to `most` pairs, which is the last look.
    ///
    /// # Errors
    /// No pairs, or an `alpha` that is not between 0 and 1.
    pub fn gate(most: usize, alpha: f64) -> Result<Self, DesignError> {
        let mut looks: Vec<usize> = LOOKS.iter().copied().filter(|look| *look < most).collect();
        while let Some(next) = looks.last().filter(|last| **last >= LOOKS[3]).map(|last| last + last / 2)
            && next < most
        {
            looks.push(next);
        }
        looks.push(most);
        Self::new(&looks, alpha)
    }

    /// One look at all `pairs`: no early stop, the plain test.
    ///
    /// # Errors
    /// No pairs, or an `alpha` that is not between 0 and 1.
    pub fn fixed(pairs: usize, alpha: f64) -> Result<Self, DesignError> {
        Self::new(&[pairs], alpha)
    }

    /// The same looks at another error rate.
    ///
    /// # Errors
    /// An `alpha` that is not between 0 and 1.
    pub fn at(&self, alpha: f64) -> Result<Self, DesignError> {
        Self::new(&self.looks, alpha)
    }

    /// The same, ending with a look at `pairs` where the time is up before the last look: all that is left of the error
    /// rate is spent there. Valid as long as how the pairs came out did not decide when to stop.
    ///
    /// # Errors
    /// No pairs.
    pub fn ending(&self, pairs: usize) -> Result<Self, DesignError> {
        let taken: Vec<usize> = self.looks.iter().copied().filter(|look| *look < pairs).collect();
        let looks = [taken.as_slice(), &[pairs]].concat();
        let before = taken.len();
        let most = self.most();
        let mut design = Self::new(&looks, self.alpha)?;
        // Looks that have passed keep the levels they had.
        design.levels = end(&looks, most, &self.levels[..before], self.alpha);
        let wide = INTERVAL_ALPHA.max(self.alpha);
        let interval = end(&looks, most, &self.interval_levels[..before], wide);
        design.interval_levels = levels_at_least(interval, &design.levels);
        Ok(design)
    }

    /// Error rate over all looks.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Numbers of pairs looked at, rising.
    pub fn looks(&self) -> &[usize] {
        &self.looks
    }

    /// Pairs at the last look.
    pub fn most(&self) -> usize {
        self.looks.last().copied().unwrap_or(0)
    }

    /// A difference is shown at this look (from 0) where the two-sided signed-rank p is at most this. 0: never.
    pub fn level(&self, look: usize) -> f64 {
        self.levels.get(look).copied().unwrap_or(0.0)
    }

    /// One minus the confidence of this look's interval. Intervals of all looks together hold the truth with 95 %
    /// (repeated confidence intervals, Jennison and Turnbull 1989), so that stopping early does not spoil them.
    pub fn interval_level(&self, look: usize) -> f64 {
        self.interval_levels.get(look).copied().unwrap_or(0.0)
    }
}

#[allow(clippy::cast_precision_loss, reason = "sample sizes are far below 2^52")]
fn spent_by(pairs: usize, most: usize, alpha: f64) -> f64 {
    if pairs >= most { alpha } else { alpha * (pairs as f64 / most as f64).powf(POWER) }
}

fn levels(looks: &[usize], most: usize, alpha: f64) -> Vec<f64> {
    walk(looks, &[], |pairs| spent_by(pairs, most, alpha))
}

/// Levels of looks of which those before the last are given.
fn end(looks: &[usize], most: usize, given: &[f64], alpha: f64) -> Vec<f64> {
    let last = looks.last().copied().unwrap_or(most);
    walk(looks, given, |pairs| if pairs == last { alpha } else { spent_by(pairs, most, alpha) })
}

/// Goes through the looks and spends at each what is allowed by then and not spent yet.
fn walk(looks: &[usize], given: &[f64], allowed: impl Fn(usize) -> f64) -> Vec<f64> {
    let (mut ongoing, mut spent, mut levels) = (Ongoing::new(), 0.0, Vec::with_capacity(looks.len()));
    for (position, pairs) in looks.iter().enumerate() {
        let here = information(*pairs);
        let level = given.get(position).copied().unwrap_or_else(|| {
            let left = (allowed(*pairs) - spent).max(0.0);
            // A first look spends what its level says; so does a design of one look, exactly.
            let level = if position == 0 { left } else { ongoing.level(here, left) };
            critical(*pairs, level).map_or(0.0, |sum| attained(*pairs, sum))
        });
        if level > 0.0 {
            spent += if position == 0 { level } else { ongoing.crossing(here, z(level)) };
        }
        levels.push(level);
        if position + 1 < looks.len() {
            ongoing = ongoing.after(here, level);
        }
    }
    levels
}

fn z(level: f64) -> f64 {
    super::normal::upper_quantile(level / 2.0).unwrap_or(0.0)
}

fn levels_at_least(levels: Vec<f64>, least: &[f64]) -> Vec<f64> {
    levels.into_iter().zip(least).map(|(level, least)| level.max(*least)).collect()
}

#[cfg(test)]
mod tests;
