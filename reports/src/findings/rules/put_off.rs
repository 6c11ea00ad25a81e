//! A timer that is set anew with whatever comes fires never while something comes: who waits for what it is for waits for ever
//! (`select! { next = queue.recv() => …, _ = sleep(QUIET) => flush() }`).

use crate::findings::Culprit;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceFrame, TraceWait};

/// Calls that set one when they are made, and not until a moment that was set before.
const SETS: &[&str] = &["sleep", "timeout"];
/// Messages for each operation from which something always comes.
const OFTEN: f64 = 0.5;

/// The only task that sets one anew with each message, and of which none was seen to fire; and how one sees it.
pub(super) fn puts_off(joined: &Joined<'_>) -> Option<(Culprit, String)> {
    let (trace, operations) = joined.trace.zip(joined.traced_operations())?;
    #[allow(clippy::cast_precision_loss, reason = "waits of one recording")]
    let often = |wait: &TraceWait| wait.count as f64 >= OFTEN * operations;
    let found =
        trace.waits.iter().filter(|wait| !joined.serves(&wait.kind) && often(wait) && joined.is_one(&wait.kind));
    let found = found.filter_map(|wait| {
        let site = wait.site.as_ref().filter(|site| site.cause == TraceCause::Channel)?;
        let stands = site.own.first()?;
        let fired = |other: &TraceWait| {
            let there = other.site.as_ref().filter(|other| other.cause == TraceCause::Timer);
            let same = there.and_then(|there| there.own.first()).is_some_and(|one| one.function == stands.function);
            other.kind == wait.kind && same
        };
        let line = sets(joined, stands).filter(|_| !trace.waits.iter().any(fired))?;
        Some((joined.loops?.culprit(&stands.function, (&stands.file, stands.name(), line)), wait))
    });
    let mut found = found.peekable();
    let (culprit, wait) = found.next().filter(|_| found.peek().is_none())?;
    let told = format!(
        "{} waits for messages or a timer, which it sets anew for each wait, as its source says: {} messages came, and it never fired",
        culprit.sentence(),
        wait.count
    );
    Some((culprit, told))
}

/// On which line a function sets a timer that waits again and again; where an `async` block does, that is no loop of its own.
fn sets(joined: &Joined<'_>, frame: &TraceFrame) -> Option<u32> {
    let loops = joined.loops.filter(|loops| loops.around(&frame.file, frame.line) == Some(true))?;
    loops.lines_of_calls(&frame.file, frame.name(), SETS).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Loops;
    use crate::run::{Trace, TraceKind, TraceSite};

    #[test]
    fn a_timer_that_whatever_comes_sets_anew_never_fires() {
        const SOURCE: &str = "async fn write(mut entries: Receiver) {\n    loop {\n        let quiet = async { sleep(QUIET).await };\n        tokio::select! {\n            next = entries.recv() => batch.push(next),\n            _ = quiet => flush(&mut batch),\n        }\n    }\n}\n";
        let frame = TraceFrame { function: "app::write".into(), file: "a.rs".into(), line: 5 };
        let wait = |cause, count| TraceWait {
            kind: "app::write".into(),
            site: Some(TraceSite { cause, own: vec![frame.clone()], ..TraceSite::default() }),
            count,
            ..TraceWait::default()
        };
        let of = |source: &str, waits: Vec<TraceWait>| {
            let kinds = vec![TraceKind { name: "app::write".into(), alive: 1, ..TraceKind::default() }];
            let trace = Trace { kinds, waits, ..Trace::default() };
            let mut loops = Loops::default();
            loops.read("a.rs", source);
            let joined =
                Joined { trace: Some(&trace), loops: Some(&loops), traced: Some((1000, 0.001)), ..Joined::default() };
            puts_off(&joined).map(|(at, _)| (at.function, at.line))
        };
        let comes = || wait(TraceCause::Channel, 990);
        assert_eq!(of(SOURCE, vec![comes()]), Some(("app::write".into(), 3)));
        assert_eq!(of(SOURCE, vec![comes(), wait(TraceCause::Timer, 3)]), None, "it fires");
        assert_eq!(of(SOURCE, vec![wait(TraceCause::Channel, 90)]), None, "it is quiet most of the time");
        assert_eq!(of(&SOURCE.replace("sleep(QUIET)", "sleep_until(quiet)"), vec![comes()]), None, "set before");
    }
}
