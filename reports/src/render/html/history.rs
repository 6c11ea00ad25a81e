//! `history.html`: one self-contained page about a metric over runs.

use askama::Template;

use super::charts::Picture;
use crate::history::History;
use crate::limits::words::change;
use crate::metric::{self, format_value};
use crate::render::chart::history::{class, svg};
use crate::render::text;
use crate::run::GateVerdict;

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    title: String,
    lead: String,
    picture: Option<Picture>,
    suspects: Vec<Row>,
    points: Vec<Line>,
    notes: Vec<String>,
}

struct Row {
    class: &'static str,
    change: String,
    before: String,
    after: String,
    p: String,
    next: String,
    /// Verdict of the re-run, its class, and the run that it stands in.
    rerun: Option<(&'static str, String, String)>,
}

struct Line {
    run: String,
    at: String,
    commit: String,
    change: String,
    error: String,
    paired: bool,
}

/// The page; `next` has a line for each suspect.
pub fn history(history: &History, next: &[String]) -> String {
    let unit = metric::lookup(&history.metric).map_or("", |metric| metric.unit);
    let page = Page {
        title: format!("{} of {}", metric::words(&history.metric), text::name(&history.scenario)),
        lead: format!(
            "Variant {}, version {} of the scenario, {} runs; the reference is {} ({}).",
            text::name(&history.variant),
            history.scenario_version,
            history.points.len(),
            text::name(&history.reference),
            format_value(history.reference_value, unit)
        ),
        picture: Picture::new(|width| svg(history, width)),
        suspects: history
            .suspects
            .iter()
            .zip(next)
            .map(|(suspect, next)| Row {
                class: class(history, suspect),
                change: change(suspect.ratio),
                before: text::name(&suspect.before),
                after: text::name(&suspect.after),
                p: suspect.p.to_string(),
                next: text::sentence(next),
                rerun: history.rerun(suspect).map(|rerun| {
                    let class = rerun.verdict.map_or("", rerun_class);
                    (class, text::sentence(&rerun.sentence), text::name(rerun.run.as_deref().unwrap_or("")))
                }),
            })
            .collect(),
        points: history
            .points
            .iter()
            .rev()
            .map(|point| Line {
                run: text::name(&point.run),
                at: text::name(&point.at),
                commit: text::name(&point.commit),
                change: change(point.log_ratio.exp()),
                error: point.error.map_or_else(|| "–".to_owned(), |error| format!("±{:.1} %", error * 196.0)),
                paired: point.paired,
            })
            .collect(),
        notes: history.notes.iter().map(|note| text::sentence(note)).collect(),
    };
    page.render().expect("templates without fallible filters render into memory")
}

/// Class of a re-run's cell: what the page colours.
fn rerun_class(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Passed => "improved",
        GateVerdict::Broken | GateVerdict::SubjectFailed => "regressed",
        GateVerdict::CannotTell | GateVerdict::NotComparable => "",
    }
}
