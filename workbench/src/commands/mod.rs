//! One file a command. Commands read flags, call the library and print; they decide nothing.

mod attach;
mod compare;
mod console;
mod doctor;
mod list;
mod plan_text;
mod run;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use reports::run::store::Store;
use scenarios::catalog::Catalog;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Refusal};
use crate::settings::{self, Place};
use crate::spans;

/// Carries out one command.
pub(crate) fn dispatch(cli: Cli, catalog: &Catalog) -> anyhow::Result<Exit> {
    if !matches!(cli.command, Command::Run(_)) {
        spans::subscribe(cli.verbose, None);
    }
    match cli.command {
        Command::Run(flags) => run::run(&flags, cli.verbose, catalog),
        Command::List(flags) => list::list(&flags, catalog),
        Command::Show(flags) => show::show(&flags),
        Command::Compare(flags) => compare::compare(&flags),
        Command::Attach(flags) => attach::attach(&flags),
        Command::Console(flags) => console::console(&flags, catalog),
        Command::Doctor(flags) => doctor::doctor(&flags),
        // Taken before dispatch: they must not touch the terminal.
        Command::Child | Command::Guard => Ok(Exit::Done),
    }
}

/// The runs of this folder.
fn store() -> anyhow::Result<Store> {
    Ok(match settings::place().context("the working directory")? {
        Place::Given(folder) => Store::at(folder.join(".workbench")),
        Place::Nearest(folder) => Store::discover(&folder),
    })
}

/// A moment of a recording, `2.5s`.
fn moment(at: Option<&str>) -> anyhow::Result<Option<Duration>> {
    at.map(|at| scenarios::knobs::parse_duration(at).map_err(|e| Refusal::usage(format!("`--at` = {at} is not {e}"))))
        .transpose()
}

/// The run that a selector means.
fn selected(selector: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::current_dir().context("the working directory")?;
    store()?.resolve(selector, &folder).map_err(Refusal::usage)
}
