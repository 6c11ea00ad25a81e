//! A plan as people read it.

use reports::metric::format_value;
use reports::render;
use reports::run::{CpuBackend, HeapBackend, Phases, Plan, Settings};

use crate::{plan, ui};

/// A plan for people: what a trial is, what the variants set, the order of every block.
pub(super) fn plan_text(plan: &Plan) -> String {
    let width = ui::width();
    let printable = |names: Vec<&str>| names.into_iter().map(render::printable).collect::<Vec<_>>().join(", ");
    let evidence: Vec<&str> = plan
        .trials
        .iter()
        .filter(|trial| trial.kind.evidence().is_some())
        .map(|trial| trial.variant.as_str())
        .collect();
    let target = plan.target.as_deref().unwrap_or_default();
    let mut head = vec![
        ("scenario".to_owned(), format!("{} version {}", render::printable(&plan.scenario), plan.scenario_version)),
        ("target".to_owned(), render::printable(target)),
        ("seed".to_owned(), plan.seed.to_string()),
        ("trials".to_owned(), trials_text(plan, evidence.len())),
        ("each".to_owned(), phases_text(&plan.phases)),
    ];
    head.push(("settings".to_owned(), settings(&shared(plan), |_| true)));
    head.retain(|(_, text)| !text.is_empty());
    let shared = shared(plan);
    let variants: Vec<_> = plan
        .variants
        .iter()
        .map(|variant| {
            let own = settings(&variant.requested, |path| !shared.contains_key(path));
            let command = render::printable(&words(&variant.command));
            let both = [command, own].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
            (render::printable(&variant.name), both.join("   "))
        })
        .collect();
    let mut order: Vec<_> = (1..=plan.blocks)
        .map(|block| {
            let trials = plan.trials.iter().filter(|trial| trial.block == Some(block));
            (format!("block {block}"), printable(trials.map(|trial| trial.variant.as_str()).collect()))
        })
        .collect();
    if !evidence.is_empty() {
        order.push(("evidence".to_owned(), printable(evidence)));
        if let Some(cpu) = plan.cpu {
            let backend = match cpu.backend {
                CpuBackend::Perf => "perf",
                CpuBackend::Sampler => "sampler",
                CpuBackend::Pprof => "pprof",
            };
            order.push(("cpu".to_owned(), format!("by {backend} at {} Hz", cpu.hz)));
        }
        if plan.heap == Some(HeapBackend::Jemalloc) {
            order.push(("heap".to_owned(), "by jemalloc's own profiler, in a build of its own".to_owned()));
        }
    }
    let mut text = ui::columns(&head, 0, width);
    for (title, rows) in [("variants", variants), ("order", order)] {
        text.push_str(&format!("\n{}\n{}", ui::bold(title), ui::columns(&rows, 2, width)));
    }
    text
}

/// A command line, quoted for a shell where it has to be.
fn words(command: &[String]) -> String {
    shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" "))
}

/// Settings that every one of several variants asks for alike.
fn shared(plan: &Plan) -> Settings {
    let [first, others @ ..] = plan.variants.as_slice() else { return Settings::new() };
    let mut shared = first.requested.clone();
    shared.retain(|path, value| !others.is_empty() && others.iter().all(|one| one.requested.get(path) == Some(value)));
    shared
}

fn settings(all: &Settings, shown: impl Fn(&String) -> bool) -> String {
    let each = all.iter().filter(|(path, _)| shown(path)).map(|(path, value)| format!("{path}={value}"));
    render::printable(&each.collect::<Vec<_>>().join(" "))
}

/// `12 blocks of 2 variants, then 2 of evidence: 26 in all, about 60 s`.
fn trials_text(plan: &Plan, evidence: usize) -> String {
    let (blocks, variants) = (plan.blocks, plan.variants.len());
    let noun = |count: usize, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let then = if evidence > 0 { format!(", then {evidence} of evidence") } else { String::new() };
    let all = plan.trials.len();
    let seconds = plan::seconds(plan, |_| true);
    let blocks = noun(usize::try_from(blocks).unwrap_or(usize::MAX), "block");
    format!("{blocks} of {}{then}: {all} in all, about {seconds:.0} s", noun(variants, "variant"))
}

/// `200 ms of warm-up, then 500 ms saturated with 4 clients, then 2000 operations at 1400/s (poisson) beside export at
/// 20/s; in the first 3 blocks then 500 ms with 1, 2 clients in turn`.
fn phases_text(phases: &Phases) -> String {
    let seconds = |value: f64| format_value(value, "s");
    let mut steps = Vec::new();
    if phases.warmup_s > 0.0 {
        steps.push(format!("{} of warm-up", seconds(phases.warmup_s)));
    }
    if phases.saturated_s > 0.0 {
        steps.push(format!("{} saturated with {} clients", seconds(phases.saturated_s), phases.concurrency));
    }
    if phases.operations > 0 {
        let pace = match phases.arrivals.as_str() {
            "closed" => "in a closed loop".to_owned(),
            arrivals => format!("at {}/s ({})", phases.rate, render::printable(arrivals)),
        };
        steps.push(format!("{} operations {pace}", phases.operations));
    }
    let beside: Vec<String> = phases
        .background
        .iter()
        .map(|load| format!("{} at {}/s", render::printable(&load.operation), load.rate))
        .collect();
    let beside = if beside.is_empty() { String::new() } else { format!(" beside {}", beside.join(", ")) };
    let mut text = steps.join(", then ") + &beside;
    if let Some(ladder) = &phases.ladder {
        let levels: Vec<String> = ladder.levels.iter().map(ToString::to_string).collect();
        let (levels, time) = (levels.join(", "), seconds(ladder.seconds));
        text.push_str(&format!("; in the first {} blocks then {time} with {levels} clients in turn", ladder.blocks));
    }
    text
}
