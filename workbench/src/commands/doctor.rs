//! `workbench doctor`.

use crate::cli::Doctor;
use crate::doctor::{Health, Surroundings, examine};
use crate::exit::Exit;
use crate::ui;

/// Prints every check, and for what is not good, how to mend it.
pub(super) fn doctor(flags: &Doctor) -> anyhow::Result<Exit> {
    let checks = examine(&Surroundings::look());
    if flags.json {
        ui::result(&serde_json::to_string_pretty(&checks)?)?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for check in &checks {
        let mark = match check.health {
            Health::Good => "✓",
            Health::Notice => "!",
            Health::Bad => "✗",
        };
        text.push_str(&format!("{mark} {:16} {}\n", check.name, check.found));
        if !check.fix.is_empty() {
            text.push_str(&format!("{:19}→ {}\n", "", check.fix));
        }
    }
    let bad = checks.iter().filter(|c| c.health == Health::Bad).count();
    let notices = checks.iter().filter(|c| c.health == Health::Notice).count();
    text.push_str(&format!("{} checks: {bad} to mend, {notices} to know\n", checks.len()));
    ui::result(&text)?;
    Ok(Exit::Done)
}
