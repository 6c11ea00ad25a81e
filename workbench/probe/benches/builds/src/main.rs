//! What `--cfg tokio_unstable`, tokio's features and frame pointers cost, each apart from the others.
//!
//! They are decided when a program is built, so this one is built several ways and its builds then run in turns:
//!
//! ```text
//! cargo run --release -p builds -- compare [ROUNDS]
//! ```
//!
//! builds what is missing into `target/builds/NAME`, one small program of tokio alone each, then runs rounds: every build
//! once a round, in random order. Shown are medians of the ratios within rounds, with intervals of 95 %.
//! `cargo run --release -p builds` measures the build that it is.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![expect(clippy::print_stdout, reason = "a bench reports there")]

mod compare;
#[path = "../../tasks/ratios.rs"]
mod ratios;
#[path = "../../tasks/works.rs"]
mod works;

use tokio::runtime::Builder;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        None => own_figures(),
        Some("compare") => compare::run(arguments.get(1).map_or(15, |rounds| rounds.parse().unwrap())),
        Some(other) => panic!("`{other}`: nothing, or `compare [ROUNDS]`"),
    }
}

/// Wall and CPU nanoseconds an operation, a line for each kind of work.
fn own_figures() {
    for (_, operations, work) in works::WORKS {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let cost = ratios::measure(&runtime, operations, work);
        println!("{} {}", cost.wall, cost.cpu);
    }
}
