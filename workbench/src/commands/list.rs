//! `workbench list`.

use reports::render::terminal;
use reports::run::Status;
use scenarios::catalog::Catalog;
use scenarios::knobs;

use crate::cli::{List, Listing};
use crate::exit::{Exit, Refusal};
use crate::ui;

/// Prints scenarios, knobs or runs.
pub(super) fn list(flags: &List, catalog: &Catalog) -> anyhow::Result<Exit> {
    let text = match flags.what {
        Listing::Scenarios => scenarios(catalog, flags.json)?,
        Listing::Knobs => knobs(flags.json)?,
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
    let mut text = String::new();
    for scenario in scenarios {
        text.push_str(&format!("{:16} {}\n", scenario.name, scenario.summary));
        for variant in &scenario.variants {
            text.push_str(&format!("  {:14} {}\n", variant.name, variant.summary));
        }
        for (path, value) in scenario.settings.iter().filter(|(path, _)| path.starts_with("workload.")) {
            text.push_str(&format!("    --set {path}={value}\n"));
        }
    }
    Ok(text)
}

fn knobs(json: bool) -> anyhow::Result<String> {
    let rows = knobs::describe();
    if json {
        return Ok(serde_json::to_string_pretty(&rows)?);
    }
    let width = ui::width();
    let mut text = String::from(
        "Settings for --set KNOB=VALUE and --vary KNOB=A,B,…; every value is read back from the process.\n",
    );
    for row in rows {
        text.push_str(&format!("\n{}  ({}; default {})\n", row.path, row.range, row.default));
        let go = if row.go.is_empty() { String::new() } else { format!("{}. {}", row.go, row.go_difference) };
        for (label, prose) in [
            ("", row.doc.to_owned()),
            ("Go: ", go),
            ("Needs: ", row.needs.clone()),
            ("Read back: ", row.read_back.to_owned()),
        ] {
            if !prose.is_empty() {
                text.push_str(&wrapped(&format!("{label}{prose}"), width, "    "));
            }
        }
    }
    Ok(text)
}

/// Breaks at spaces so that lines stay within `width`, each behind `indent`.
fn wrapped(prose: &str, width: usize, indent: &str) -> String {
    let mut text = String::new();
    let mut line = String::from(indent);
    for word in prose.split_whitespace() {
        if line.len() > indent.len() && line.chars().count() + 1 + word.chars().count() > width {
            text.push_str(line.trim_end());
            text.push('\n');
            line = String::from(indent);
        }
        if line.len() > indent.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
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
    use super::wrapped;

    #[test]
    fn prose_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three four", 12, "  "), "  one two\n  three four\n");
        assert_eq!(wrapped("unbreakablylongword x", 8, "  "), "  unbreakablylongword\n  x\n");
    }
}
