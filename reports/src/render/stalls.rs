//! Stalls as data: sentences and rows that every renderer shows.

use super::tasks::shortened;
use super::{number, text, words};
use crate::run::{Culprit, Place, StallClass, StallFrame, StallLine, StallRecord, StallSummary, Stalls};

/// How to read the list, one sentence.
pub(crate) const HOW: &str = "Each entry is a poll that was caught while it held its worker up, what the code did first, then what the host did, \
    the longest first: the class says why, the times behind it (computing, asleep in the kernel, ready but without a CPU) are what it rests on, and the \
    function named is the innermost that is the program's own; what was within block_in_place held nobody up, and without the \
    wait for a CPU what was descheduled would have been no stall.";

/// One stall.
pub(crate) struct Row {
    /// `84.0 ms`, `84.0 ms so far` where it had not ended.
    pub(crate) duration: String,
    /// Its class, and the same in words.
    pub(crate) kind: StallClass,
    pub(crate) class: &'static str,
    /// Whether the code is to blame.
    pub(crate) bad: bool,
    /// `70.0 ms computing, 14.0 ms ready without a CPU; in futex (futex_do_wait)`.
    pub(crate) because: String,
    /// `shop::pay (src/pay.rs:7)`; empty where unknown.
    pub(crate) culprit: String,
    /// Where the task was spawned.
    pub(crate) site: String,
    /// Functions, leaf first, up to where the runtime begins.
    pub(crate) stack: Vec<String>,
    /// The same without the standard library's, but for the leaf.
    pub(crate) short: Vec<String>,
    /// The runtime's functions below.
    pub(crate) below: Vec<String>,
    /// Of which age the stack is, or why there is none.
    pub(crate) note: String,
}

/// All that were kept, the code's doing first, the longest first.
pub(crate) fn rows(stalls: &Stalls) -> Vec<Row> {
    stalls.ranked().into_iter().map(row).collect()
}

fn row(stall: &StallRecord) -> Row {
    let split = stall.stack.iter().position(is_runtime).unwrap_or(stall.stack.len());
    let frames = |frames: &[StallFrame]| frames.iter().map(frame).collect();
    let lasting = if stall.ended { "" } else { " so far" };
    Row {
        duration: format!("{}{lasting}", number::seconds(stall.duration_s)),
        kind: stall.class,
        class: class(stall.class),
        bad: stall.class.is_harmful(),
        because: because(stall),
        culprit: stall.culprit.as_ref().map(culprit).unwrap_or_default(),
        site: place(&stall.site),
        stack: frames(&stall.stack[..split]),
        short: (stall.stack[..split].iter().enumerate())
            .filter(|(index, frame)| *index == 0 || !frame.file.starts_with("/rustc/"))
            .map(|(_, one)| frame(one))
            .collect(),
        below: frames(&stall.stack[split..]),
        note: match (&stall.no_stack, stall.stack_at_s) {
            (Some(because), _) => format!("no stack: {}", text::sentence(because)),
            (None, Some(age)) => {
                let rootless = if stall.rooted { "" } else { "; its outermost functions are missing" };
                format!("stack after {}{rootless}", number::seconds(age))
            }
            (None, None) => String::new(),
        },
    }
}

/// What the class rests on.
fn because(stall: &StallRecord) -> String {
    let parts = [
        (stall.cpu_s, "computing"),
        (stall.blocked_s, "asleep in the kernel"),
        (stall.waiting_s, "ready without a CPU"),
    ];
    // What rounds to nothing beside the whole says nothing.
    let parts = parts.iter().filter(|(part, _)| *part >= 0.005 * stall.duration_s);
    let parts: Vec<_> = parts.map(|(part, what)| format!("{} {what}", number::seconds(*part))).collect();
    let slept = stall.syscall.as_ref().or(stall.wchan.as_ref()).filter(|_| stall.blocked_s > 0.0);
    let slept = slept.map(|call| {
        let within = stall.wchan.as_ref().filter(|wchan| *wchan != call);
        let within = within.map(|wchan| format!(" ({})", text::name(wchan))).unwrap_or_default();
        format!("; slept in {}{within}", text::name(call))
    });
    format!("{}{}", parts.join(", "), slept.unwrap_or_default())
}

fn frame(frame: &StallFrame) -> String {
    located(&frame.function, &frame.file, frame.line)
}

fn located(function: &str, file: &str, line: u32) -> String {
    let function = text::name(function);
    if file.is_empty() {
        return function;
    }
    format!("{function} ({}:{line})", shortened(file))
}

/// Where tokio begins to poll a task: what lies below is the same in every stack.
fn is_runtime(frame: &StallFrame) -> bool {
    frame.function.contains("tokio::runtime::task::") || frame.file.contains("/src/runtime/task/")
}

/// `shop::pay (src/pay.rs:7)`; harmless.
pub(crate) fn culprit(culprit: &Culprit) -> String {
    located(&culprit.function, &culprit.file, culprit.line)
}

fn place(place: &Place) -> String {
    if place.file.is_empty() {
        return "an unknown place".to_owned();
    }
    shortened(&format!("{}:{}:{}", place.file, place.line, place.column))
}

