//! What to run: catalogue, scenario files, knobs and workloads.

pub mod catalog;
pub mod file;
pub mod habits;
pub mod knobs;
pub mod objectives;
pub mod problem;
pub mod resolve;
pub mod spec;
pub mod trace;
pub mod workload;
pub mod workloads;
