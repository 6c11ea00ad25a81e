//! `workbench completions` and `workbench man`: what clap knows of the command line, for a shell and for man.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::ci::{Completions, Man};
use crate::exit::Exit;
use crate::ui;

/// Prints the script that completes this command in a shell.
pub(super) fn completions(flags: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut command(), name(), &mut script);
    ui::result(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// Prints the page of the whole command, or writes one of every command into a folder.
pub(super) fn man(flags: &Man) -> anyhow::Result<Exit> {
    match &flags.out {
        Some(folder) => {
            let told = || format!("cannot write pages into {}", folder.display());
            std::fs::create_dir_all(folder).with_context(told)?;
            let pages = pages(folder).with_context(told)?;
            ui::remark(&format!(
                "{pages} pages in {}: `man -l {}`",
                folder.display(),
                folder.join(format!("{}.1", name())).display()
            ));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(described()).render(&mut page)?;
            ui::result(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(Exit::Done)
}

fn pages(folder: &Path) -> std::io::Result<usize> {
    clap_mangen::generate_to(described(), folder)?;
    Ok(std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "1"))
        .count())
}

fn command() -> clap::Command {
    Cli::command().name(name())
}

/// As a page has it: every page bears the version at its foot, and how it was built does not fit there.
fn described() -> clap::Command {
    command().long_version(None::<&'static str>)
}

/// The program's own name: a user's crate with its own workloads has another.
fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let program = std::env::current_exe().ok();
        let name = program.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| "workbench".to_owned())
    })
}
