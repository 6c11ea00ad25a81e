//! What was seen of a process that ran already, as data: titles, sentences and rows that every renderer shows.

use super::{number, tasks, text, words};
use crate::run::{AttachedProfile, Goroutines, Hot, Picture, ThreadTime};

/// Threads shown.
const MOST_THREADS: usize = 16;

/// What a kind of profile is called, and how to read it, one sentence each.
pub(crate) struct Meaning {
    pub(crate) title: &'static str,
    pub(crate) how: &'static str,
}

/// Title and sentence of a kind; those of a program's own profiles have none.
pub(crate) fn meaning(kind: &str) -> Option<Meaning> {
    let (title, how) = match kind {
        "cpu" => (
            "Where CPU time went",
            "By the program's own functions, with what they call from libraries, where these can be told apart; then by the \
             functions that ran; callers follow the arrow.",
        ),
        "wait" => (
            "Where threads waited",
            "Time from leaving a CPU to coming back, by the innermost function of the program itself; a pool's idle threads \
             wait, too, and are no fault.",
        ),
        "heap" => (
            "Memory in use",
            "What was allocated and not yet freed, by who allocated it; what should have been freed is here.",
        ),
        "allocs" => (
            "Memory allocated meanwhile",
            "What was allocated while it was watched, freed or not: what keeps an allocator or a collector busy.",
        ),
        "block" => (
            "Where goroutines blocked",
            "Time that goroutines waited for channels, locks and timers, by where they waited, added up over all of them.",
        ),
        "mutex" => (
            "Who held contended locks",
            "Time that others waited for a lock, by who released it: the holder is to blame, not the one who waits.",
        ),
        "goroutine" => ("Goroutines by stack", "How many goroutines stand at each place at one moment."),
        "goroutineleak" => (
            "Leaked goroutines",
            "Goroutines that wait for something that nothing can reach any more: they never go on.",
        ),
        "threadcreate" => ("Who started threads", "Stacks that made the Go runtime start a thread of the system."),
        "trace" => {
            ("Tasks, traced from outside", "What every task of tokio did: polls, wakes, where it waits, and on whom.")
        }
        _ => return None,
    };
    Some(Meaning { title, how })
}

/// A title for any profile.
pub(crate) fn title(profile: &AttachedProfile) -> String {
    meaning(&profile.kind).map_or_else(|| format!("Profile {}", text::name(&profile.kind)), |known| known.title.into())
}

/// What a sample type counts, in words.
pub(crate) fn measure(picture: &Picture) -> String {
    let known = match picture.sample_type.as_str() {
        "inuse_space" => "bytes in use",
        "inuse_objects" => "blocks in use",
        "alloc_space" => "bytes allocated",
        "alloc_objects" => "blocks allocated",
        "contentions" => "waits",
        "delay" => "time waited",
        "cpu" => "CPU time",
        "goroutine" | "goroutineleak" => "goroutines",
        "threadcreate" => "threads",
        other => return text::name(other),
    };
    known.into()
}

/// A value in the unit of its sample type.
pub(crate) fn value(value: i64, unit: &str) -> String {
    let plain = value as f64;
    match unit {
        "nanoseconds" => number::seconds(plain / 1e9),
        "microseconds" => number::seconds(plain / 1e6),
        "milliseconds" => number::seconds(plain / 1e3),
        "seconds" => number::seconds(plain),
        "bytes" => number::bytes(plain),
        "" | "count" => number::count(plain),
        other => format!("{} {}", number::count(plain), text::name(other)),
    }
}

/// One place of a table.
pub(crate) struct Place {
    pub(crate) share: String,
    pub(crate) value: String,
    /// `main.(*Ledger).Add`.
    pub(crate) function: String,
    /// `faulty/main.go:26`; empty where unknown.
    pub(crate) at: String,
    /// `main.work ← main.main.func1`; may be empty.
    pub(crate) callers: String,
}

/// Rows of a picture's tables with their heads, harmless: by the program's own functions where that was told apart, then by
/// the functions themselves.
pub(crate) fn tables(picture: &Picture) -> Vec<(&'static str, Vec<Place>)> {
    let rows = |hot: &[Hot]| hot.iter().map(|one| place(one, &picture.unit)).collect();
    if picture.own.is_empty() {
        return vec![("function", rows(&picture.hot))];
    }
    vec![("function of the program", rows(&picture.own)), ("function that ran", rows(&picture.hot))]
}

