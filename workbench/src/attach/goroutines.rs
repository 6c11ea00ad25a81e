//! `goroutine?debug=2` of Go's net/http/pprof: every goroutine with what it waits for, since when, and its stack.

use std::collections::HashMap;
use std::sync::Arc;

use reports::run::{GoroutineGroup, Goroutines, TraceFrame};

use super::hot::{ASKING, is_plumbing};

/// Groups kept.
const MOST: usize = 200;

/// Reads a dump; `cut` where its end is missing. `None` where it holds no goroutine. The one that writes the dump is left
/// out.
///
/// Each is a paragraph (`runtime.Stack`, `runtime/traceback.go`):
///
/// ```text
/// goroutine 34 [chan receive, 5 minutes, locked to thread]:
/// main.wait(0xc000012345, {0x1, 0x2})
///     /src/main.go:12 +0x1c
/// created by main.main in goroutine 1
///     /src/main.go:30 +0x6d
/// ```
pub(super) fn parse(dump: &str, cut: bool) -> Option<Goroutines> {
    let mut groups: HashMap<GoroutineGroup, (u64, u64)> = HashMap::new();
    let mut total = 0;
    for paragraph in whole(dump, cut) {
        let (group, minutes) = group(paragraph);
        total += 1;
        let (count, longest) = groups.entry(group).or_default();
        *count += 1;
        *longest = minutes.max(*longest);
    }
    if total == 0 {
        return None;
    }
    let mut all: Vec<GoroutineGroup> =
        groups.into_iter().map(|(group, (count, minutes))| GoroutineGroup { count, minutes, ..group }).collect();
    all.sort_by(|a, b| {
        let place = |group: &GoroutineGroup| (group.state.clone(), group.function.clone(), group.line);
        b.count.cmp(&a.count).then(b.minutes.cmp(&a.minutes)).then_with(|| place(a).cmp(&place(b)))
    });
    let more = all.len().saturating_sub(MOST) as u64;
    all.truncate(MOST);
    Some(Goroutines { total, cut, groups: all, more })
}

/// A goroutine with its stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Goroutine {
    /// What it does, in Go's words.
    pub(crate) state: String,
    /// Functions, innermost first; many are alike.
    pub(crate) frames: Arc<Vec<TraceFrame>>,
    /// Who started it, with the line of its `go`; `None` of the first one.
    pub(crate) created_by: Option<TraceFrame>,
    /// How many are alike: 1 where each was told.
    pub(crate) count: u64,
    /// Its number; 0 where they were only counted.
    pub(crate) id: u64,
    /// Since when it does so, `CLOCK_MONOTONIC` in nanoseconds; `None` where it was asked, and may have done something else in
    /// between.
    pub(crate) since_ns: Option<u64>,
}

/// Goroutines by stack, as `goroutine?debug=1` counts them (`runtime/pprof`, `printCountProfile`): the world hardly stops for
/// it, and neither what they wait for nor who started them is told. Who did is taken from the function that each began with.
///
/// ```text
/// 42368 @ 0x43e5ee 0x40a2c5 0x6d1f25
/// #\t0x6d1f24\tmain.watch.func1+0x24\t/src/main.go:50
/// ```
pub(crate) fn counted(profile: &str) -> Vec<Goroutine> {
    let paragraphs = profile.split("\n\n").filter(|paragraph| !paragraph.contains(ASKING));
    paragraphs.filter_map(counted_alike).collect()
}

fn counted_alike(paragraph: &str) -> Option<Goroutine> {
    let count = paragraph.lines().find_map(|line| line.split_once(" @ ")?.0.trim().parse().ok())?;
    let frames: Vec<TraceFrame> = paragraph.lines().filter_map(counted_frame).collect();
    let is_network = frames.iter().any(|frame| frame.function.starts_with("internal/poll."));
    let state = if is_network { "IO wait".to_owned() } else { String::new() };
    let created_by = frames.last().map(|first| TraceFrame { function: enclosing(&first.function), ..first.clone() });
    Some(Goroutine { state, frames: Arc::new(frames), created_by, count, id: 0, since_ns: None })
}

fn counted_frame(line: &str) -> Option<TraceFrame> {
    let mut fields = line.strip_prefix("#\t0x")?.split('\t').skip(1).filter(|field| !field.is_empty());
    let (function, at) = (fields.next()?, fields.next()?);
    let (file, number) = at.rsplit_once(':')?;
    let function = function.rsplit_once("+0x").map_or(function, |(function, _)| function);
    Some(TraceFrame { function: function.to_owned(), file: file.to_owned(), line: number.trim().parse().ok()? })
}

