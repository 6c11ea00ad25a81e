//! `workbench doctor`.

use crate::cli::Doctor;
use crate::doctor::{Check, Health, Surroundings, examine, examine_binary};
use crate::exit::{Exit, Refusal};
use crate::ui;

/// Prints every check, what needs it, and for what is not good, how to mend it.
pub(super) fn doctor(flags: &Doctor) -> anyhow::Result<Exit> {
    let checks = match &flags.binary {
        Some(path) => examine_binary(path).map_err(Refusal::usage)?,
        None => examine(&Surroundings::look()),
    };
    ui::result(&if flags.json { serde_json::to_string_pretty(&checks)? } else { text(&checks, ui::width()) })?;
    Ok(Exit::Done)
}

/// Columns before what was found.
const INDENT: usize = 19;

fn text(checks: &[Check], width: usize) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match check.health {
            Health::Good => "✓",
            Health::Notice => "!",
            Health::Bad => "✗",
        };
        let found = reports::render::printable(&check.found);
        let needed = if check.needed_by.is_empty() { String::new() } else { format!(" (for {})", check.needed_by) };
        let line = ui::paragraph(&format!("{found}{needed}"), INDENT, width);
        text.push_str(&format!("{mark} {:16} {}", check.name, line.trim_start()));
        if !check.fix.is_empty() {
            let fix = ui::paragraph(&check.fix, INDENT + 2, width);
            text.push_str(&format!("{:INDENT$}→ {}", "", fix.trim_start()));
        }
    }
    let bad = checks.iter().filter(|c| c.health == Health::Bad).count();
    let notices = checks.iter().filter(|c| c.health == Health::Notice).count();
    text.push_str(&format!("{} checks: {bad} to mend, {notices} to know\n", checks.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Mechanism;

    #[test]
    fn a_person_reads_state_use_and_remedy() {
        let tried = |mechanism: Mechanism, came: Result<&str, &str>| {
            mechanism.check(&came.map(str::to_owned).map_err(str::to_owned))
        };
        let checks = [
            tried(Mechanism::SwitchRecords, Ok("allowed")),
            tried(Mechanism::Uprobes, Err("uprobes are refused (Permission denied)")),
            tried(Mechanism::Go, Err("not installed")),
            tried(Mechanism::Tmux, Ok("/usr/bin/tm\u{1b}[2Jux")),
        ];
        insta::assert_snapshot!(text(&checks, 100));
    }
}
