//! `workbench doctor`.

use std::sync::atomic::Ordering;

use scenarios::catalog::Catalog;

use crate::cli::Doctor;
use crate::conductor::Ending;
use crate::doctor::{Check, Health, Surroundings, examine, examine_binary, noise};
use crate::exit::{Exit, Refusal};
use crate::session::Session;
use crate::{signals, ui};

/// Prints every check, what needs it, and for what is not good, how to mend it.
pub(super) fn doctor(flags: &Doctor) -> anyhow::Result<Exit> {
    let checks = match &flags.binary {
        Some(path) => examine_binary(path).map_err(Refusal::usage)?,
        None => examine(&Surroundings::look()),
    };
    ui::result(&if flags.json { serde_json::to_string_pretty(&checks)? } else { text(&checks, ui::width()) })?;
    Ok(Exit::Done)
}

/// Measures two identical programs and says what change would be seen.
pub(super) fn noise(flags: &Doctor, catalog: &Catalog) -> anyhow::Result<Exit> {
    let stop = signals::stop_on_interrupt()?;
    let budget = super::duration("--for", flags.budget.as_deref())?.unwrap_or(noise::FOR);
    let session = Session::create(noise::prepared(budget, catalog)?, &super::store()?)?;
    let (plan, seconds) = (session.plan(), session.estimate_s());
    ui::remark(&format!("{} pairs of two identical programs, about {seconds:.0} s", plan.blocks));
    #[allow(clippy::cast_precision_loss, reason = "a number of trials")]
    let trial_s = seconds / session.left().max(1) as f64;
    let names: Vec<String> = plan.variants.iter().map(|variant| variant.name.clone()).collect();
    let mut progress = ui::Progress::new(trial_s, plan.blocks, names.iter().map(String::as_str));
    let over = noise::bound(&stop, budget);
    let result = session.run(&mut progress, &stop);
    progress.clear();
    let (ending, summary) = result?;
    let exit = match ending {
        Ending::Complete => Exit::Done,
        // The time that was given is up: what there is counts.
        Ending::Interrupted if over.load(Ordering::SeqCst) => Exit::Done,
        Ending::Interrupted => Exit::Interrupted,
        Ending::SubjectFailed { reason, .. } => return Err(Refusal::subject(reason)),
        Ending::Refused(message) => return Err(Refusal::usage(message)),
    };
    let found = noise::read(summary.path.as_ref())?;
    ui::result(&if flags.json { serde_json::to_string_pretty(&found)? } else { reports::noise::text(&found) })?;
    ui::remark(&format!("the trials are in {}", summary.path));
    Ok(exit)
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
