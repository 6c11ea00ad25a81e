//! An attachment as a run: a directory without trials, readable by whatever reads runs.

use reports::run::store::Store;
use reports::run::writer::{RunName, RunWriter};
use reports::run::{Attached, Event, FORMAT, Origin, Phases, Plan, PlannedVariant, RunSummary, Settings, Status};

use crate::clock::{Clock, SystemClock};
use crate::{build_info, machine, report, session};

/// Opens a run whose only variant is the program.
///
/// # Errors
/// A directory that cannot be written.
pub(super) fn open(store: &Store, origin: &Origin) -> anyhow::Result<RunWriter> {
    let plan = plan(origin);
    let whom = origin.url.clone().or_else(|| origin.pid.map(|pid| format!("process {pid}"))).unwrap_or_default();
    // A line of its own kind: nothing was planned, so that there is no scenario.
    let scenario = format!("# attached to {}\n", whom.escape_debug());
    let name = RunName { stamp: &SystemClock.stamp(), letters: &session::letters() };
    let mut writer = RunWriter::create(store.root(), name, &plan, &scenario, &machine::read())?;
    writer.event(&Event::RunStarted { at: SystemClock.now(), resumed: false })?;
    Ok(writer)
}

/// Writes what was seen, and the report.
///
/// # Errors
/// Files that cannot be written.
pub(super) fn conclude(mut writer: RunWriter, seen: &Attached) -> anyhow::Result<RunSummary> {
    let status = if seen.is_empty() { Status::Failed } else { Status::Complete };
    writer.attached(seen)?;
    writer.event(&Event::RunFinished { at: SystemClock.now(), status })?;
    report::write(&mut writer, status, &SystemClock.now())
}

fn plan(origin: &Origin) -> Plan {
    let summary = match (&origin.url, origin.pid) {
        (Some(url), _) => format!("asked at {url}"),
        (None, Some(pid)) => format!("process {pid}, watched from outside"),
        (None, None) => String::new(),
    };
    Plan {
        format: FORMAT,
        scenario: format!("attach-{}", origin.program),
        scenario_version: 1,
        scenario_hash: String::new(),
        seed: 0,
        blocks: 0,
        variants: vec![PlannedVariant {
            name: origin.program.clone(),
            summary,
            requested: Settings::new(),
            command: Vec::new(),
        }],
        trials: Vec::new(),
        schedule_hashes: Vec::new(),
        incident: false,
        phases: Phases {
            warmup_s: 0.0,
            saturated_s: 0.0,
            operations: 0,
            rate: 0.0,
            arrivals: String::new(),
            concurrency: 0,
            timeout_s: 0.0,
            background: Vec::new(),
            ladder: None,
        },
        cpu: None,
        heap: None,
        stall_after_s: None,
        task_waits: None,
        attached: Some(origin.clone()),
        slo: None,
        late: None,
        target: None,
        build: build_info::read(),
    }
}
