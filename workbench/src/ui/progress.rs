//! Live progress of a run.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use reports::run::{PlannedTrial, TrialKind};

use super::remark;
use crate::events::{Happening, Listener};
use crate::subject::Phase;

/// A bar on a terminal, plain lines where only a log reads along.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    /// Seconds that a trial should take.
    trial_s: f64,
    /// Trials that a resumed run had before.
    before: u64,
    done: u64,
    total: u64,
    blocks: u32,
    /// Columns of the longest variant name.
    names: usize,
}

impl Progress {
    /// Shows nothing until the run starts. A trial should take `trial_s` seconds, which is what the estimate says until
    /// trials have shown otherwise; `blocks` and `variants` are those of the plan.
    pub fn new<'a>(trial_s: f64, blocks: u32, variants: impl Iterator<Item = &'a str>) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
        let names = variants.map(|name| reports::render::printable(name).chars().count()).max().unwrap_or(0);
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, terminal, trial_s, before: 0, done: 0, total: 0, blocks, names }
    }

    /// Takes the bar away, so that what follows starts on a clean line.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn begin(&mut self, left: usize, total: usize) {
        (self.total, self.before) = (total as u64, (total - left) as u64);
        self.done = self.before;
        let (trial_s, before) = (self.trial_s, self.before);
        let left = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let trials = (state.pos().saturating_sub(before), state.len().unwrap_or(0).saturating_sub(before));
            let seconds = remaining_s(state.elapsed().as_secs_f64(), trials, trial_s);
            let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs(seconds)));
        };
        let template = "{bar:20} {pos}/{len}  {elapsed}, {left} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.with_key("left", left).progress_chars("━╸─"));
        }
        self.bar.set_length(self.total);
        self.bar.set_position(self.done);
        if self.terminal {
            self.bar.enable_steady_tick(Duration::from_millis(250));
        }
    }

    /// `block 3/12`, or the kind of evidence.
    fn place(&self, trial: &PlannedTrial) -> String {
        match (trial.kind, trial.block) {
            (TrialKind::Measure, Some(block)) => format!("block {block}/{}", self.blocks),
            (TrialKind::Evidence(kind), _) => kind.name().to_owned(),
            (TrialKind::Measure, None) => "measure".to_owned(),
        }
    }

    fn message(&self, trial: &PlannedTrial, phase: &str) {
        let variant = reports::render::printable(&trial.variant);
        self.bar.set_message(format!("{} · {variant} · {phase}", self.place(trial)));
    }

    fn advance(&mut self) {
        self.done += 1;
        self.bar.set_position(self.done);
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.suspend(|| remark(text));
        } else {
            remark(text);
        }
    }

    /// What a log reads of a trial: its number, its place, its variant, what came of it, in columns.
    fn log_line(&self, trial: &PlannedTrial, result: &str) -> String {
        let digits = self.total.to_string().len();
        let place = 2 * self.blocks.to_string().len() + "block /".len();
        let variant = reports::render::printable(&trial.variant);
        let names = self.names;
        format!(
            "{:>digits$}/{}  {:place$}  {variant:names$}  {result}",
            self.done,
            self.total,
            self.place(trial),
            place = place.max("allocator".len())
        )
    }
}

impl Listener for Progress {
    fn hear(&mut self, happening: &Happening<'_>) {
        match happening {
            Happening::Started { left, total } => self.begin(*left, *total),
            Happening::Preflight { variant, .. } => {
                self.bar.set_message(format!("settings of {} read back", reports::render::printable(variant)));
            }
            Happening::TrialStarted(trial) => self.message(trial, phase_name(Phase::Starting)),
            Happening::Phase(trial, phase) => self.message(trial, phase_name(*phase)),
            Happening::TrialFinished { trial, result } => {
                self.advance();
                if !self.terminal {
                    remark(&self.log_line(trial, result));
                }
            }
            Happening::TrialFailed { trial, reason } => {
                self.advance();
                self.line(&self.log_line(trial, &format!("failed: {reason}")));
            }
            Happening::TrialLeftOut { trial, reason } => {
                self.advance();
                self.line(&self.log_line(trial, &format!("left out: {reason}")));
            }
            Happening::Warning(text) => self.line(&format!("warning: {text}")),
            Happening::Finished(_) => {}
        }
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::WarmUp => "warm-up",
        Phase::Saturated => "saturated",
        Phase::Open => "open loop",
        Phase::Ladder => "rising concurrency",
        Phase::Stopping => "stopping",
    }
}

/// Seconds until the last trial ends, `(finished, of)` trials after `elapsed_s`: as planned, until trials have shown
/// how long they take.
fn remaining_s(elapsed_s: f64, (finished, of): (u64, u64), planned_trial_s: f64) -> u64 {
    #[allow(clippy::cast_precision_loss, reason = "trial counts are far below 2^52")]
    let (finished, of) = (finished as f64, of as f64);
    // The plan counts as one trial, so that the first to finish does not turn the estimate over. The one that runs now
    // is as far on as the time since the others ended.
    let trial_s = (planned_trial_s + elapsed_s.min(finished * 4.0 * planned_trial_s)) / (finished + 1.0);
    let left = (of * trial_s - elapsed_s).max(if finished < of { 1.0 } else { 0.0 });
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates; never negative")]
    let seconds = left.round() as u64;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> Progress {
        let mut progress = Progress::new(2.0, 12, ["broken", "fixed"].into_iter());
        progress.begin(20, 26);
        progress
    }

    fn trial(block: Option<u32>, variant: &str) -> PlannedTrial {
        let kind = block.map_or(TrialKind::Evidence(reports::run::EvidenceKind::Cpu), |_| TrialKind::Measure);
        PlannedTrial { index: 7, block, variant: variant.to_owned(), kind }
    }

    #[test]
    fn the_estimate_begins_with_the_plan_and_follows_the_trials() {
        assert_eq!(remaining_s(0.0, (0, 20), 2.0), 40);
        assert_eq!(remaining_s(1.0, (0, 20), 2.0), 39, "it counts down within a trial");
        assert_eq!(remaining_s(20.0, (10, 20), 2.0), 20);
        assert!(remaining_s(40.0, (10, 20), 2.0) > 30, "slower trials than planned");
        assert_eq!(remaining_s(60.0, (20, 20), 2.0), 0);
        assert_eq!(remaining_s(500.0, (19, 20), 2.0), 1, "overdue is not done");
        assert_eq!(remaining_s(0.0, (0, 0), 2.0), 0);
    }

    #[test]
    fn lines_for_a_log_line_up() {
        let mut progress = progress();
        progress.advance();
        assert_eq!(progress.log_line(&trial(Some(4), "fixed"), "capacity 1"), " 7/26  block 4/12   fixed   capacity 1");
        assert_eq!(progress.log_line(&trial(None, "broken"), "x"), " 7/26  cpu          broken  x");
        let escape = progress.log_line(&trial(None, "\u{1b}[2J"), "x");
        assert!(!escape.contains('\u{1b}'), "{escape:?}");
    }

    #[test]
    fn the_bar_says_where_the_run_is() {
        let mut progress = progress();
        progress.hear(&Happening::Phase(&trial(Some(4), "fixed"), Phase::Open));
        assert_eq!(progress.bar.message(), "block 4/12 · fixed · open loop");
        assert_eq!((progress.bar.position(), progress.bar.length()), (6, Some(26)));
        progress.hear(&Happening::TrialFinished { trial: &trial(None, "fixed"), result: "" });
        assert_eq!(progress.bar.position(), 7);
    }
}
