//! The blame chain: one row for each task, from the one that waited down to what all of them waited for.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::task::{cut, slug_of};
use crate::render::trace::{cause, place};
use crate::render::{number, text};
use crate::run::{TraceCase, TraceEndKind, TraceLink, TraceStep};

/// Height of a row, its text included.
const ROW: f64 = 44.0;
const BAR: f64 = 16.0;
/// Bars narrower than this are drawn so wide.
const LEAST: f64 = 2.0;

/// The picture of a case.
pub(crate) fn svg(case: &TraceCase, width: f64) -> String {
    let from = case.links.iter().map(|link| link.at_s).fold(case.at_s, f64::min);
    let to = case.links.iter().map(|link| link.at_s + link.length_s).fold(case.at_s + case.length_s, f64::max);
    let (left, right) = (8.0, width - 10.0);
    let x = Scale::linear(from, to.max(from + 1e-9), left, right);
    #[allow(clippy::cast_precision_loss, reason = "a handful of links")]
    let rows = case.links.len() as f64;
    let mut canvas = Canvas::new(width, ROW * rows + 34.0);
    let mut top = 4.0;
    for (at, link) in case.links.iter().enumerate() {
        let (start, end) = (x.at(link.at_s), x.at(link.at_s + link.length_s));
        let words = did(link);
        let label = format!("{} {words}", text::name(&link.kind));
        canvas.text("head", (left, top + 12.0), Anchor::Start, &cut(&label, right - left));
        let class = match link.step {
            TraceStep::Waited => format!("chain-wait cause-{}", slug_of(link.site.as_ref())),
            TraceStep::Ready => "task-ready".to_owned(),
            TraceStep::Polled => "task-poll".to_owned(),
        };
        let wide = (end - start).max(LEAST);
        let title = format!("task {}: {words}", link.task);
        canvas.rect_titled(&class, (start, top + 18.0), (wide, BAR), &title);
        if at + 1 < case.links.len() {
            // Who let it go on, or had its worker, stands below.
            let knee = (end - 4.0).max(start + 1.0);
            canvas.line("axis", (knee, top + 18.0 + BAR), (knee, top + ROW + 18.0));
        }
        top += ROW;
    }
    canvas.text("head", (left, top + 14.0), Anchor::Start, &cut(&ending(case), right - left));
    canvas.finish("chart task-timeline", &format!("What {} waited for in the end", text::name(&case.kind)))
}

fn did(link: &TraceLink) -> String {
    let length = number::seconds(link.length_s);
    match link.step {
        TraceStep::Ready => format!("was ready for {length} and not polled"),
        TraceStep::Polled => format!("was polled for {length}"),
        TraceStep::Waited => {
            let site = link.site.as_ref();
            let at = site.map(|site| format!(" for {} at {}", cause(site.cause), place(site))).unwrap_or_default();
            let queue = if link.queue > 0 { format!(", {} before it in the queue", link.queue) } else { String::new() };
            format!("waited {length}{at}{queue}")
        }
    }
}

/// What the chain ends at.
fn ending(case: &TraceCase) -> String {
    let at = case.end.site.as_ref().map(place).filter(|place| !place.is_empty());
    let at = at.map(|place| format!(" in {place}")).unwrap_or_default();
    let what = match case.end.kind {
        TraceEndKind::Cpu => "which computed",
        TraceEndKind::Blocked => "which blocked its thread",
        TraceEndKind::Preempted => "while the kernel gave its CPU to others",
        TraceEndKind::Poll => "within that poll",
        TraceEndKind::IdleWorker => "though no task had its worker",
        TraceEndKind::Timer => "until a timer fired",
        TraceEndKind::Socket => "until the network answered",
        TraceEndKind::BlockingPool => "until the blocking pool was done",
        TraceEndKind::Thread => "until another thread woke it",
        TraceEndKind::Nobody => "and nobody has woken it",
        TraceEndKind::Circle => "in a circle",
        TraceEndKind::Unknown => "what came before was not seen",
    };
    format!("… {what}{at}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::Fixture;

    #[test]
    fn every_link_has_a_row_and_the_end_a_line() {
        let fixture = Fixture::two_variants().with_trace();
        let case = fixture.traces.values().flat_map(|trace| &trace.cases).find(|case| case.links.len() > 1).unwrap();
        let picture = svg(case, 600.0);
        assert_eq!(picture.matches("<rect").count(), case.links.len(), "{picture}");
        assert!(picture.contains("… "), "{picture}");
    }
}
