//! `workbench console --replay`.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use reports::run::console::Recording;
use reports::run::reader::{self, LoadedRun};

use crate::cli::Console;
use crate::console::viewer::{self, Viewer};
use crate::exit::{Exit, Refusal};
use crate::{console, recording, signals, ui};

/// Serves the recording of a run and opens tokio-console on it.
pub(super) fn replay(flags: &Console, selector: &str) -> anyhow::Result<Exit> {
    let stop = signals::stop_on_interrupt()?;
    let run = reader::load(&super::selected(selector)?).map_err(Refusal::usage)?;
    let (variant, recording) = recorded(&run, flags.variant.as_deref())?;
    if !(flags.speed.is_finite() && flags.speed > 0.0) {
        return Err(Refusal::usage(format!("`--speed` = {} is out of range: more than 0", flags.speed)));
    }
    let deadline = super::duration("--for", flags.duration.as_deref())?.map(|duration| Instant::now() + duration);
    let installed = console::find_viewer();
    let opens = !flags.no_ui && viewer::has_terminal();
    let viewer: RefCell<Option<Viewer>> = RefCell::new(None);
    let seconds = reports::metric::format_value(recording.end_ns() as f64 / 1e9, "s");
    let ready = |address: SocketAddr| -> anyhow::Result<()> {
        let command = viewer::command_line(address);
        let mut text = format!("{} of {}, {seconds} long, is replayed for\n    {command}\n", variant, run.id);
        if installed.is_none() {
            text.push_str(&format!("{} is not installed: `{}`\n", console::PROGRAM, viewer::INSTALL));
        }
        let end = if opens && installed.is_some() { "`q` there" } else { "Ctrl-C" };
        text.push_str(&format!("It begins when somebody connects and stands still at its end; {end} ends it.\n"));
        ui::result(&text)?;
        if let Some(program) = installed.as_deref().filter(|_| opens) {
            *viewer.borrow_mut() = Some(Viewer::open(program, address, "replay")?);
        }
        Ok(())
    };
    let over = || {
        stop.load(Ordering::Relaxed)
            || deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || viewer.borrow_mut().as_mut().is_some_and(Viewer::has_ended)
    };
    recording::replay(recording, flags.speed, flags.port, ready, over).map_err(|error| {
        let taken = |io: &std::io::Error| io.kind() == std::io::ErrorKind::AddrInUse;
        if error.downcast_ref().is_some_and(taken) {
            return Refusal::usage(format!(
                "port {} is taken by another program: choose another with `--port`, 0 for any free one",
                flags.port
            ));
        }
        error
    })?;
    Ok(Exit::Done)
}

/// The recording of the variant asked for, or of the first that has one.
fn recorded(run: &LoadedRun, asked: Option<&str>) -> anyhow::Result<(String, Recording)> {
    let names: Vec<&str> = run.plan.variants.iter().map(|variant| variant.name.as_str()).collect();
    if let Some(asked) = asked.filter(|asked| !names.contains(asked)) {
        return Err(Refusal::usage(format!("{} has no variant `{asked}`: it has {}", run.id, names.join(", "))));
    }
    for name in names.into_iter().filter(|name| asked.is_none_or(|asked| asked == *name)) {
        if let Some(recording) = run.console(name).map_err(Refusal::usage)? {
            return Ok((name.to_owned(), recording));
        }
    }
    let whose = asked.map(|name| format!(" of `{name}`")).unwrap_or_default();
    Err(Refusal::usage(format!(
        "{} has no recording of tokio-console{whose}: `workbench run {} --evidence console` makes one",
        run.id, run.plan.scenario
    )))
}
