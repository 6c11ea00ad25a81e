//! What to run: catalogue, scenario files, knobs and workloads.

pub mod knobs;
pub mod problem;
pub mod spec;
pub mod workload;
pub mod workloads;
