//! Objectives and error budgets in words.

use super::{number, text, words};
use crate::run::{BudgetRecord, BurnRate, RunSummary, Slo, SloSummary, SloVerdict};

/// Every variant's burn rate and the budget, a sentence each; empty without an objective.
pub(crate) fn sentences(summary: &RunSummary) -> Vec<String> {
    let of = |judged: &SloSummary| judged.burn.iter().map(|burn| sentence(&judged.slo, burn)).collect();
    let mut said: Vec<String> = summary.slo.as_ref().map(of).unwrap_or_default();
    said.extend(summary.budget.as_ref().map(budget));
    said
}

/// `99.95 % good within 350 ms over 30 d`.
pub(crate) fn objective(slo: &Slo) -> String {
    // An objective is exact: three digits would turn 99.95 % into 100 %.
    let percent = format!("{:.9}", slo.objective * 100.0);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    let latency = slo.latency_s.map(|latency| format!(" within {}", number::seconds(latency))).unwrap_or_default();
    format!("{percent} % good{latency} over {}", days(slo.window_s))
}

/// A variant's burn rate.
pub(crate) fn sentence(slo: &Slo, burn: &BurnRate) -> String {
    let verdict = match burn.verdict {
        SloVerdict::Met => "is met",
        SloVerdict::Missed => "is missed",
        SloVerdict::CannotTell => "cannot be told",
    };
    let mut said = format!("objective {} {verdict} by {}", objective(slo), text::name(&burn.variant));
    if let Some(why) = &burn.why {
        said.push_str(&format!(": {}", text::sentence(why)));
    }
    if let (Some(rate), Some(low), Some(high)) = (burn.rate, burn.low, burn.high) {
        let bad = burn.failed + burn.slow;
        said.push_str(&format!(
            ": the error budget burns at {}× [{}, {}], {} of {} bad ({} failed, {} late)",
            number::significant(rate),
            number::significant(low),
            number::significant(high),
            number::count(bad as f64),
            words::plural(burn.operations, "operation", "operations"),
            number::count(burn.failed as f64),
            number::count(burn.slow as f64),
        ));
    }
    if burn.operations > 0 && burn.failed + burn.slow == 0 {
        // Bounds of what never happened take operations as independent.
        said.push_str("; bursts rarer than one a run are not ruled out");
    }
    if burn.design_effect > 1.5 {
        said.push_str(&format!(
            "; bad ones come in bursts (trials differ {} times as much as chance has it), which the interval allows for",
            number::significant(burn.design_effect)
        ));
    }
    if burn.verdict == SloVerdict::CannotTell && burn.operations > 0 {
        said.push_str(&match burn.operations_needed {
            Some(needed) => format!("; too few operations to tell: about {} would", number::count(needed as f64)),
            None => "; the rate is too near the objective for any number of operations".to_owned(),
        });
    } else if let Some(needed) = burn.operations_needed {
        said.push_str(&format!("; at least about {} are needed", number::count(needed as f64)));
    }
    said
}

/// What is left of the budget.
pub(crate) fn budget(budget: &BudgetRecord) -> String {
    let left = if budget.remaining < 0.0 {
        format!("the error budget is overspent by {}", number::percent(-budget.remaining))
    } else {
        format!("{} of the error budget is left", number::percent(budget.remaining))
    };
    let source = text::sentence(&budget.source);
    let frozen = match (&budget.overridden, budget.frozen) {
        (_, false) => String::new(),
        (None, true) => format!(": frozen below {}", number::percent(budget.freeze_below)),
        (Some(reason), true) => {
            format!(": below {}, and overridden: {}", number::percent(budget.freeze_below), text::sentence(reason))
        }
    };
    format!("{left} ({source}){frozen}")
}

fn days(seconds: f64) -> String {
    let days = seconds / 86_400.0;
    if days >= 1.0 { format!("{} d", number::significant(days)) } else { number::seconds(seconds) }
}