/// The function around a function literal or a wrapper that Go made for a `go` (`main.watch.func1`, `main.watch.gowrap2`).
pub(crate) fn enclosing(function: &str) -> String {
    let is_inner = |part: &str| {
        let rest = part.strip_prefix("func").or_else(|| part.strip_prefix("gowrap")).unwrap_or(part);
        rest.chars().all(|c| c.is_ascii_digit())
    };
    let mut name = function;
    while let Some((before, _)) = name.rsplit_once('.').filter(|(_, last)| is_inner(last)) {
        name = before;
    }
    name.to_owned()
}

/// All goroutines of a dump with their stacks; the one that writes the dump is left out.
pub(crate) fn stacks(dump: &str, cut: bool) -> Vec<Goroutine> {
    let frame = |(function, file, number): (&str, &str, u64)| TraceFrame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: u32::try_from(number).unwrap_or(0),
    };
    let stack = |one: Paragraph<'_>| Goroutine {
        state: one.state,
        frames: Arc::new(one.frames.into_iter().map(frame).collect()),
        created_by: one.creator.map(frame),
        count: 1,
        id: one.id,
        since_ns: None,
    };
    whole(dump, cut).map(stack).collect()
}

/// What a paragraph says.
struct Paragraph<'d> {
    id: u64,
    state: String,
    /// That it waits.
    minutes: u64,
    /// Function, file and line, innermost first.
    frames: Vec<(&'d str, &'d str, u64)>,
    /// Function, file and line of who started it; `None` of the first goroutine.
    creator: Option<(&'d str, &'d str, u64)>,
}

/// All goroutines of a dump but the one that writes it, and the last one of a dump that was cut off: it is not whole.
fn whole(dump: &str, cut: bool) -> impl Iterator<Item = Paragraph<'_>> {
    let mut paragraphs: Vec<&str> = dump.split("\n\n").collect();
    if cut {
        paragraphs.pop();
    }
    paragraphs.into_iter().filter(|paragraph| !paragraph.contains(ASKING)).filter_map(read)
}

fn read(paragraph: &str) -> Option<Paragraph<'_>> {
    let mut lines = paragraph.trim_start().lines();
    let (id, state, minutes) = head(lines.next()?)?;
    let mut read = Paragraph { id, state, minutes, frames: Vec::new(), creator: None };
    while let Some(line) = lines.next() {
        if line.starts_with("...") {
            // "...12 frames elided...", as Go has it for deep stacks.
            continue;
        }
        let (file, number) = lines.next().map(place).unwrap_or_default();
        if let Some(creator) = line.strip_prefix("created by ") {
            let function = creator.split(" in goroutine ").next().unwrap_or(creator);
            read.creator = Some((function, file, number));
            break;
        }
        read.frames.push((called(line), file, number));
    }
    Some(read)
}

/// Where a goroutine stands: one of its group, and the minutes that it waits.
fn group(one: Paragraph<'_>) -> (GoroutineGroup, u64) {
    let told = one.frames.iter().find(|(function, file, _)| !function.is_empty() && !is_plumbing(function, file));
    let (function, file, line) = told.or(one.frames.first()).copied().unwrap_or_default();
    let group = GoroutineGroup {
        state: one.state,
        function: function.to_owned(),
        file: file.to_owned(),
        line,
        created_by: one.creator.map(|(function, file, line)| format!("{function} {file}:{line}")).unwrap_or_default(),
        ..GoroutineGroup::default()
    };
    (group, one.minutes)
}

/// `goroutine 34 gp=0xc000 m=nil [chan receive, 5 minutes]:`: number, state and minutes.
fn head(line: &str) -> Option<(u64, String, u64)> {
    let (names, rest) = line.strip_prefix("goroutine ")?.split_once('[')?;
    let id = names.split(' ').next()?.parse().ok()?;
    let inside = &rest[..rest.rfind(']')?];
    let mut parts = inside.split(", ");
    let state = parts.next().unwrap_or_default().to_owned();
    let minutes = parts.find_map(|part| part.strip_suffix(" minutes")?.parse().ok());
    Some((id, state, minutes.unwrap_or(0)))
}

/// `main.(*Ledger).Add(0x155ee7344050, 0x1b480)` without its arguments.
fn called(line: &str) -> &str {
    line.strip_suffix(')').and_then(|line| Some(&line[..line.rfind('(')?])).unwrap_or(line)
}

