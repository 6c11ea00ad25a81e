//! `workbench show`.

use reports::render;
use reports::run::{Plan, reader};

use crate::cli::Show;
use crate::exit::{Exit, Refusal};
use crate::{report, ui};

/// Prints a run's result, or its plan.
pub(super) fn show(flags: &Show) -> anyhow::Result<Exit> {
    let path = super::selected(&flags.run)?;
    let text = if flags.plan {
        let plan = reader::load(&path).map_err(Refusal::usage)?.plan;
        if flags.json { serde_json::to_string_pretty(&plan)? } else { plan_text(&plan) }
    } else {
        let mut summary = report::of(&path).map_err(Refusal::usage)?;
        summary.path = path.display().to_string();
        if flags.json {
            render::json::document(&summary)
        } else {
            render::terminal::result(&summary, ui::color(), ui::width())
        }
    };
    ui::result(&text)?;
    Ok(Exit::Done)
}

/// A plan for people: one line a block.
pub(super) fn plan_text(plan: &Plan) -> String {
    let mut text = format!(
        "{} version {}, seed {}: {} blocks of {} variants, then evidence\n",
        plan.scenario,
        plan.scenario_version,
        plan.seed,
        plan.blocks,
        plan.variants.len()
    );
    let phases = &plan.phases;
    text.push_str(&format!(
        "trial: {:.2} s warm-up, {:.2} s saturated with {} clients, {} operations at {}/s ({})\n",
        phases.warmup_s, phases.saturated_s, phases.concurrency, phases.operations, phases.rate, phases.arrivals
    ));
    for variant in &plan.variants {
        let settings: Vec<String> = variant.requested.iter().map(|(path, value)| format!("{path}={value}")).collect();
        text.push_str(&format!(
            "variant {}: {}\n",
            render::printable(&variant.name),
            render::printable(&settings.join(" "))
        ));
    }
    for block in 1..=plan.blocks {
        let order: Vec<String> = plan
            .trials
            .iter()
            .filter(|trial| trial.block == Some(block))
            .map(|trial| render::printable(&trial.variant))
            .collect();
        text.push_str(&format!("block {block:3}: {}\n", order.join(", ")));
    }
    let evidence: Vec<String> = plan
        .trials
        .iter()
        .filter(|trial| trial.kind.evidence().is_some())
        .map(|trial| render::printable(&trial.variant))
        .collect();
    if !evidence.is_empty() {
        text.push_str(&format!("evidence : {}\n", evidence.join(", ")));
    }
    text
}
