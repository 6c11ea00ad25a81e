//! What recording tasks costs, in instructions: exact where the bench `tasks` is noise. Needs valgrind and an optimised
//! build, and says so where it has not:
//!
//! ```text
//! cargo test --release -p probe --test task_instructions
//! ```
//!
//! Counted is what a poll, and a task from spawn to end, take beyond a runtime without hooks. A look at the time-stamp
//! counter is one instruction here and some ten to sixteen nanoseconds of a real processor: two a poll, and with what is
//! counted here that is all that recording costs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

#[cfg(tokio_unstable)]
mod counted;

const TEST: &str = "hooks_cost_what_they_may";

/// Instead of the usual harness: its threads' instructions would be counted, too.
fn main() {
    #[cfg(tokio_unstable)]
    if counted::work() {
        return;
    }
    let list = std::env::args().any(|argument| argument == "--list");
    let mut filters = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    let wanted = filters.peek().is_none() || filters.any(|filter| TEST.contains(&filter));
    match (wanted, list) {
        (false, _) => {}
        (true, true) => println!("{TEST}: test"),
        #[cfg(tokio_unstable)]
        (true, false) => counted::hooks_cost_what_they_may(),
        #[cfg(not(tokio_unstable))]
        (true, false) => println!("SKIPPED {TEST}: task hooks need --cfg tokio_unstable"),
    }
}
