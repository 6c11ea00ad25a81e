//! Plan, phases and every trial.

use crate::render::{Page, chart, number, text, words};
use crate::run::{ExitRecord, Plan, TrialOutcome, TrialRecord};

/// How the numbers came about.
pub(super) struct Method {
    pub(super) lines: Vec<String>,
    pub(super) trials: Vec<Row>,
    pub(super) trials_title: String,
}

/// One trial.
pub(super) struct Row {
    pub(super) index: u32,
    pub(super) block: String,
    pub(super) variant: String,
    pub(super) class: String,
    pub(super) kind: &'static str,
    pub(super) took: String,
    pub(super) cpu: String,
    pub(super) memory: String,
    pub(super) exit: String,
    pub(super) noise: String,
    pub(super) outcome: String,
    pub(super) bad: bool,
}

impl Method {
    pub(super) fn new(page: &Page<'_>) -> Self {
        let mut trials: Vec<_> = page.trials.iter().collect();
        trials.sort_by_key(|trial| trial.index);
        Self {
            lines: lines(page),
            trials_title: format!("All {}", words::plural(trials.len() as u64, "trial", "trials")),
            trials: trials.into_iter().map(|trial| row(page, trial)).collect(),
        }
    }
}

fn lines(page: &Page<'_>) -> Vec<String> {
    let summary = page.summary;
    let mut lines = Vec::new();
    if let Some(plan) = page.plan {
        lines.extend(planned(plan));
    }
    lines.push(format!(
        "Seed {}, scenario {} version {}.",
        summary.seed,
        text::name(&summary.scenario),
        summary.scenario_version
    ));
    if summary.comparisons.iter().any(|comparison| comparison.pairs > 0) {
        lines.push(
            "Ratios are Hodges–Lehmann estimates over the pairs of a block with intervals from the signed-rank test; verdicts \
             hold after Holm's correction over all variants and metrics."
                .into(),
        );
    }
    lines.push(
        "Latency counts from when an operation should have started, so a stalled service cannot hide its queue.".into(),
    );
    let took: f64 = page.trials.iter().map(|trial| trial.duration_s).filter(|took| took.is_finite()).sum();
    if !page.trials.is_empty() {
        let trials = words::plural(page.trials.len() as u64, "trial", "trials");
        lines.push(format!(
            "{trials} took {} in all, from {} to {}.",
            number::seconds(took),
            text::name(&summary.started_at),
            text::name(&summary.finished_at)
        ));
    }
    lines
}

fn planned(plan: &Plan) -> Vec<String> {
    let phases = &plan.phases;
    let mut lines = vec![format!(
        "{}: each ran every variant once, in a random order, with the same arrivals; every trial started a fresh process.",
        words::plural(u64::from(plan.blocks), "block", "blocks")
    )];
    let mut steps = Vec::new();
    if phases.warmup_s > 0.0 {
        steps.push(format!("{} of warm-up that is not counted", number::tick_seconds(phases.warmup_s)));
    }
    if phases.saturated_s > 0.0 {
        let clients = words::plural(u64::from(phases.concurrency), "client", "clients");
        let saturated = number::tick_seconds(phases.saturated_s);
        steps.push(format!("{saturated} with {clients} kept busy (capacity, CPU per operation)"));
    }
    if phases.operations > 0 {
        steps.push(format!(
            "{} operations at {}/s with {} arrivals (latency){}",
            number::count(phases.operations as f64),
            number::count(phases.rate),
            text::name(&phases.arrivals),
            beside(plan)
        ));
    }
    if let Some(ladder) = &phases.ladder {
        let (time, blocks) = (number::tick_seconds(ladder.seconds), ladder.blocks);
        let levels: Vec<String> = ladder.levels.iter().map(ToString::to_string).collect();
        steps.push(format!("in the first {blocks} blocks {time} with {} clients in turn", levels.join(", ")));
    }
    if !steps.is_empty() {
        let timeout = number::tick_seconds(phases.timeout_s);
        lines.push(format!("A trial is {}; an operation times out after {timeout}.", steps.join(", then ")));
    }
    lines
}

/// ` beside export at 20/s, which went over connections of its own`.
fn beside(plan: &Plan) -> String {
    let load = &plan.phases.background;
    let each: Vec<String> =
        load.iter().map(|load| format!("{} at {}/s", text::name(&load.operation), number::count(load.rate))).collect();
    if each.is_empty() { String::new() } else { format!(" beside {}", each.join(", ")) }
}

fn row(page: &Page<'_>, trial: &TrialRecord) -> Row {
    let colour = page.summary.variants.iter().position(|variant| variant.name == trial.variant);
    let (outcome, bad) = match &trial.outcome {
        TrialOutcome::Ok => match &trial.driver.limited {
            Some(why) => (format!("driver-limited: {}", text::sentence(why)), true),
            None => ("ok".into(), false),
        },
        TrialOutcome::SubjectFailed { reason, .. } => (format!("failed: {}", text::sentence(reason)), true),
        TrialOutcome::EvidenceMissing { because } => {
            (format!("evidence missing, because {}", text::sentence(because)), true)
        }
    };
    let noise: Vec<_> = trial
        .noise
        .iter()
        .map(|(name, value)| match name.strip_suffix("_s") {
            Some(name) => format!("{} {}", text::name(name), number::seconds(*value)),
            None => format!("{} {}", text::name(name), number::significant(*value)),
        })
        .collect();
    Row {
        index: trial.index,
        block: trial.block.map_or_else(|| number::ABSENT.into(), |block| block.to_string()),
        variant: text::name(&trial.variant),
        class: colour.map_or_else(String::new, chart::class),
        kind: words::kind(trial.kind),
        took: number::seconds(trial.duration_s),
        cpu: format!("{} + {}", number::seconds(trial.exit.user_s), number::seconds(trial.exit.system_s)),
        memory: number::bytes(trial.exit.max_rss_bytes as f64),
        exit: exit(&trial.exit),
        noise: noise.join(", "),
        outcome,
        bad,
    }
}

fn exit(exit: &ExitRecord) -> String {
    match (&exit.signal, exit.code) {
        (Some(signal), _) => text::name(signal),
        (None, Some(code)) => code.to_string(),
        (None, None) => number::ABSENT.into(),
    }
}
