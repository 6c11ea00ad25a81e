//! One file a command. Commands read flags, call the library and print; they decide nothing.

mod attach;
mod baseline;
mod compare;
mod completions;
mod console;
mod doctor;
mod explain;
mod export;
mod gate;
mod history;
mod init;
mod list;
mod plan_text;
mod replay;
mod run;
mod schema;
mod show;
mod slo;

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
    if !matches!(cli.command, Command::Run(_) | Command::Gate(_)) {
        spans::subscribe(cli.verbose, None);
    }
    match cli.command {
        Command::Run(flags) => run::run(&flags, cli.verbose, catalog),
        Command::List(flags) => list::list(&flags, catalog),
        Command::Show(flags) => show::show(&flags),
        Command::Explain(flags) => explain::explain(&flags),
        Command::Compare(flags) => compare::compare(&flags),
        Command::Gate(flags) => gate::gate(&flags, cli.verbose, catalog),
        Command::History(flags) => history::history(&flags, catalog),
        Command::Baseline(flags) => baseline::baseline(&flags),
        Command::Attach(flags) => attach::attach(&flags),
        Command::Console(flags) => match &flags.replay {
            Some(run) => replay::replay(&flags, run),
            None => console::console(&flags, catalog),
        },
        Command::Init(flags) => init::init(&flags),
        Command::Completions(flags) => completions::completions(&flags),
        Command::Man(flags) => completions::man(&flags),
        Command::Schema(flags) => schema::schema(&flags),
        Command::Export(flags) => export::export(&flags),
        Command::Slo(flags) => slo::slo(&flags.command, catalog),
        Command::Doctor(flags) if flags.noise => doctor::noise(&flags, catalog),
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

/// The duration that a flag states, `2.5s`.
fn duration(flag: &str, text: Option<&str>) -> anyhow::Result<Option<Duration>> {
    let parsed = text.map(|text| {
        scenarios::knobs::parse_duration(text).map_err(|e| Refusal::usage(format!("`{flag}` = {text} is not {e}")))
    });
    parsed.transpose()
}

/// The run that a selector means.
fn selected(selector: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::current_dir().context("the working directory")?;
    store()?.resolve(selector, &folder).map_err(Refusal::usage)
}
