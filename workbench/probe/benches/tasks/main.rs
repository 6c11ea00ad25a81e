//! What recording tasks costs, in ratios to the bare runtime: see [`measured`]. Tasks are recorded with `tokio_unstable` only.

#![expect(clippy::print_stdout, reason = "a bench reports there")]

#[cfg(tokio_unstable)]
mod measured;
#[cfg(tokio_unstable)]
mod ratios;
#[cfg(tokio_unstable)]
mod works;

#[cfg(tokio_unstable)]
#[global_allocator]
static GLOBAL: probe::allocator::Selectable = probe::allocator::Selectable;

fn main() {
    #[cfg(tokio_unstable)]
    measured::main();
    #[cfg(not(tokio_unstable))]
    println!("SKIPPED: built without `--cfg tokio_unstable`, tasks cannot be recorded");
}
