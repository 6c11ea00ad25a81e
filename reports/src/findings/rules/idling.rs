//! Threads and goroutines that only wait for work, and those that stand in a call of the runtime's, among those that others may wait for.

use crate::findings::guilty;
use crate::findings::joined::Joined;
use crate::run::{TraceCause, TraceEndKind, TraceFrame, TraceHolder, TraceSite};

use super::poll_blocked::{is_for_a_thread, is_lock};

/// Calls in which a thread waits for what comes from outside.
const OUTSIDE: &[&str] =
    &["recvfrom", "recvmsg", "accept", "accept4", "epoll_wait", "epoll_pwait", "poll", "ppoll", "select"];

/// Whether a thread only waited for somebody to ask: threads of a pool wait for each other in the lock of their queue, until a
/// request comes. Who has a lock while it waits for the network took it in a function that others come through too.
pub(super) fn is_idle(holder: &TraceHolder, waiter: &TraceSite) -> bool {
    let outside = holder.doing == TraceEndKind::Blocked && OUTSIDE.contains(&holder.site.call.as_str());
    outside && guilty::common(&waiter.own, &holder.site.own).is_none()
}

/// Whether a thread waits for what its client asks next where the other one waits to be told what to answer to its own.
pub(super) fn is_fellow(holder: &TraceHolder, waiter: &TraceSite) -> bool {
    let outside = holder.doing == TraceEndKind::Blocked && OUTSIDE.contains(&holder.site.call.as_str());
    let both = holder.site.own.first().zip(waiter.own.first());
    outside && both.is_some_and(|(reads, waits)| guilty::same(reads, waits))
}

/// Whether a thread stands in a function that waits itself to be told of the next thing to do, deeper or after that: who asks somebody
/// over the network there does so for whoever gave it that. Who is told what to answer has read before what was asked.
pub(super) fn works_off_a_queue(joined: &Joined<'_>, holder: &TraceHolder) -> bool {
    let rows = joined.threads.into_iter().flat_map(|threads| threads.kept.iter().chain(&threads.kept_open));
    let queues = rows.filter(|row| is_for_a_thread(row) && !is_lock(row)).filter_map(|row| row.site.as_ref());
    let Some((first, around)) = holder.site.own.split_first() else { return false };
    queues.into_iter().any(|queue| {
        let goes_on = |waits: &TraceFrame| {
            let again = joined.loops.and_then(|loops| loops.around(&waits.file, waits.line)) != Some(false);
            let after = guilty::same(first, waits) && waits.line < first.line && again;
            after || around.iter().any(|one| guilty::same(one, waits))
        };
        queue.own.len() > 1 && queue.own.first().is_some_and(goes_on)
    })
}

/// Whether a thread waits for a lock of a channel, a socket or a timer of the runtime's: it is let go before that call returns.
pub(super) fn is_within_a_call(waiter: &TraceSite) -> bool {
    matches!(waiter.cause, TraceCause::Channel | TraceCause::Socket | TraceCause::Timer)
}

/// Whether a thread stands in the very call that the other waits in.
pub(super) fn stands_in_the_call(holder: &TraceHolder, waiter: &TraceSite) -> bool {
    waiter.own.first().is_some_and(|frame| holder.site.own.contains(frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ThreadsRecord, TracePolls};

    #[test]
    fn who_asks_the_network_after_its_queue_works_off_that() {
        let site = |call: &str, line| {
            let frame = |line| TraceFrame { function: "shop::carry".into(), file: "a.rs".into(), line };
            let begins = TraceFrame { function: "shop::run".into(), file: "a.rs".into(), line: 90 };
            TraceSite {
                cause: TraceCause::Notify,
                call: call.into(),
                own: vec![frame(line), begins],
                ..TraceSite::default()
            }
        };
        let of = |queue_line, read_line| {
            let queue = TracePolls { site: Some(site("futex", queue_line)), ..TracePolls::default() };
            let threads = ThreadsRecord { kept_open: vec![queue], ..ThreadsRecord::default() };
            let joined = Joined { threads: Some(&threads), ..Joined::default() };
            works_off_a_queue(&joined, &TraceHolder { site: site("recvfrom", read_line), ..TraceHolder::default() })
        };
        assert!(of(36, 40));
        assert!(!of(36, 30), "it reads what it is asked, and is told what to answer");
    }
}
