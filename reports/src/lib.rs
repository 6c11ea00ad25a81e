//! What a run is on disk, statistics, comparison and rendering.

pub mod baseline;
pub mod breach;
pub mod budget;
pub mod compare;
pub mod console;
pub mod findings;
pub mod history;
pub mod limits;
pub mod metric;
pub mod noise;
pub mod render;
pub mod replay;
pub mod run;
pub mod stats;
