//! What a run is on disk, statistics, comparison and rendering.

pub mod render;
pub mod run;
