//! tokio-console, recorded and replayed: a client that writes down what the server in a subject says, and a server that
//! says it again.

mod from_wire;
mod player;
mod recorder;
mod replay;
mod streams;
#[cfg(test)]
mod tests;
mod to_wire;

pub use player::{Player, listen};
pub use recorder::{Limits, Recorder, RecordingError};
pub use replay::replay;