/// `    /src/main.go:12 +0x1c`: file and line.
fn place(line: &str) -> (&str, u64) {
    let place = line.trim();
    let place = place.rsplit_once(" +0x").map_or(place, |(place, _)| place);
    match place.rsplit_once(':').map(|(file, number)| (file, number.parse())) {
        Some((file, Ok(number))) => (file, number),
        _ => (place, 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = include_str!("fixtures/goroutines.txt");

    #[test]
    fn a_real_dump_tells_who_waits_for_what() {
        let seen = parse(DUMP, false).unwrap();
        let lines: Vec<String> = seen
            .groups
            .iter()
            .map(|g| format!("{} [{}] {} {}:{} by {}", g.count, g.state, g.function, g.file, g.line, g.created_by))
            .collect();
        insta::assert_snapshot!(format!("total {}\n{}", seen.total, lines.join("\n")));
    }

    #[test]
    fn heads_of_every_kind_are_read() {
        for (line, id, state, minutes) in [
            ("goroutine 34 [chan receive, 5 minutes, locked to thread]:", 34, "chan receive", 5),
            ("goroutine 1 gp=0xc000002380 m=nil [select (no cases)]:", 1, "select (no cases)", 0),
            ("goroutine 7 [sync.Mutex.Lock, 120 minutes] {\"k\":\"v\"}:", 7, "sync.Mutex.Lock", 120),
        ] {
            assert_eq!(head(line), Some((id, state.to_owned(), minutes)), "{line}");
        }
        assert_eq!(head("12 tasks [3 in poll]:"), None);
        assert_eq!(called("main.(*Ledger).Add({0x1, 0x2}, 0x3)"), "main.(*Ledger).Add");
        assert_eq!(called("main.run[...](...)"), "main.run[...]");
    }

    #[test]
    fn stacks_are_read_whole() {
        let dump = "goroutine 7 [sync.Mutex.Lock, 2 minutes]:\nsync.(*Mutex).Lock(...)\n\t/go/src/sync/mutex.go:46\n\
                    main.post(0x1)\n\t/w/main.go:40 +0x25\ncreated by main.main in goroutine 1\n\t/w/main.go:9 +0x6d\n\n\
                    goroutine 8 [running]:\nnet/http/pprof.Index()\n\t/go/src/net/http/pprof/pprof.go:1 +0x1\n";
        let found = stacks(dump, false);
        let told = |one: &Goroutine| {
            let frames = one.frames.iter().map(|frame| format!("{} {}:{}", frame.function, frame.file, frame.line));
            let by = one.created_by.iter().map(|by| format!(" by {} {}:{}", by.function, by.file, by.line));
            format!("[{}] {}{}", one.state, frames.collect::<Vec<_>>().join(", "), by.collect::<String>())
        };
        assert_eq!(
            found.iter().map(told).collect::<Vec<_>>(),
            [
                "[sync.Mutex.Lock] sync.(*Mutex).Lock /go/src/sync/mutex.go:46, main.post /w/main.go:40 by main.main /w/main.go:9"
            ]
        );
        assert!(stacks("<html>no dump</html>", false).is_empty());
    }

    #[test]
    fn goroutines_that_are_alike_are_counted_by_their_stack() {
        let profile = "goroutine profile: total 6\n42368 @ 0x48c16a 0x67e9e5 0x493041\n\
                       #\t0x67e9e4\tmain.watch.func1+0x24\t/w/main.go:50\n\n\
                       1 @ 0x448b71 0x67a15c\n#\t0x67a15b\tnet/http/pprof.Index+0xdb\t\t/go/src/net/http/pprof/pprof.go:391\n\n\
                       2 @ 0x48c16a 0x67e846\n# labels: {\"k\":\"v\"}\n\
                       #\t0x48b364\tinternal/poll.(*FD).Read+0x84\t\t/go/src/internal/poll/fd_unix.go:1\n\
                       #\t0x67e845\tmain.(*Feed).follow+0xa5\t\t\t\t\t/w/feed.go:75\n\n";
        let told = |one: &Goroutine| {
            let by = one.created_by.as_ref().map(|by| format!("{} {}:{}", by.function, by.file, by.line));
            format!("{} [{}] by {}", one.count, one.state, by.unwrap_or_default())
        };
        assert_eq!(
            counted(profile).iter().map(told).collect::<Vec<_>>(),
            ["42368 [] by main.watch /w/main.go:50", "2 [IO wait] by main.(*Feed).follow /w/feed.go:75"]
        );
        assert_eq!(enclosing("main.(*S).run.func2.1"), "main.(*S).run");
        assert_eq!(enclosing("main.serve.gowrap1"), "main.serve");
        assert!(counted("<html>no profile</html>").is_empty());
    }

    #[test]
    fn the_torn_end_of_a_long_dump_is_left_out() {
        let whole = parse(DUMP, false).unwrap();
        let cut = parse(&DUMP[..DUMP.len() - 40], true).unwrap();
        assert_eq!(cut.total, whole.total - 1);
        assert!(cut.cut);
        assert_eq!(parse("<html>no dump</html>", false), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(goroutine [0-9]+ \\[.*|created by .*|\t.*:[0-9]+|.*|\n)*") {
            let _ = parse(&text, true);
            let _ = counted(&text);
        }
    }
}
