//! The library behind the `workbench` command.
//!
//! A crate with workloads of its own gets the whole command line by handing its catalogue to [`main`].

pub mod attach;
pub mod baseline;
pub mod binary;
pub mod budget;
pub mod build_info;
pub mod child;
mod cli;
pub mod clock;
mod commands;
pub mod companion;
pub mod conductor;
pub mod console;
mod digest;
pub mod doctor;
pub mod events;
pub mod evidence;
pub mod exit;
pub mod export;
mod findings;
pub mod gate;
pub mod history;
pub mod init;
pub mod load;
pub mod machine;
mod noise;
pub mod plan;
pub mod program_wish;
pub mod recording;
pub mod report;
pub mod session;
pub mod settings;
mod signals;
pub mod slo;
mod spans;
pub mod subject;
pub mod ui;

use std::process::ExitCode;

use clap::Parser;

pub use scenarios::catalog::Catalog;
pub use scenarios::workload;

/// Every program that links this library measures itself through the selectable allocator.
#[global_allocator]
static ALLOCATOR: probe::allocator::Selectable = probe::allocator::Selectable;

/// Runs the command line over a catalogue of scenarios; the return value of a `main`.
pub fn main(catalog: &Catalog) -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own code for bad flags is 2, and 0 for --help and --version.
            let code = if error.use_stderr() { exit::Exit::Usage } else { exit::Exit::Done };
            let _ = error.print();
            return code.into();
        }
    };
    match cli.command {
        cli::Command::Child => return child::main(catalog),
        cli::Command::Guard => {
            subject::guard::serve(std::io::stdin().lock());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    match commands::dispatch(cli, catalog) {
        Ok(exit) => exit.into(),
        Err(error) => {
            ui::error(&error);
            exit::code_of(&error).into()
        }
    }
}
