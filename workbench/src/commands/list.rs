//! `workbench list`.

use reports::render::terminal;
use reports::run::Status;
use scenarios::catalog::Catalog;
use scenarios::{habits, knobs};

use crate::cli::{List, Listing};
use crate::exit::{Exit, Refusal};
use crate::ui;

/// Prints scenarios, knobs, habits or runs.
pub(super) fn list(flags: &List, catalog: &Catalog) -> anyhow::Result<Exit> {
    let text = match flags.what {
        Listing::Scenarios => scenarios(catalog, flags.json)?,
        Listing::Knobs => knobs(flags.json)?,
        Listing::Habits => habits(flags.json)?,
        Listing::Runs => runs(flags.json)?,
    };
    ui::result(&text)?;
    Ok(Exit::Done)
}

fn scenarios(catalog: &Catalog, json: bool) -> anyhow::Result<String> {
    let scenarios =
        catalog.names().map(|name| catalog.scenario(name)).collect::<Result<Vec<_>, _>>().map_err(Refusal::usage)?;
    if json {
        return Ok(serde_json::to_string_pretty(&scenarios)?);
    }
    let width = ui::width();
    let each = scenarios.iter().map(|scenario| {
        let mut text = format!("{}\n{}", ui::bold(&scenario.name), ui::paragraph(&scenario.summary, 2, width));
        let variants: Vec<_> =
            scenario.variants.iter().map(|variant| (variant.name.clone(), variant.summary.clone())).collect();
        if !variants.is_empty() {
            text.push_str("  variants\n");
            text.push_str(&ui::columns(&variants, 4, width));
        }
        let parameters: Vec<_> = scenario.settings.iter().filter(|(path, _)| path.starts_with("workload.")).collect();
        if !parameters.is_empty() {
            text.push_str("  parameters with their defaults\n");
        }
        for (path, value) in parameters {
            text.push_str(&format!("    --set {path}={value}\n"));
        }
        text
    });
    Ok(each.collect::<Vec<_>>().join("\n"))
}

fn knobs(json: bool) -> anyhow::Result<String> {
    let rows = knobs::describe();
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let width = ui::width();
    let head =
        "Settings for --set KNOB=VALUE and --vary KNOB=A,B,…; what a process can read back is read back from it.";
    let mut text = ui::paragraph(head, 0, width);
    let mut group = "";
    for row in &rows {
        let own = row.path.rsplit_once('.').map_or("", |(group, _)| group);
        if own != group {
            group = own;
            let members =
                rows.iter().filter(|row| row.path.rsplit_once('.').is_some_and(|(other, _)| other == own)).count();
            let title = format!("{own}.*, {members} {}", if members == 1 { "setting" } else { "settings" });
            text.push_str(&format!("\n{}\n{}\n", ui::bold(&title), "─".repeat(title.chars().count())));
        }
        let range = if row.range.is_empty() { String::new() } else { format!("   {}", row.range) };
        text.push_str(&format!("\n{}{range}\n", ui::bold(row.path)));
        text.push_str(&ui::paragraph(row.doc, 2, width));
        let go = [row.go, row.go_difference].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>();
        for (label, prose) in [
            ("default", row.default),
            ("needs", row.needs.as_str()),
            ("in Go", go.join(": ").as_str()),
            ("variable", row.variable.as_str()),
            ("read back", row.read_back),
        ] {
            text.push_str(&ui::labelled(label, "read back".len(), prose, 2, width));
        }
    }
    Ok(text)
}

fn habits(json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(habits::GROUPS)?);
    }
    Ok(habits_text(ui::width()))
}

fn habits_text(width: usize) -> String {
    let head = "What one does in Go, and what does the same here.";
    let mut text = ui::paragraph(head, 0, width);
    for group in habits::GROUPS {
        text.push_str(&format!("\n{}\n{}\n", ui::bold(group.name), "─".repeat(group.name.chars().count())));
        for habit in group.habits {
            text.push_str(&format!("\n{}\n", ui::bold(habit.go)));
            text.push_str(&ui::paragraph(habit.here, 2, width));
            let knobs = habit.knobs.join(" ");
            for (label, prose) in [("try", habit.command), ("knobs", knobs.as_str()), ("but", habit.difference)] {
                text.push_str(&ui::labelled(label, "knobs".len(), prose, 2, width));
            }
        }
    }
    text
}

fn runs(json: bool) -> anyhow::Result<String> {
    let entries = super::store()?.list()?;
    if json {
        let rows: Vec<_> = entries
            .iter()
            .map(|e| serde_json::json!({ "run": e.id, "scenario": e.scenario, "status": e.status, "verdict": e.verdict, "path": e.path }))
            .collect();
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    if entries.is_empty() {
        return Ok("no runs here yet: `workbench run` makes one\n".to_owned());
    }
    let lines: Vec<_> = entries
        .iter()
        .map(|e| terminal::RunLine {
            id: &e.id,
            scenario: &e.scenario,
            status: e.status.unwrap_or(Status::Failed),
            verdict: &e.verdict,
        })
        .collect();
    Ok(terminal::runs(&lines, ui::color(), ui::width()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn habits_are_told_with_what_to_type_and_where_the_likeness_ends() {
        let text = habits_text(100);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        // Wrapped or not.
        let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for habit in habits::GROUPS.iter().flat_map(|group| group.habits) {
            for part in [habit.go, habit.here, habit.command, habit.difference] {
                assert!(told.contains(part), "{part}");
            }
        }
        assert!(text.contains("  knobs  runtime.worker_threads cpu.affinity\n"), "{text}");
    }

    #[test]
    fn every_command_that_is_told_can_be_typed() {
        for habit in habits::GROUPS.iter().flat_map(|group| group.habits).filter(|habit| !habit.command.is_empty()) {
            let parsed = Cli::try_parse_from(habit.command.split(' '));
            assert!(parsed.is_ok(), "{}: {}", habit.command, parsed.unwrap_err());
        }
    }
}
