//! How the arrivals of an open loop are spread over its time, where that is not one rate throughout.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::knobs::parse_duration;

/// A part of the phase whose rate is constant, or changes evenly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Operations per second at its begin.
    pub from: f64,
    /// Operations per second at its end.
    pub to: f64,
    /// How long it lasts.
    pub span: Duration,
}

/// Operations that arrive together, again and again, on top of everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// Operations at once.
    pub size: u32,
    /// From one burst to the next; the first is at the begin of the phase.
    pub every: Duration,
}

/// Arrivals that were recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The file they are from; where it was read, an absolute path.
    pub file: String,
    /// How many operations each of them becomes, on average.
    pub scale: f64,
    /// By time; empty until the file was read.
    pub arrivals: Vec<Arrival>,
}

/// One recorded arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Microseconds since the first.
    pub at_us: u64,
    /// Index into the mix.
    pub operation: u16,
}

/// Most operations of a phase.
pub(crate) const MOST_OPERATIONS: f64 = 1e9;
/// Highest rate, operations per second.
pub(crate) const MOST_RATE: f64 = 1e7;
/// Longest stage.
const MOST_SPAN: Duration = Duration::from_secs(24 * 3600);

impl Stage {
    /// Operations that are due within it.
    pub fn operations(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.span.as_secs_f64()
    }

    /// Whether rates and time can be driven; the error is a sentence without a full stop.
    ///
    /// # Errors
    /// What is out of range.
    pub fn check(&self) -> Result<(), String> {
        if [self.from, self.to].iter().any(|rate| !(0.0..=MOST_RATE).contains(rate)) {
            return Err(format!("a rate is out of range: 0 to {MOST_RATE} operations per second"));
        }
        if self.span < Duration::from_millis(1) || self.span > MOST_SPAN {
            return Err("a stage lasts from 1ms to 24h".to_owned());
        }
        Ok(())
    }
}

impl Burst {
    /// Whether it can be driven.
    ///
    /// # Errors
    /// What is out of range.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=1_000_000).contains(&self.size) {
            return Err("a burst has 1 to 1000000 operations".to_owned());
        }
        if self.every < Duration::from_millis(1) || self.every > MOST_SPAN {
            return Err("bursts come every 1ms to 24h".to_owned());
        }
        Ok(())
    }
}

impl FromStr for Stage {
    type Err = String;

    /// Reads `200:5s` (a constant rate) and `200..800:10s` (a ramp). The error is the end of a sentence that begins with
    /// "is not".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a stage: write RATE:TIME as in `200:5s`, or FROM..TO:TIME as in `200..800:10s`".to_owned();
        let (rates, span) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        let span = parse_duration(span.trim()).map_err(|error| format!("a stage: `{}` is not {error}", span.trim()))?;
        let stage = Self { from: number(from)?, to: number(to)?, span };
        stage.check().map_err(|problem| format!("a stage that can be driven: {problem}"))?;
        Ok(stage)
    }
}

impl FromStr for Burst {
    type Err = String;

    /// Reads `50/1s`. The error is the end of a sentence that begins with "is not".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a burst: write SIZE/TIME as in `50/1s`".to_owned();
        let (size, every) = text.split_once('/').ok_or_else(wrong)?;
        let every =
            parse_duration(every.trim()).map_err(|error| format!("a burst: `{}` is not {error}", every.trim()))?;
        let burst = Self { size: size.trim().parse().map_err(|_| wrong())?, every };
        burst.check().map_err(|problem| format!("a burst that can be driven: {problem}"))?;
        Ok(burst)
    }
}

impl Load {
    /// Whether stages, bursts or a trace say when operations are due; `rate` and `operations` then follow from them.
    pub fn is_shaped(&self) -> bool {
        !self.stages.is_empty() || self.trace.is_some()
    }

    /// Adds bursts. What was one rate throughout becomes one stage.
    pub fn add_burst(&mut self, burst: Burst) {
        if self.stages.is_empty() && self.rate > 0.0 {
            #[allow(clippy::cast_precision_loss, reason = "at most 1e9 operations")]
            let span = Duration::from_secs_f64(self.operations as f64 / self.rate);
            self.stages = vec![Stage { from: self.rate, to: self.rate, span }];
        }
        self.burst = Some(burst);
    }

    /// Operations and mean rate as stages, bursts and trace have them; nothing where there are none.
    ///
    /// # Errors
    /// Nothing is due, or too much. A trace whose file was not read yet is nothing to object to.
    pub fn settle(&mut self) -> Result<(), String> {
        let (operations, span_s) = if let Some(trace) = &self.trace {
            if trace.arrivals.is_empty() {
                return Ok(());
            }
            #[allow(clippy::cast_precision_loss, reason = "a trace is shorter than 2^52 µs")]
            let last_s = trace.arrivals.last().map_or(0.0, |last| last.at_us as f64 * 1e-6);
            #[allow(clippy::cast_precision_loss, reason = "so many lines fit in no memory")]
            let arrivals = trace.arrivals.len() as f64;
            (arrivals * trace.scale, last_s)
        } else if self.stages.is_empty() {
            return Ok(());
        } else {
            let span: Duration = self.stages.iter().map(|stage| stage.span).sum();
            let staged: f64 = self.stages.iter().map(Stage::operations).sum();
            (staged.round() + self.burst.map_or(0.0, |burst| burst.operations(span)), span.as_secs_f64())
        };
        let operations = operations.round();
        if operations < 1.0 {
            return Err("nothing is due: the stages hold not one operation".to_owned());
        }
        if operations > MOST_OPERATIONS {
            return Err(format!("{operations} operations are due, and {MOST_OPERATIONS} are the most"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 1e9")]
        {
            self.operations = operations as u64;
        }
        self.rate = if span_s > 0.0 { operations / span_s } else { MOST_RATE };
        Ok(())
    }

    /// A quarter of the load, for a look: a quarter of the time of every stage, or of the arrivals.
    pub fn quarter(&mut self) {
        for stage in &mut self.stages {
            stage.span = (stage.span / 4).max(Duration::from_millis(1));
        }
        if let Some(trace) = &mut self.trace {
            trace.arrivals.truncate(trace.arrivals.len().div_ceil(4));
        }
        if !self.is_shaped() || self.settle().is_err() {
            self.operations = (self.operations / 4).max(1);
        }
    }
}

impl Burst {
    /// Operations of all bursts within a phase of this length: at its begin, and every so often after it.
    fn operations(&self, phase: Duration) -> f64 {
        (phase.as_secs_f64() / self.every.as_secs_f64()).ceil() * f64::from(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_bursts_are_read_or_say_what_would_be_right() {
        let read = |text: &str| match text.parse::<Stage>() {
            Ok(stage) => format!("{text} -> {} to {} in {:?}", stage.from, stage.to, stage.span),
            Err(error) => format!("`{text}` is not {error}"),
        };
        let burst = |text: &str| match text.parse::<Burst>() {
            Ok(burst) => format!("{text} -> {} every {:?}", burst.size, burst.every),
            Err(error) => format!("`{text}` is not {error}"),
        };
        let stages = ["200:5s", "200..800:10s", "0..1e3: 500ms", "200", "a:5s", "200:5", "-1:5s", "1e9:5s", "1:0s"];
        let bursts = ["50/1s", "50", "0/1s", "x/1s", "5/1"];
        let all: Vec<String> = stages.iter().map(|s| read(s)).chain(bursts.iter().map(|b| burst(b))).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}
