//! `report.html`: one self-contained page.
//!
//! It loads nothing: styles, script and pictures are in it, and a content security policy keeps even a hostile
//! flamegraph from asking the network for anything. Scripts only add comfort. Every text has been through
//! the `text` module before it reaches the template, and askama escapes it there.

mod allocator;
mod attached;
mod breach;
mod charts;
mod console;
mod drain;
mod driver;
mod evidence;
mod findings;
mod gate;
mod header;
mod heap;
mod history;
mod host;
mod intervals;
mod ladder;
mod method;
mod movers;
mod operations;
mod proof;
mod prose;
mod result;
mod settings;
mod stalls;
mod tasks;
#[cfg(test)]
mod tests;
mod trace;
mod variants;
mod viewer;
mod waits;

use askama::Template;

pub use history::history;

use super::Page;
use variants::Variants;

/// The page as the template sees it, one field per section.
#[derive(Template)]
#[template(path = "report.html")]
struct Report {
    header: header::Header,
    gate: Option<gate::Section>,
    result: result::Result,
    charts: Vec<charts::Chart>,
    measured: bool,
    seen: Option<attached::Seen>,
    evidence: evidence::Evidence,
    breach: Vec<breach::Article>,
    movers: Vec<movers::Article>,
    heap: Vec<heap::Article>,
    tasks: Vec<tasks::Article>,
    trace: Vec<trace::Article>,
    allocator: Vec<allocator::Article>,
    console: Vec<console::Article>,
    stalls: Vec<stalls::Article>,
    waits: Vec<waits::Article>,
    settings: settings::Settings,
    driver: driver::Driver,
    operations: Vec<operations::Row>,
    ladder: ladder::Ladder,
    drain: Vec<drain::Row>,
    has_viewer: bool,
    host: host::Host,
    method: method::Method,
}

/// The page; offline, without external references.
pub fn page(page: &Page<'_>) -> String {
    let variants = Variants::new(page);
    let charts = charts::all(page, &variants);
    let evidence = evidence::Evidence::new(page, &variants);
    let seen = attached::Seen::new(page, &variants);
    let has_viewer = evidence.has_viewer() || seen.as_ref().is_some_and(attached::Seen::has_viewer);
    let drain = drain::rows(&variants);
    let mut report = Report {
        header: header::Header::new(page),
        gate: gate::Section::new(page.summary),
        result: result::Result::new(page.summary),
        charts,
        measured: page.summary.attached.is_none(),
        seen,
        evidence,
        breach: breach::articles(page, &variants),
        movers: movers::articles(page, &variants),
        heap: heap::articles(page, &variants),
        tasks: tasks::articles(page, &variants),
        trace: trace::articles(page, &variants),
        allocator: allocator::articles(page, &variants),
        console: console::articles(page, &variants),
        stalls: stalls::articles(page, &variants),
        waits: waits::articles(page, &variants),
        settings: settings::Settings::new(page.summary),
        driver: driver::Driver::new(&variants),
        operations: operations::rows(&variants),
        ladder: ladder::Ladder::new(page, &variants),
        drain,
        has_viewer,
        host: host::Host::new(page.summary),
        method: method::Method::new(page),
    };
    report.header.contents = contents(&report);
    let targets = proof::Targets::of(&report);
    report.header.findings.prove(&targets, &variants);
    report.render().expect("templates without fallible filters render into memory")
}

/// Sections that are on the page, in order: anchor and name.
fn contents(report: &Report) -> Vec<(&'static str, &'static str)> {
    let mut all = Vec::new();
    if !report.header.findings.is_empty() {
        all.push(("findings", "Findings"));
    }
    if report.gate.is_some() {
        all.push(("limits", "Limits"));
    }
    if report.measured {
        all.push(("result", "Result"));
        all.extend(report.charts.iter().map(|chart| (chart.id, chart.short)));
    }
    all.extend(report.seen.iter().flat_map(attached::Seen::contents));
    if !report.evidence.is_empty() {
        all.push(("evidence", "CPU"));
    }
    if !report.breach.is_empty() {
        all.push(("breach", "When late"));
    }
    if !report.movers.is_empty() {
        all.push(("movers", "Movers"));
    }
    if !report.waits.is_empty() {
        all.push(("waits", "Threads"));
    }
    if !report.heap.is_empty() {
        all.push(("heap", "Heap"));
    }
    if !report.tasks.is_empty() {
        all.push(("tasks", "Tasks"));
    }
    if !report.trace.is_empty() {
        all.push(("trace", "Tasks from outside"));
    }
    if !report.allocator.is_empty() {
        all.push(("allocation", "Allocation"));
    }
    if !report.console.is_empty() {
        all.push(("console", "Waits"));
    }
    if !report.stalls.is_empty() {
        all.push(("stalls", "Stalls"));
    }
    if report.measured {
        all.extend([("settings", "Settings"), ("driver", "Driver"), ("operations", "Operations")]);
    }
    if report.measured && !report.ladder.rows.is_empty() {
        all.push(("ladder", "Concurrency"));
    }
    if report.measured && !report.drain.is_empty() {
        all.push(("drain", "Shutdown"));
    }
    all.push(("host", "Host"));
    if report.measured {
        all.push(("method", "Method"));
    }
    all
}
