//! Everything that is shown of a recording at one moment.

use serde::Serialize;

use super::agreement::{self, Agreement};
use super::observe::{self, Observation};
use super::resources::{self, ResourceGroup};
use super::sites::{self, TaskSite};
use super::state::State;
use crate::run::console::{EndReason, Ending, Entry, Recording};

/// A recording at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// The moment, seconds since the recording began.
    pub at_s: f64,
    /// How long the recording is, seconds.
    pub length_s: f64,
    /// Updates up to that moment.
    pub updates: u64,
    /// Tasks seen up to then.
    pub tasks: u64,
    /// Polls up to then.
    pub polls: u64,
    /// Where the recording ended otherwise than with the load, or broke off in between: what that means.
    pub doubts: Vec<String>,
    /// Whether the recording saw what happened.
    pub agreement: Agreement,
    /// What is conspicuous; nothing where the recording cannot be relied on.
    pub observations: Vec<Observation>,
    /// Tasks by site, the busiest first.
    pub sites: Vec<TaskSite>,
    /// Resources by place, what was waited on longest first.
    pub resources: Vec<ResourceGroup>,
}

/// The recording `at_ns` after its begin; at its end where there is none or it lies beyond.
pub fn view(recording: &Recording, at_ns: Option<u64>) -> View {
    let end_ns = recording.end_ns();
    let state = State::at(recording, at_ns.unwrap_or(end_ns));
    let agreement =
        if state.at_ns == end_ns { agreement::check(&state) } else { agreement::check(&State::at(recording, end_ns)) };
    let sites = sites::sites(&state);
    let resources = resources::groups(&state);
    let observations = if agreement.trusted() { observe::observations(&state, &sites, &resources) } else { Vec::new() };
    View {
        at_s: state.at_ns as f64 / 1e9,
        length_s: end_ns as f64 / 1e9,
        updates: state.updates as u64,
        tasks: state.tasks.len() as u64,
        polls: sites.iter().map(|site| site.polls).sum(),
        doubts: doubts(recording),
        agreement,
        observations,
        sites,
        resources,
    }
}

fn doubts(recording: &Recording) -> Vec<String> {
    let mut doubts: Vec<String> = recording
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Gap(gap) => Some(format!(
                "the stream broke off and was taken up again {:.1} s after the begin ({}): tasks that lived only meanwhile are \
                 missing",
                gap.at as f64 / 1e9,
                gap.because
            )),
            _ => None,
        })
        .collect();
    let end_s = recording.end_ns() as f64 / 1e9;
    match &recording.ending {
        Ending::Torn { .. } => doubts.push(format!(
            "the recording has no end: whoever wrote it was stopped; it tells of the first {end_s:.1} s"
        )),
        Ending::Stated(end) => {
            match &end.reason {
                EndReason::Stopped => {}
                EndReason::Cap => doubts.push(format!(
                    "cut at {end_s:.1} s because the cap of {} MiB was reached",
                    recording.header.cap_bytes >> 20
                )),
                EndReason::CutOff { because } => {
                    doubts.push(format!("cut off at {end_s:.1} s: {because}"));
                }
            }
            if end.without_details > 0 {
                doubts.push(format!(
                    "histograms of {} tasks were not asked for: so many streams were open already",
                    end.without_details
                ));
            }
        }
    }
    doubts
}
