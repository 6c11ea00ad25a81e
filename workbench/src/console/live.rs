//! A live look: subject, load and viewer from the first to the last.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use scenarios::catalog::Catalog;
use scenarios::resolve::{Resolved, resolve};
use scenarios::spec::Scenario;

use super::viewer::{self, Viewer};
use crate::companion::Companion;
use crate::conductor::disagreement;
use crate::exit::Refusal;
use crate::subject::builtin::BuiltinSubject;
use crate::subject::builtin::live::{Live, Seen};
use crate::subject::guard::Guard;
use crate::subject::last_words::last_words;
use crate::subject::{Subject, SubjectError};

/// The longest phase: nobody waits longer than this for a subject that drives itself to end.
const ROUND: Duration = Duration::from_secs(2);

/// How often somebody looks whether it is over.
const GLANCE: Duration = Duration::from_millis(50);

/// What somebody wants to look at.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Name in the catalogue, or path of a scenario file.
    pub scenario: String,
    /// Variant; the first where none is named.
    pub variant: Option<String>,
    /// Settings.
    pub set: Vec<(String, String)>,
    /// Port for tokio-console, 0 for any.
    pub port: u16,
    /// How long; else until stopped.
    pub duration: Option<Duration>,
    /// The tokio-console program to open in this terminal, if any.
    pub viewer: Option<PathBuf>,
    /// Seed of the load.
    pub seed: u64,
}

/// What somebody should know meanwhile.
#[derive(Debug)]
pub enum News<'a> {
    /// Something takes long.
    Working(&'a str),
    /// tokio-console can connect.
    Attached {
        /// Scenario.
        scenario: &'a str,
        /// Variant.
        variant: &'a str,
        /// Where.
        address: SocketAddr,
        /// The command that connects.
        command: &'a str,
    },
}

/// Starts the subject, opens the viewer, and drives until `stop` is set, the time is up or the viewer is left.
///
/// # Errors
/// A [`Refusal`] for whatever is wrong with the wish, the subject, or with what is installed.
pub fn look(
    wish: &Wish,
    catalog: &Catalog,
    stop: &Arc<AtomicBool>,
    hear: &mut dyn FnMut(&News<'_>),
) -> anyhow::Result<Seen> {
    let scenario = catalog.load(&wish.scenario).map_err(Refusal::usage)?;
    if scenario.subject.is_some() {
        return Err(Refusal::usage(format!(
            "`{}` starts a program that is not ours: if it has console-subscriber in it, start it and run `tokio-console`",
            scenario.name
        )));
    }
    // Chosen before settings are: others may become the same by them, and are not to run.
    let first = || scenario.variants.first().map(|variant| variant.name.clone());
    let only: Vec<String> = wish.variant.clone().or_else(first).into_iter().collect();
    let Resolved { mut scenario, variants, .. } = resolve(&scenario, &wish.set, &[], &only).map_err(Refusal::usage)?;
    let variant = variants.first().context("a scenario without a variant")?;
    let program = Companion::Console.find_or_build(&mut |text| hear(&News::Working(text))).map_err(Refusal::usage)?;
    shorten(&mut scenario);
    let guard = Guard::start().context("starting the guard process")?;
    let mut subject =
        BuiltinSubject::new(&scenario, &variants, wish.seed, "console", Arc::clone(&guard), Arc::clone(stop));
    let effective = subject.preflight(&variant.name).map_err(refused)?;
    if let Some(message) = disagreement(&variant.settings, &effective) {
        return Err(Refusal::usage(message));
    }
    let over = AtomicBool::new(false);
    let live = Live { variant: &variant.name, program: &program, port: wish.port, over: &over };
    let deadline = wish.duration.map(|duration| Instant::now() + duration);
    let seen = std::thread::scope(|scope| {
        let seen = subject.live(&live, &mut |attached| {
            let command = viewer::command_line(attached.address);
            hear(&News::Attached {
                scenario: &scenario.name,
                variant: &variant.name,
                address: attached.address,
                command: &command,
            });
            let viewer = wish
                .viewer
                .as_deref()
                .map(|program| Viewer::open(program, attached.address, attached.marker))
                .transpose()
                .map_err(|error| SubjectError::Ours(format!("`{command}` does not start: {error}")))?;
            let (stop, over) = (&**stop, &over);
            scope.spawn(move || wait(viewer, deadline, stop, over));
            Ok(())
        });
        // However it came to its end.
        over.store(true, Ordering::Relaxed);
        seen
    });
    seen.map_err(refused)
}

/// Sets `over` as soon as anybody has seen enough; ends the viewer.
fn wait(mut viewer: Option<Viewer>, deadline: Option<Instant>, stop: &AtomicBool, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed)
        && !stop.load(Ordering::Relaxed)
        && deadline.is_none_or(|deadline| Instant::now() < deadline)
        && !viewer.as_mut().is_some_and(Viewer::has_ended)
    {
        std::thread::sleep(GLANCE);
    }
    over.store(true, Ordering::Relaxed);
}

/// Shortens the phases: they are repeated anyway.
fn shorten(scenario: &mut Scenario) {
    let trial = &mut scenario.trial;
    trial.warmup = trial.warmup.min(ROUND);
    trial.saturated = trial.saturated.min(ROUND);
    if scenario.load.operations > 0 && scenario.load.rate > 0.0 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of operations")]
        let fits = (scenario.load.rate * ROUND.as_secs_f64()).ceil() as u64;
        scenario.load.operations = scenario.load.operations.min(fits.max(1));
    }
}

/// What a subject did wrong, with the exit code that `run` would give.
fn refused(error: SubjectError) -> anyhow::Error {
    match error {
        SubjectError::Refused(message) => Refusal::usage(message),
        SubjectError::Interrupted => {
            Refusal { exit: crate::exit::Exit::Interrupted, message: "interrupted before the subject was ready".into() }
                .into()
        }
        SubjectError::Failed { reason, stderr } => {
            let lines = last_words(&stderr).into_iter().map(reports::render::printable).collect::<Vec<_>>();
            let said = if lines.is_empty() {
                String::new()
            } else {
                format!("\n  its last words:\n    {}", lines.join("\n    "))
            };
            Refusal::subject(format!("subject failed: {reason}{said}"))
        }
        error @ SubjectError::Start { .. } => Refusal::subject(error),
        SubjectError::Ours(message) => anyhow::anyhow!(message),
    }
}
