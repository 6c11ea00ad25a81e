//! The blame chain: one row for each task, or for threads of a kind, from who waited down to what all of them waited for.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use super::task::{cut, slug_of};
use crate::render::trace::{cause, place};
use crate::render::{number, text};
use crate::run::{TraceCase, TraceEndKind, TraceHolder, TraceLink, TracePolls, TraceSite, TraceStep};

/// Height of a row, its text included.
const ROW: f64 = 44.0;
const BAR: f64 = 16.0;
/// Bars narrower than this are drawn so wide.
const LEAST: f64 = 2.0;
/// Those who kept threads that are drawn.
const MOST_HOLDERS: usize = 3;

/// A row: what one of them did, from when and how long, in seconds.
struct Row {
    label: String,
    class: String,
    title: String,
    at_s: f64,
    length_s: f64,
}

/// The picture of a case.
pub(crate) fn svg(case: &TraceCase, width: f64) -> String {
    let row = |link: &TraceLink| {
        let words = did(link);
        Row {
            label: format!("{} {words}", text::name(&link.kind)),
            class: match link.step {
                TraceStep::Waited => format!("chain-wait cause-{}", slug_of(link.site.as_ref())),
                TraceStep::Ready | TraceStep::Unheard => "task-ready".to_owned(),
                TraceStep::Polled => "task-poll".to_owned(),
            },
            title: format!("task {}: {words}", link.task),
            at_s: link.at_s,
            length_s: link.length_s,
        }
    };
    let rows: Vec<Row> = case.links.iter().map(row).collect();
    let from = rows.iter().map(|row| row.at_s).fold(case.at_s, f64::min);
    let to = rows.iter().map(|row| row.at_s + row.length_s).fold(case.at_s + case.length_s, f64::max);
    let title = format!("What {} waited for in the end", text::name(&case.kind));
    draw(&rows, (from, to), &ending(case), &title, width)
}

/// The picture of what threads waited for on average, and of what those did meanwhile who then let them go on.
pub(crate) fn of_threads(row: &TracePolls, width: f64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let waits = row.polls.max(1) as f64;
    let each_s = row.total_s / waits;
    let at = row.site.as_ref().map(|site| format!(" at {}", place(site))).unwrap_or_default();
    let waited = format!(
        "{} waited {at_all} times, {} each{at}",
        text::name(&row.kind),
        number::seconds(each_s),
        at_all = number::count(waits)
    );
    let class = format!("chain-wait cause-{}", slug_of(row.site.as_ref()));
    let mut rows = vec![Row { label: waited.clone(), class, title: waited, at_s: 0.0, length_s: each_s }];
    for holder in row.holders.iter().take(MOST_HOLDERS) {
        let length_s = (holder.total_s / waits).min(each_s);
        let words = format!("meanwhile {} {}", place(&holder.site), held(holder));
        let class = match holder.doing {
            TraceEndKind::Cpu => "task-poll".to_owned(),
            _ => format!("chain-wait cause-{}", slug_of(Some(&holder.site))),
        };
        let label = format!("{words} for {} of it", number::seconds(length_s));
        rows.push(Row { title: label.clone(), label, class, at_s: 0.0, length_s });
    }
    let end = match row.holders.first() {
        Some(first) => format!("… {} {}", place(&first.site), held(first)),
        None => "… what came before was not seen".to_owned(),
    };
    draw(&rows, (0.0, each_s), &end, &format!("What {} waited for", text::name(&row.kind)), width)
}

/// What somebody did who kept others.
pub(crate) fn held(holder: &TraceHolder) -> String {
    match (holder.doing, holder.site.call.as_str()) {
        (TraceEndKind::Cpu, _) => "computed".to_owned(),
        (_, "") => "was blocked".to_owned(),
        (_, call) => format!("was blocked in {}", text::name(call)),
    }
}

fn draw(rows: &[Row], (from, to): (f64, f64), end: &str, title: &str, width: f64) -> String {
    let (left, right) = (8.0, width - 10.0);
    let x = Scale::linear(from, to.max(from + 1e-9), left, right);
    #[allow(clippy::cast_precision_loss, reason = "a handful of links")]
    let height = ROW * rows.len() as f64 + 34.0;
    let mut canvas = Canvas::new(width, height);
    let mut top = 4.0;
    for (at, row) in rows.iter().enumerate() {
        let (start, end) = (x.at(row.at_s), x.at(row.at_s + row.length_s));
        canvas.text("head", (left, top + 12.0), Anchor::Start, &cut(&row.label, right - left));
        let wide = (end - start).max(LEAST);
        canvas.rect_titled(&row.class, (start, top + 18.0), (wide, BAR), &row.title);
        if at + 1 < rows.len() {
            // Who let it go on, or had its worker, stands below.
            let knee = (end - 4.0).max(start + 1.0);
            canvas.line("axis", (knee, top + 18.0 + BAR), (knee, top + ROW + 18.0));
        }
        top += ROW;
    }
    canvas.text("head", (left, top + 14.0), Anchor::Start, &cut(end, right - left));
    canvas.finish("chart task-timeline", title)
}

fn did(link: &TraceLink) -> String {
    let length = number::seconds(link.length_s);
    match link.step {
        TraceStep::Ready => format!("was ready for {length} and not polled"),
        TraceStep::Polled => format!("was polled for {length}"),
        TraceStep::Unheard => format!("was told by {} up to {length} late", link.teller()),
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
        TraceEndKind::Blocked => match case.end.site.as_ref().and_then(TraceSite::waits_for) {
            Some(whom) => return format!("… which blocked its thread for {whom}{at}"),
            None => "which blocked its thread",
        },
        TraceEndKind::Preempted => "while the kernel gave its CPU to others, or to nobody for its quota",
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

    #[test]
    fn threads_that_wait_stand_above_those_who_keep_them() {
        let site = |function: &str, call: &str| TraceSite {
            function: function.into(),
            file: "src/<b>.rs".into(),
            line: 7,
            call: call.into(),
            ..TraceSite::default()
        };
        let holder =
            |doing, function: &str, call: &str, total_s| TraceHolder { doing, site: site(function, call), total_s };
        let row = TracePolls {
            kind: "handler<b>".into(),
            site: Some(site("shop::order", "futex")),
            polls: 400,
            total_s: 4.0,
            holders: vec![
                holder(TraceEndKind::Blocked, "shop::pay", "recvfrom", 3.0),
                holder(TraceEndKind::Cpu, "shop::count", "", 0.5),
            ],
            ..TracePolls::default()
        };
        let picture = of_threads(&row, 900.0);
        assert_eq!(picture.matches("<rect").count(), 3, "{picture}");
        let words: Vec<&str> = picture
            .split("<text")
            .skip(1)
            .filter_map(|text| text.split_once('>').and_then(|(_, text)| text.split('<').next()))
            .collect();
        insta::assert_snapshot!(words.join("\n"), @r"
        handler&lt;b&gt; waited 400 times, 10.0 ms each at shop::order (src/&lt;b&gt;.rs:7)
        meanwhile shop::pay (src/&lt;b&gt;.rs:7) was blocked in recvfrom for 7.50 ms of it
        meanwhile shop::count (src/&lt;b&gt;.rs:7) computed for 1.25 ms of it
        … shop::pay (src/&lt;b&gt;.rs:7) was blocked in recvfrom
        ");
    }
}
