//! A task's own timeline: its polls, the time it was ready and not polled, its waits, and what its worker did meanwhile.

use super::canvas::{Anchor, Canvas};
use super::scale::Scale;
use crate::render::trace::{place, span};
use crate::render::{number, text};
use crate::run::{TraceCase, TraceCause, TraceSite, TraceSpan, TraceStep};

/// Time before the case that is drawn with it, as a share of its length.
const BEFORE: f64 = 0.6;
/// And after.
const AFTER: f64 = 0.1;
/// Height of a bar.
const BAR: f64 = 22.0;
/// Bars narrower than this are drawn so wide.
const LEAST: f64 = 1.2;

/// The picture of a case, or nothing where what the task did was not kept.
pub(crate) fn svg(case: &TraceCase, width: f64) -> Option<String> {
    if case.spans.is_empty() || case.length_s <= 0.0 {
        return None;
    }
    let from = (case.at_s - BEFORE * case.length_s).max(0.0);
    let to = case.at_s + (1.0 + AFTER) * case.length_s;
    let left = 8.0;
    let x = Scale::linear(from, to, left, width - 10.0);
    let has_worker = !case.beside.is_empty();
    let height = if has_worker { 132.0 } else { 84.0 };
    let mut canvas = Canvas::new(width, height);
    let visible = |at: f64, length: f64| at < to && at + length > from;
    let clip = |at: f64, length: f64| {
        let (start, end) = (x.at(at.max(from)), x.at((at + length).min(to)));
        (start, (end - start).max(LEAST))
    };
    canvas.text("head", (left, 13.0), Anchor::Start, &format!("task {} ({})", case.task, text::name(&case.kind)));
    let top = 22.0;
    for one in case.spans.iter().filter(|one| visible(one.at_s, one.length_s)) {
        let (start, wide) = clip(one.at_s, one.length_s);
        let title = format!("{}: {}", number::seconds(one.length_s), span(one));
        match one.step {
            TraceStep::Waited => {
                let class = format!("task-wait cause-{}", slug(one));
                canvas.rect_titled(&class, (start, top + BAR / 2.0 - 2.0), (wide, 4.0), &title);
                if wide > 150.0 {
                    let place = one.site.as_ref().map(place).unwrap_or_default();
                    canvas.text(
                        "tick",
                        (start + wide / 2.0, top + BAR / 2.0 - 5.0),
                        Anchor::Middle,
                        &cut(&place, wide),
                    );
                }
            }
            TraceStep::Ready | TraceStep::Unheard => {
                canvas.rect_titled("task-ready", (start, top), (wide, BAR), &title);
                if wide > 90.0 {
                    let label = format!("ready {}", number::seconds(one.length_s));
                    canvas.text("tick", (start + wide / 2.0, top + 15.0), Anchor::Middle, &label);
                }
            }
            TraceStep::Polled => canvas.rect_titled("task-poll", (start, top), (wide, BAR), &title),
        }
    }
    let mut bottom = top + BAR + 8.0;
    if has_worker {
        canvas.text("head", (left, bottom + 9.0), Anchor::Start, "its worker meanwhile");
        bottom += 16.0;
        for other in case.beside.iter().filter(|other| visible(other.at_s, other.length_s)) {
            let (start, wide) = clip(other.at_s, other.length_s);
            let who = format!("task {} ({})", other.task, text::name(&other.kind));
            let title = format!("{}: {who}", number::seconds(other.length_s));
            canvas.rect_titled("task-other", (start, bottom), (wide, BAR), &title);
            if wide > 70.0 {
                canvas.text("tick", (start + wide / 2.0, bottom + 15.0), Anchor::Middle, &cut(&who, wide));
            }
        }
        bottom += BAR + 8.0;
    }
    canvas.line("axis", (left, bottom), (width - 10.0, bottom));
    for tick in x.ticks() {
        canvas.line("grid", (x.at(tick), bottom), (x.at(tick), bottom + 4.0));
        canvas.text("tick", (x.at(tick), bottom + 17.0), Anchor::Middle, &moment(tick, case.length_s));
    }
    let label = format!("What task {} did around the {}", case.task, number::seconds(case.length_s));
    Some(canvas.finish("chart task-timeline", &label))
}

/// Seconds since the recording began, with as many digits as the picture needs.
fn moment(seconds: f64, length_s: f64) -> String {
    let digits = (-(length_s / 10.0).log10()).ceil().clamp(0.0, 6.0) as usize;
    format!("{seconds:.digits$} s")
}

fn slug(span: &TraceSpan) -> &'static str {
    slug_of(span.site.as_ref())
}

/// Class of what is waited for at a place.
pub(super) fn slug_of(site: Option<&TraceSite>) -> &'static str {
    match site.map(|site| site.cause).unwrap_or_default() {
        TraceCause::Timer => "timer",
        TraceCause::Socket => "network",
        TraceCause::Lock => "lock",
        TraceCause::Channel | TraceCause::Notify => "message",
        TraceCause::Join | TraceCause::BlockingPool | TraceCause::Process => "work",
        TraceCause::Yield | TraceCause::Other => "other",
    }
}

/// As much of a label as a bar has room for, seven pixels a character.
pub(super) fn cut(label: &str, wide: f64) -> String {
    let room = (wide / 7.0) as usize;
    if label.chars().count() <= room {
        return label.to_owned();
    }
    // The end of a path tells more than its beginning.
    let skip = label.chars().count() - room.saturating_sub(1);
    format!("…{}", label.chars().skip(skip).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::trace::tests::trace;

    #[test]
    fn a_case_shows_the_task_and_its_worker() {
        let drawn = svg(&trace().cases[0], 920.0).unwrap();
        assert_eq!(drawn.matches("class=\"task-poll\"").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("class=\"task-ready\"").count(), 1);
        assert!(drawn.contains("cause-network") && drawn.contains("its worker meanwhile"), "{drawn}");
        assert!(drawn.contains("task 9 (shop::export&lt;b&gt;)") && !drawn.contains("<b>"), "{drawn}");
        assert_eq!(svg(&trace().cases[1], 920.0), None, "nothing was kept of it");
    }

    #[test]
    fn labels_keep_their_end() {
        assert_eq!(cut("a::b::c", 700.0), "a::b::c");
        assert_eq!(cut("scenarios::work::hog", 70.0), "…work::hog");
    }
}
