//! Settles what a history suspects: the two programs around a change, measured side by side.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reports::baseline::Shelf;
use reports::history::{History, Rerun, Suspect};
use reports::limits::OnCannotTell;
use reports::metric::{self, Better};
use reports::run::store::Store;
use scenarios::catalog::Catalog;

use crate::conductor::Ending;
use crate::events::Listener;
use crate::gate::{Against, GateWish, PreparedGate, prepare};
use crate::session::{Session, Wish};

/// What a person can do about a suspect: the command that measures both programs side by side, or what it lacks.
pub fn next(history: &History, suspect: &Suspect, shelf: &Shelf) -> String {
    if same_program(suspect) {
        return SAME.to_owned();
    }
    let (before, after) = (kept(shelf, &suspect.before_binary), kept(shelf, &suspect.after_binary));
    match (before, after) {
        (Some(before), Some(after)) => format!(
            "workbench gate {} --variant {} --against {before} --candidate {after} --limit '{}'",
            history.scenario,
            history.variant,
            limit(&history.metric)
        ),
        (None, _) => not_kept(&suspect.before),
        (_, None) => not_kept(&suspect.after),
    }
}

/// Why there is nothing to measure side by side.
const SAME: &str = "both runs measured the very same program: the machine or the settings changed, not the code";

fn same_program(suspect: &Suspect) -> bool {
    suspect.before_binary == suspect.after_binary && !suspect.before_binary.is_empty()
}

fn not_kept(run: &str) -> String {
    format!("the program of {run} was not kept: `workbench run … --save-as NAME` keeps those to come")
}

/// The baseline that keeps a program.
fn kept(shelf: &Shelf, binary: &str) -> Option<String> {
    if binary.is_empty() {
        return None;
    }
    let all = shelf.list().ok()?;
    let holds = |(name, baseline): (String, Result<reports::baseline::Baseline, _>)| {
        let programs = baseline.ok()?.programs;
        let program = programs.iter().find(|program| program.hash == binary)?;
        shelf.program(&program.hash, &program.file).is_file().then_some(name)
    };
    all.into_iter().find_map(holds)
}

/// The limit whose breaking would confirm a change for the worse.
fn limit(name: &str) -> String {
    let about = metric::lookup(name);
    let percent = about.map_or(3.0, |metric| metric.minimum_effect * 100.0);
    match about.map(|metric| metric.better) {
        Some(Better::Higher) => format!("{name}>-{percent}%"),
        _ => format!("{name}<+{percent}%"),
    }
}

/// Measures both programs around a change, where both were kept. How it ended, where anything was measured, stands beside
/// what it came to.
///
/// # Errors
/// Whatever keeps a gate from being run.
#[expect(clippy::too_many_arguments, reason = "what is settled, where, and who listens")]
pub fn settle(
    history: &History,
    suspect: &Suspect,
    shelf: &Shelf,
    store: &Store,
    catalog: &Catalog,
    budget: Option<Duration>,
    listener: &mut dyn Listener,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<(Rerun, Option<Ending>)> {
    let told = |run, verdict, sentence| {
        let (before, after) = (suspect.before.clone(), suspect.after.clone());
        Rerun { before, after, run, verdict, sentence }
    };
    if same_program(suspect) {
        return Ok((told(None, None, SAME.to_owned()), None));
    }
    let (before, after) = match (kept(shelf, &suspect.before_binary), kept(shelf, &suspect.after_binary)) {
        (Some(before), Some(after)) => (before, after),
        (None, _) => return Ok((told(None, None, not_kept(&suspect.before)), None)),
        (_, None) => return Ok((told(None, None, not_kept(&suspect.after)), None)),
    };
    let wish = GateWish {
        run: Wish {
            scenario: history.scenario.clone(),
            variants: vec![history.variant.clone()],
            evidence: Some(Vec::new()),
            ..Wish::default()
        },
        against: Against::Baseline(before),
        candidate: Some(after),
        limits: vec![limit(&history.metric)],
        budget,
        pairs: None,
        on_cannot_tell: OnCannotTell::Pass,
    };
    let PreparedGate { prepared, gate, .. } = prepare(&wish, catalog, store.root(), &mut |_| {})?;
    let (ending, summary) = Session::create(prepared, store)?.run_gated(gate, listener, stop)?;
    let (verdict, sentence) = summary.gate.as_ref().map(|gate| (gate.verdict, gate.sentence.clone())).unzip();
    Ok((told(Some(summary.run.clone()), verdict, sentence.unwrap_or_default()), Some(ending)))
}