/// The word for a class.
pub(crate) fn class(class: StallClass) -> &'static str {
    match class {
        StallClass::OnCpu => "on CPU",
        StallClass::Blocked => "blocked in a system call",
        StallClass::Lock => "waiting for a lock",
        StallClass::Descheduled => "descheduled by the host",
        StallClass::BlockInPlace => "within block_in_place",
        StallClass::Unknown => "unknown",
    }
}

/// What was caught and how completely, in sentences; or why nothing was.
pub(crate) fn caught(summary: &StallSummary) -> String {
    if let Some(because) = &summary.missing {
        return format!("Nobody looked for stalls, because {}.", text::sentence(because));
    }
    let threshold = number::tick_seconds(summary.threshold_s);
    let polls = words::plural(summary.counted, "poll", "polls");
    if summary.counted == 0 {
        return format!("No poll took longer than {threshold}.");
    }
    let classes: Vec<_> = summary
        .classes
        .iter()
        .map(|(kind, count)| format!("{} {}", number::count(*count as f64), class(*kind)))
        .collect();
    let classes = if classes.is_empty() { String::new() } else { format!(": {}", classes.join(", ")) };
    let missed = if summary.seen < summary.counted {
        let [interval, gap] = [summary.interval_s, summary.longest_gap_s].map(number::seconds);
        format!(" The watchdog looked every {interval}, once only after {gap}, and missed what ended in between.")
    } else {
        String::new()
    };
    let stacks = summary.no_stacks.as_ref();
    let stacks = stacks.map(|because| format!(" There are no stacks, because {}.", text::sentence(because)));
    format!(
        "{polls} took longer than {threshold}, {} caught while they lasted{classes}.{missed}{}",
        number::count(summary.seen as f64),
        stacks.unwrap_or_default()
    )
}

/// One of them in one line.
pub(crate) fn line(row: &Row) -> String {
    let held = held(row.kind, &row.culprit);
    format!("{} {held}, task spawned at {}", row.duration, row.site)
}

/// The same of the short form.
pub(crate) fn short(stall: &StallLine) -> String {
    let culprit = stall.culprit.as_ref().map(culprit).unwrap_or_default();
    let (duration, held) = (number::seconds(stall.duration_s), held(stall.class, &culprit));
    format!("{duration} {held}, task spawned at {}", place(&stall.site))
}

/// Class and function; where the host is to blame, the function only happened to be there.
fn held(kind: StallClass, culprit: &str) -> String {
    match (culprit.is_empty(), kind) {
        (true, _) => class(kind).to_owned(),
        (false, StallClass::Descheduled) => format!("{} while in {culprit}", class(kind)),
        (false, _) => format!("{} in {culprit}", class(kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::stalls::tests::stalls;

    #[test]
    fn a_row_says_what_its_class_rests_on() {
        let rows = rows(&stalls());
        let lines: Vec<_> = rows.iter().map(|row| format!("{}\n  {}", line(row), row.because)).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        84.0 ms on CPU in shop::pay<b> (src/pay.rs:7), task spawned at src/<b>.rs:53:33
          70.0 ms computing, 14.0 ms ready without a CPU
        60.2 ms blocked in a system call in shop::pay<b> (src/pay.rs:7), task spawned at src/<b>.rs:53:33
          60.1 ms asleep in the kernel; slept in clock_nanosleep (hrtimer_nanosleep)
        41.0 ms waiting for a lock in shop::pay<b> (src/pay.rs:7), task spawned at src/<b>.rs:53:33
          39.8 ms asleep in the kernel, 1.00 ms ready without a CPU; slept in futex (futex_do_wait)
        30.0 ms within block_in_place in shop::pay<b> (src/pay.rs:7), task spawned at src/<b>.rs:53:33
          30.0 ms asleep in the kernel; slept in read
        18.9 ms so far descheduled by the host, task spawned at src/<b>.rs:53:33
          1.00 ms computing, 17.9 ms ready without a CPU
        ");
        assert_eq!(rows.iter().map(|row| row.bad).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert_eq!((rows[0].stack.len(), rows[0].below.len()), (2, 1));
        assert!(rows[0].below[0].ends_with("(tokio-1.54.1/src/raw.rs:325)"), "{}", rows[0].below[0]);
        assert_eq!(rows[4].note, "no stack: its thread did not answer");
    }

    #[test]
    fn what_was_caught_is_a_sentence() {
        let all = StallSummary::of(&stalls());
        let none = StallSummary { counted: 0, ..all.clone() };
        let missing = StallSummary { missing: Some("no thread".into()), ..all.clone() };
        let stackless = StallSummary { no_stacks: Some("no signal".into()), ..all.clone() };
        let sentences = [all, none, missing, stackless].map(|one| caught(&one));
        insta::assert_snapshot!(sentences.join("\n"), @"
        46 polls took longer than 10 ms, 45 caught while they lasted: 41 on CPU, 1 blocked in a system call, 1 waiting for a lock, 1 descheduled by the host, 1 within block_in_place. The watchdog looked every 2.50 ms, once only after 6.10 ms, and missed what ended in between.
        No poll took longer than 10 ms.
        Nobody looked for stalls, because no thread.
        46 polls took longer than 10 ms, 45 caught while they lasted: 41 on CPU, 1 blocked in a system call, 1 waiting for a lock, 1 descheduled by the host, 1 within block_in_place. The watchdog looked every 2.50 ms, once only after 6.10 ms, and missed what ended in between. There are no stacks, because no signal.
        ");
    }
}
