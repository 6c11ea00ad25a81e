//! The programs that CI looks at, without what the others need: they build in an eighth of the time.

use std::process::ExitCode;

mod command;
mod http;

mod backoff;
mod ticket;
mod token_refresh;

use command::{Program, Twin};

const PROGRAMS: &[(&str, Program)] =
    &[("backoff", backoff::run), ("ticket", ticket::run), ("token-refresh", token_refresh::run)];

fn main() -> ExitCode {
    command::run(PROGRAMS)
}
