//! `workbench gate`.

use std::path::Path;

use reports::limits::OnCannotTell;
use reports::render;
use scenarios::catalog::Catalog;
use scenarios::resolve;

use super::run::{failure, program};
use crate::cli::{self, CannotTell};
use crate::clock::{Clock, SystemClock};
use crate::conductor::Ending;
use crate::events::lines;
use crate::exit::{Exit, Refusal};
use crate::gate::{Against, GateWish, PreparedGate, prepare};
use crate::session::{Amount, Session, Wish};
use crate::{budget, export, plan, signals, slo, spans, ui};

/// Measures both sides, judges the limits, exits by the verdict.
pub(super) fn gate(flags: &cli::Gate, verbosity: u8, catalog: &Catalog) -> anyhow::Result<Exit> {
    let outputs = export::beside(&flags.outputs.outputs).map_err(Refusal::usage)?;
    let asked = flags.error_budget.error_budget.as_ref();
    let budget = asked.map(|asked| budget::record(asked, flags.error_budget.override_budget.clone())).transpose()?;
    let stop = signals::stop_on_interrupt()?;
    let store = super::store()?;
    let PreparedGate { prepared, gate, notes } =
        prepare(&wish(flags)?, catalog, store.root(), &mut |building| ui::remark(building))?;
    for note in &notes {
        ui::remark(note);
    }
    if flags.dry_run {
        ui::result(&super::run::dry_run(&prepared.plan, flags.json)?)?;
        return Ok(Exit::Done);
    }
    if let Some(budget) = budget.as_ref().filter(|budget| slo::is_frozen(budget)) {
        // Before anything is measured: nothing of it could be released.
        export::write_frozen(&outputs, &prepared.plan.scenario, budget)?;
        return Err(slo::frozen(budget));
    }
    let session = Session::create(prepared, &store)?.with_budget(budget);
    spans::subscribe(verbosity, Some(session.log()?));
    announce(&session, gate.looks());
    let plan = session.plan();
    let names = plan.variants.iter().map(|variant| variant.name.as_str());
    let mut progress = ui::Progress::new(plan::trial_seconds(&plan.phases), plan.blocks, names);
    let result = if flags.events {
        let run = session.id().to_owned();
        session.run_gated(gate, &mut ui::EventLines::new(&run, &mut progress), &stop)
    } else {
        session.run_gated(gate, &mut progress, &stop)
    };
    progress.clear();
    let (ending, summary) = result?;
    let Some(outcome) = &summary.gate else { anyhow::bail!("the gate left no verdict in {}", summary.path) };
    export::write(&outputs, &summary, Path::new(&summary.path))?;
    if flags.events {
        ui::event(&lines::result(&summary, &SystemClock.now()));
    } else if flags.json {
        ui::result(&render::json::document(&summary))?;
    } else {
        ui::result(&render::terminal::gate(&summary, outcome, ui::color(), ui::width()))?;
    }
    match &ending {
        Ending::Complete => {}
        Ending::Interrupted => ui::remark("interrupted: what was measured is kept, and decides nothing"),
        Ending::SubjectFailed { reason, stderr } if outcome.exit == Exit::SubjectFailed as u8 => {
            return Err(Refusal::subject(failure(reason, stderr)));
        }
        Ending::SubjectFailed { reason, stderr } => ui::remark(&failure(reason, stderr)),
        Ending::Refused(message) => return Err(Refusal::usage(message)),
    }
    Ok(Exit::of(outcome.exit))
}

/// The flags as a wish.
fn wish(flags: &cli::Gate) -> anyhow::Result<GateWish> {
    let set = flags.set.iter().map(|s| resolve::parse_set(s)).collect::<Result<_, _>>().map_err(Refusal::usage)?;
    let against = match (&flags.against, &flags.against_rev, &flags.against_variant) {
        (Some(name), ..) => Against::Baseline(name.clone()),
        (_, Some(revision), _) => Against::Revision { revision: revision.clone(), build: flags.build.clone() },
        (_, _, Some(name)) => Against::Variant(name.clone()),
        _ if !flags.program.vary_cmd.is_empty() => Against::First,
        _ => {
            return Err(Refusal::usage(
                "against what? `--against BASELINE` (kept by `run --save-as`), `--against-rev main`, `--against-variant NAME`, \
                 or two programs by `--vary-cmd base=./old --vary-cmd new=./new`",
            ));
        }
    };
    if against != Against::First && !flags.program.vary_cmd.is_empty() {
        return Err(Refusal::usage("`--vary-cmd` names both sides of a gate: leave `--against…` out, or it"));
    }
    let program = program(&flags.program, matches!(against, Against::First))?;
    let starts = program.target.is_some() || !program.command.is_empty() || !program.variants.is_empty();
    let otherwise = if starts { "" } else { "http-service" };
    let mut variants: Vec<String> = flags.variant.iter().cloned().collect();
    if let (Against::Variant(name), false) = (&against, variants.is_empty()) {
        variants.push(name.clone());
    }
    Ok(GateWish {
        run: Wish {
            scenario: flags.scenario.clone().unwrap_or_else(|| otherwise.to_owned()),
            program: (!program.is_empty()).then_some(program),
            set,
            variants,
            amount: Amount::AsTheScenarioSays,
            evidence: Some(Vec::new()),
            seed: flags.seed,
            ..Wish::default()
        },
        against,
        candidate: flags.candidate.clone(),
        limits: flags.limit.clone(),
        budget: super::duration("--for", flags.budget.as_deref())?,
        pairs: flags.trials,
        on_cannot_tell: match flags.cannot_tell {
            CannotTell::Pass => OnCannotTell::Pass,
            CannotTell::Fail => OnCannotTell::Fail,
        },
    })
}

fn announce(session: &Session, looks: &[usize]) {
    let plan = session.plan();
    let looks: Vec<String> = looks.iter().map(ToString::to_string).collect();
    ui::remark(&format!(
        "{}: at most {} pairs, looks at {}, about {:.0} s (seed {})",
        plan.scenario,
        plan.blocks,
        looks.join(", "),
        session.estimate_s(),
        plan.seed
    ));
}
