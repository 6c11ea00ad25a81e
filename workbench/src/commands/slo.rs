//! `workbench slo`.

use reports::render;
use scenarios::catalog::Catalog;
use scenarios::file::{parse_window, window_text};
use scenarios::objectives;

use crate::cli::ci::{Check, Import, Objective, Rules, SloCommand};
use crate::exit::{Exit, Refusal};
use crate::{budget, slo, ui};

/// Judges, writes rules, or imports.
pub(super) fn slo(command: &SloCommand, catalog: &Catalog) -> anyhow::Result<Exit> {
    match command {
        SloCommand::Check(flags) => check(flags),
        SloCommand::Rules(flags) => rules(flags, catalog),
        SloCommand::Import(flags) => import(flags),
    }
}

fn check(flags: &Check) -> anyhow::Result<Exit> {
    let wish = wish(&flags.objective)?;
    // Asked first: where the budget cannot be had nothing is judged.
    let asked = flags.budget.error_budget.as_ref();
    let budget = asked.map(|asked| budget::record(asked, flags.budget.override_budget.clone())).transpose()?;
    let path = super::selected(&flags.run)?;
    let mut judged = slo::check(&path, &wish, &flags.variant)?;
    judged.budget = budget;
    if judged.budget.is_some() {
        slo::keep(&path, &judged)?;
    }
    if flags.json {
        let document = serde_json::json!({ "run": judged.run, "slo": judged.slo, "budget": judged.budget });
        ui::result(&serde_json::to_string_pretty(&document)?)?;
    } else {
        ui::result(&render::terminal::slo(&judged, ui::width()))?;
        ui::result(&format!("run     {}", render::printable(&judged.run)))?;
    }
    Ok(slo::exit(&judged))
}

fn rules(flags: &Rules, catalog: &Catalog) -> anyhow::Result<Exit> {
    let wish = wish(&flags.objective)?;
    let own = flags.scenario.as_ref().map(|scenario| slo::of_scenario(scenario, catalog)).transpose()?.flatten();
    let written = wish.from.as_ref().map(|(file, name)| slo::one_of(file, name.as_deref())).transpose()?;
    let Some(objective) = wish.over(own)? else {
        return Err(Refusal::usage(match &flags.scenario {
            Some(scenario) => {
                format!("`{}` has no `[slo]`: add one, or give `--objective 0.999`", render::printable(scenario))
            }
            None => {
                "no objective: name a scenario that has one, or give `--from FILE` or `--objective 0.999`".to_owned()
            }
        }));
    };
    let name = written.as_ref().map(|one| one.name.clone()).or_else(|| flags.scenario.clone());
    let (bad, total) = written.map_or((None, None), |one| (one.bad, one.total));
    let text = slo::rules(
        &slo::plain(&objective),
        name.as_deref().unwrap_or("service"),
        flags.bad.clone().or(bad),
        flags.total.clone().or(total),
    )?;
    ui::result(&text)?;
    Ok(Exit::Done)
}

fn import(flags: &Import) -> anyhow::Result<Exit> {
    let all = objectives::read(&flags.file).map_err(Refusal::usage)?;
    if flags.json {
        let entries: Vec<_> = all
            .iter()
            .map(|one| serde_json::json!({ "name": one.name, "objective": one.objective, "window": window_text(one.window) }))
            .collect();
        ui::result(&serde_json::to_string_pretty(&entries)?)?;
        return Ok(Exit::Done);
    }
    let table = |one: &objectives::WrittenObjective| {
        let (name, window) = (render::printable(&one.name), window_text(one.window));
        format!("# {name}\n[slo]\nobjective = {}\nwindow = \"{window}\"\n", one.objective)
    };
    ui::result(&all.iter().map(table).collect::<Vec<_>>().join("\n"))?;
    ui::remark("their latency is within their queries: add `latency = \"350ms\"` for a run to be judged by it");
    Ok(Exit::Done)
}

/// The flags about an objective as a wish.
fn wish(flags: &Objective) -> anyhow::Result<slo::Wish> {
    let window = flags
        .window
        .as_deref()
        .map(|text| parse_window(text).map_err(|error| Refusal::usage(format!("`--window` = {text} is not {error}"))));
    Ok(slo::Wish {
        objective: flags.objective,
        latency: super::duration("--latency", flags.latency.as_deref())?,
        window: window.transpose()?,
        from: flags.from.clone().map(|file| (file, flags.name.clone())),
    })
}
