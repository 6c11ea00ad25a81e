//! The command as a person types it: the real program, its messages, exit codes and run directories.

mod attach;
mod attach_secure;
mod ci;
mod console;
mod counters;
mod damage;
mod endpoints;
mod gate;
mod github;
mod input;
mod json_schema;
mod knobs;
mod listing;
mod measured;
mod moments;
mod output;
mod plans;
mod program;
mod recordings;
mod refusals;
mod reruns;
mod revisions;
mod sample;
mod selectors;
mod stalls;
mod waits;