fn place(hot: &Hot, unit: &str) -> Place {
    let callers: Vec<String> = hot.callers.iter().map(|caller| text::name(caller)).collect();
    Place {
        share: number::percent(hot.share),
        value: value(hot.value, unit),
        function: text::name(&hot.function),
        at: at(&hot.file, u64::try_from(hot.line).unwrap_or(0)),
        callers: callers.join(" ← "),
    }
}

/// `serde-1.0.1/src/lib.rs:7`; empty without a file.
pub(crate) fn at(file: &str, line: u64) -> String {
    match (file, line) {
        ("", _) => String::new(),
        (file, 0) => tasks::shortened(file),
        (file, line) => format!("{}:{line}", tasks::shortened(file)),
    }
}

/// `worker=0 25 %, worker=1 24 %`; empty without labels.
pub(crate) fn labels(profile: &AttachedProfile) -> String {
    let each = profile.labels.iter().map(|label| {
        format!("{}={} {}", text::name(&label.key), text::name(&label.value), number::percent(label.share))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What was recorded, by whom and how much of it: `coverage 98 %, 4,711 samples; perf events at 999 Hz from outside`.
pub(crate) fn source(profile: &AttachedProfile) -> String {
    let coverage = profile.coverage.map(|ratio| format!("coverage {}, ", number::percent(ratio))).unwrap_or_default();
    let (one, many) = match profile.kind.as_str() {
        "heap" | "allocs" => ("stack", "stacks"),
        "block" | "mutex" | "wait" => ("wait", "waits"),
        "goroutine" | "goroutineleak" => ("goroutine", "goroutines"),
        "threadcreate" => ("thread", "threads"),
        _ => ("sample", "samples"),
    };
    format!("{coverage}{}; {}", words::plural(profile.samples, one, many), text::sentence(&profile.source))
}

/// Names of a thread's figures.
pub(crate) const THREAD_HEADS: [&str; 7] = ["process", "thread", "CPU", "blocked", "parked", "preempted", "waits"];

/// How to read the table of threads.
pub(crate) const THREADS_HOW: &str = "CPU is time on one; blocked is time after giving it up, to sleep or to wait for a lock or for input; parked is the same \
     of a worker that has nothing to do; preempted is \
     time that it wanted to run and was not let.";

/// Threads: name and figures; and how many are left out.
pub(crate) fn threads(all: &[ThreadTime]) -> (Vec<(String, [String; 7])>, usize) {
    let row = |thread: &ThreadTime| {
        let figures = [
            thread.pid.to_string(),
            thread.tid.to_string(),
            number::seconds(thread.cpu_s),
            number::seconds(thread.blocked_s),
            number::seconds(thread.parked_s),
            number::seconds(thread.preempted_s),
            number::count(thread.waits as f64),
        ];
        (text::name(&thread.name), figures)
    };
    (all.iter().take(MOST_THREADS).map(row).collect(), all.len().saturating_sub(MOST_THREADS))
}

/// How to read the table of goroutines.
pub(crate) const GOROUTINES_HOW: &str = "Each row is a number of goroutines that do or wait for the same at the same place, at one moment; many at one place, \
     or minutes at one, are what to look at.";

/// One row of the table of goroutines.
pub(crate) struct Group {
    pub(crate) count: String,
    pub(crate) state: String,
    pub(crate) minutes: String,
    pub(crate) place: Place,
    pub(crate) created_by: String,
}

/// Goroutines by state and place, harmless.
pub(crate) fn goroutines(all: &Goroutines) -> Vec<Group> {
    let row = |group: &crate::run::GoroutineGroup| Group {
        count: number::count(group.count as f64),
        state: text::name(&group.state),
        minutes: if group.minutes == 0 { String::new() } else { format!("{} min", group.minutes) },
        place: Place {
            share: number::percent(group.count as f64 / all.total.max(1) as f64),
            value: number::count(group.count as f64),
            function: text::name(&group.function),
            at: at(&group.file, group.line),
            callers: String::new(),
        },
        created_by: text::name(&group.created_by),
    };
    all.groups.iter().map(row).collect()
}

/// How many there are, and what is left out.
pub(crate) fn goroutines_sum(all: &Goroutines) -> String {
    let mut line = words::plural(all.total, "goroutine", "goroutines");
    if all.more > 0 {
        line.push_str(&format!("; {} more states and places are not shown", all.more));
    }
    if all.cut {
        line.push_str("; the dump was too long and only its beginning was read");
    }
    line
}

/// A figure and its unit.
pub(crate) fn figure(figure: &crate::run::Figure) -> String {
    match figure.unit.as_str() {
        "bytes" => number::bytes(figure.value),
        "seconds" => number::seconds(figure.value),
        "" | "count" | "tasks" | "threads" => number::count(figure.value),
        unit => format!("{} {}", number::significant(figure.value), text::name(unit)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::{Attached, Figure, GoroutineGroup, LabelShare, Origin};

    /// A Go service as it was asked.
    pub(crate) fn asked() -> Attached {
        let hot = |function: &str, file: &str, line, share, value| Hot {
            function: function.into(),
            file: file.into(),
            line,
            share,
            value,
            callers: vec!["main.work".into(), "main.main.func1".into()],
        };
        let profile = |kind: &str, pictures| AttachedProfile {
            kind: kind.into(),
            file: format!("{kind}.pb.gz"),
            samples: 471,
            source: "Go's /debug/pprof over 10 s".into(),
            pictures,
            ..AttachedProfile::default()
        };
        let picture = |file: &str, sample_type: &str, unit: &str, total, hot| Picture {
            file: file.into(),
            sample_type: sample_type.into(),
            unit: unit.into(),
            total,
            hot,
            ..Picture::default()
        };
        let digest = hot("main.digest", "faulty/main.go", 34, 0.93, 9_300_000_000);
        let add = hot("main.(*Ledger).Add", "faulty/main.go", 28, 1.0, 21_000_000_000);
        let sha = hot("crypto/sha256.Sum256", "crypto/sha256/sha256.go", 61, 0.5, 5_000_000_000);
        let mut picture_of_cpu = picture("cpu.svg", "cpu", "nanoseconds", 10_000_000_000, vec![sha]);
        picture_of_cpu.own.push(digest);
        let mut cpu = profile("cpu", vec![picture_of_cpu]);
        cpu.labels = vec![LabelShare { key: "worker".into(), value: "0".into(), share: 0.26 }];
        let mut block = profile("block", Vec::new());
        block.file = String::new();
        block.missing = Some("it is empty: `runtime.SetBlockProfileRate(1)` turns it on".into());
        Attached {
            format: crate::run::FORMAT,
            origin: Origin {
                url: Some("http://127.0.0.1:6060/debug/pprof/".into()),
                program: "faulty".into(),
                ..Origin::default()
            },
            wall_s: 10.0,
            ended: false,
            notes: vec!["the collector of garbage ran once more than it would have".into()],
            profiles: vec![
                cpu,
                profile("mutex", vec![picture("mutex-delay.svg", "delay", "nanoseconds", 21_000_000_000, vec![add])]),
                block,
            ],
            threads: vec![ThreadTime {
                name: "faulty".into(),
                pid: 4711,
                tid: 4712,
                cpu_s: 1.25,
                blocked_s: 0.7,
                parked_s: 8.0,
                preempted_s: 0.000_05,
                waits: 120,
            }],
            goroutines: Some(Goroutines {
                total: 108,
                cut: false,
                more: 2,
                groups: vec![GoroutineGroup {
                    state: "chan receive".into(),
                    count: 100,
                    minutes: 5,
                    function: "main.abandon.func1".into(),
                    file: "faulty/main.go".into(),
                    line: 55,
                    created_by: "main.abandon faulty/main.go:55".into(),
                }],
            }),
            figures: vec![Figure {
                name: "HeapAlloc".into(),
                value: 21_925_552.0,
                unit: "bytes".into(),
                note: String::new(),
            }],
        }
    }

    #[test]
    fn values_have_the_unit_of_their_sample_type() {
        assert_eq!(value(1_500_000, "nanoseconds"), "1.50 ms");
        assert_eq!(value(1 << 20, "bytes"), "1.00 MiB");
        assert_eq!(value(1234, "count"), "1,234");
        assert_eq!(value(3, "polls\u{1b}"), "3 polls\\u{1b}");
    }

    #[test]
    fn places_without_a_file_claim_none() {
        assert_eq!(at("", 7), "");
        assert_eq!(at("a.go", 0), "a.go");
        assert_eq!(at("/h/.cargo/registry/src/index-1/serde-1.0.1/src/lib.rs", 7), "serde-1.0.1/src/lib.rs:7");
    }
}
