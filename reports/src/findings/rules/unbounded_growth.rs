//! Memory that grows with every operation and never comes to rest.

use crate::findings::cause::{Answer, Cause, at};
use crate::findings::joined::Joined;
use crate::findings::naming::Place;
use crate::findings::{CpuRow, Culprit, Keeper, telling};
use crate::run::TraceFrame;

pub(in crate::findings) const SLUG: &str = "unbounded-growth";
/// Growth that counts, bytes in the open loop, and for each operation.
const LEAST: f64 = 3e6;
const PER_OPERATION: f64 = 1000.0;
/// Looks at its memory from which its course can be told.
const LEAST_SAMPLES: usize = 12;
/// The same under full load, and growth that counts there, bytes.
const LEAST_BEFORE: usize = 7;
const MUCH: f64 = 3e7;
/// Growth there that counts though a program of Go's came to rest in the open loop, bytes.
const VERY_MUCH: f64 = 1e8;
/// Every third of the time must have this part of an even share of the growth: who warms up does so at first.
const STEADY: f64 = 0.5;
/// The same of what grows both under full load and in the open loop: a garbage collector lets it rest for a while.
const STEADY_IN_BOTH: f64 = 0.25;

pub(super) fn look(joined: &Joined<'_>) -> Answer {
    let Some(kernel) = joined.kernel else { return Answer::Blind("wait") };
    let open = kernel.head.open_at_s.unwrap_or(0.0);
    #[allow(clippy::cast_precision_loss, reason = "bytes of memory below 2^52")]
    let inside: Vec<(f64, f64)> =
        kernel.samples.iter().filter(|s| s.at_s >= open).filter_map(|s| Some((s.at_s, s.resident? as f64))).collect();
    if inside.len() < LEAST_SAMPLES {
        let because = format!(
            "{} looks at its memory are too few to tell growth from a warm-up: run it for longer",
            inside.len()
        );
        return Answer::Unfit { evidence: "wait", because };
    }
    // A trial keeps its connections open: what they hold came before.
    let at = |part: usize| inside[(inside.len() - 1) * part / 4].1;
    let course = [at(1), at(2), at(3), at(4)];
    let growth = course[3] - course[0];
    let seconds = inside[inside.len() - 1].0 - inside[(inside.len() - 1) / 4].0;
    // Who cannot keep up answers less than is asked for.
    #[allow(clippy::cast_precision_loss, reason = "operations of one trial")]
    let answered = joined.waited.map_or(f64::INFINITY, |count| count as f64 / (kernel.head.wall_s - open).max(1e-9));
    let each = growth / (joined.rate.min(answered) * seconds).max(1.0);
    let before = grown_under_load(joined);
    let is_steady = rises(course, STEADY);
    let hidden = !is_steady
        && before.as_ref().is_some_and(|Grown { course: before, .. }| {
            rises(*before, STEADY) || rises(course, STEADY_IN_BOTH) && rises(*before, STEADY_IN_BOTH)
        });
    // A garbage collector that had so much to do rests for long; so does who has warmed up.
    let collects = joined.build.is_some_and(|build| build.go);
    let much = |before: &Grown| rises(before.course, STEADY) && before.growth() >= VERY_MUCH;
    if let Some(before) = before.filter(|before| collects && growth < LEAST && much(before)) {
        return rested(joined, &before);
    }
    if growth < LEAST || each < PER_OPERATION && !joined.attached || !(is_steady || hidden) {
        let course = match growth {
            less if less < 0.0 => format!("shrank by {:.1} MB in {seconds:.0} s", -less / 1e6),
            _ => format!("grew by {:.1} MB in {seconds:.0} s", growth / 1e6),
        };
        let because = match () {
            () if growth < LEAST => String::new(),
            () if each < PER_OPERATION => format!(", {each:.0} bytes with every operation"),
            () => ", and not all the time".to_owned(),
        };
        return Answer::RuledOut(format!("the resident set {course}{because}"));
    }
    let Blamed { culprit, place, because } = maker(joined).map(|maker| blamed(joined, maker)).unwrap_or_default();
    let pace = match joined.attached {
        true => format!("{:.1} kB a second", growth / seconds / 1e3),
        false => format!("{:.1} kB with every operation", each / 1e3),
    };
    Answer::Found(vec![Cause {
        rule: SLUG,
        title: format!("memory grows by {pace}{place}"),
        share: 1.0,
        culprit,
        evidence: std::iter::once(format!(
            "the resident set grew by {:.1} MB in {seconds:.1} s, {}",
            growth / 1e6,
            match hidden {
                true => "and under full load before, in every part of that alike",
                false => "in every part of them alike",
            }
        ))
        .chain(because)
        .collect(),
        refuted_by: "the resident set would come to rest at the same load".into(),
        next: joined.again("cpu,wait,trace --duration 60s"),
        proof: "wait",
        depth: 6,
        foremost: true,
    }])
}

/// Whether it does.
pub(super) fn grows(joined: &Joined<'_>) -> bool {
    matches!(look(joined), Answer::Found(_))
}

/// It grew much under full load, and not in the open loop: only more time tells whether it has come to rest.
fn rested(joined: &Joined<'_>, before: &Grown) -> Answer {
    let maker = maker(joined).map(|maker| blamed(joined, maker)).unwrap_or_default();
    Answer::Open {
        sentence: format!(
            "the resident set grew by {:.0} MB under full load, {:.1} kB with every operation and in every part of {:.1} s alike{}, \
             and came to rest in the open loop: either it has warmed up, or its garbage collector hides for a while that it \
             still grows",
            before.growth() / 1e6,
            before.growth() / before.operations / 1e3,
            before.seconds,
            maker.place
        ),
        place: maker.culprit,
        experiment: joined.again("cpu,wait --duration 60s"),
    }
}

/// Who touches most of what is new.
fn maker<'a>(joined: &Joined<'a>) -> Option<&'a CpuRow> {
    let rows = joined.cpu.into_iter().flat_map(|cpu| &cpu.rows).filter(|row| !row.function.is_empty());
    let faults = |row: &&CpuRow| row.calls.get("page fault").copied().unwrap_or(0.0) + row.allocator_s;
    rows.max_by(|a, b| faults(a).total_cmp(&faults(b))).filter(|row| faults(row) > 0.0)
}

/// Growth under full load.
struct Grown {
    /// Its memory at the beginning, after each third and at the end, bytes.
    course: [f64; 4],
    /// Operations meanwhile.
    operations: f64,
    /// How long that was looked at.
    seconds: f64,
}

impl Grown {
    /// Bytes.
    fn growth(&self) -> f64 {
        self.course[3] - self.course[0]
    }
}

/// Whether what has these values after each third of the time grew in each of them at least by this part of an even share.
fn rises(course: [f64; 4], least: f64) -> bool {
    let growth = course[3] - course[0];
    course.windows(2).all(|pair| pair[1] - pair[0] >= least * growth / 3.0)
}

/// How its memory grew with each operation under full load before, where that is much: what a garbage collector had freed by then hides
/// for a while that it still does.
fn grown_under_load(joined: &Joined<'_>) -> Option<Grown> {
    let kernel = joined.kernel?;
    let open = kernel.head.open_at_s?;
    let before = || kernel.samples.iter().filter(|sample| sample.at_s < open);
    #[allow(clippy::cast_precision_loss, reason = "bytes of memory below 2^52")]
    let resident: Vec<f64> = before().filter_map(|sample| sample.resident.map(|bytes| bytes as f64)).collect();
    let seconds = before().next_back().zip(before().next()).map_or(0.0, |(last, first)| last.at_s - first.at_s);
    let operations = joined.kernel_operations().unwrap_or(0.0) - joined.rate * (kernel.head.wall_s - open);
    if resident.len() < LEAST_BEFORE || operations < 1.0 {
        return None;
    }
    let at = |part: usize| resident[(resident.len() - 1) * part / 3];
    let grown = Grown { course: [at(0), at(1), at(2), at(3)], operations, seconds };
    (grown.growth() >= MUCH && grown.growth() / operations >= PER_OPERATION).then_some(grown)
}

/// Who is held to account for what grows.
#[derive(Default)]
struct Blamed {
    culprit: Option<Culprit>,
    /// For the title.
    place: String,
    because: Vec<String>,
}

/// Who goes round all that it tells, of a stack in which what grows is made.
fn unheard(joined: &Joined<'_>, path: &[TraceFrame]) -> Option<Culprit> {
    let loops = joined.loops?;
    path.iter()
        .find_map(|frame| Some(at(&TraceFrame { line: loops.unheard(&frame.file, frame.line)?, ..frame.clone() })))
}

/// Who takes a part that keeps a whole buffer, where somebody else makes those.
fn slices(joined: &Joined<'_>, made: &Culprit) -> Option<Culprit> {
    joined.loops?.slices(&made.function).filter(|at| !at.is_at(made))
}

/// Who touches new pages makes what grows, and who keeps that lets it grow: these need not be the same.
fn blamed(joined: &Joined<'_>, maker: &CpuRow) -> Blamed {
    let made = Culprit { function: maker.function.clone(), file: maker.file.clone(), line: maker.line };
    let touched = "most of the pages that were new were touched";
    let keeps = |frame: &TraceFrame| {
        // `main.(*room).assign`: what its source calls it.
        let line = joined.loops?.keeps(&frame.file, frame.name())?;
        Some(Keeper { by: TraceFrame { line, ..frame.clone() }, call: "=".into(), followed: true })
    };
    let handed = |pair: &[TraceFrame]| {
        let [made, calls] = pair else { return None };
        let loops = joined.loops?;
        let keep = loops.keep_for(&calls.file, calls.name(), made.name());
        let is_seen =
            |(file, function, _): &&Place<'_>| telling::seen(joined).any(|frame| telling::is_of(frame, file, function));
        // Of several that one name may stand for, the one that ran.
        let &(file, function, line) = keep.iter().find(is_seen).or(keep.first())?;
        // The caller itself, where a library does.
        let is_caller = telling::is_of(calls, file, function);
        let keeps = loops.culprit(&calls.function, (file, function, line));
        let function = if is_caller { calls.function.clone() } else { keeps.function };
        let by = TraceFrame { function, file: keeps.file, line };
        Some(Keeper { by, call: "=".into(), followed: true })
    };
    let keeper = maker.kept_by.clone().or_else(|| maker.path.iter().find_map(keeps));
    let keeper = keeper.or_else(|| maker.path.windows(2).find_map(handed));
    if let Some(culprit) = unheard(joined, &maker.path).filter(|at| keeper.is_none() && !at.is_at(&made)) {
        let because = vec![
            format!("{touched} in {}, for each of them", made.sentence()),
            "it tells all of a list and does not look whether anybody hears it, as its source says: who has gone stays in it"
                .to_owned(),
        ];
        let place = format!(", for all that {} goes round", culprit.function);
        return Blamed { culprit: Some(culprit), place, because };
    }
    if let Some(part) = slices(joined, &made) {
        let because = vec![
            format!("{touched} in {}", made.sentence()),
            format!("a part that {} takes keeps the whole of what was made, as its source says", part.sentence()),
        ];
        let place = format!(", made by {} and kept by the part that {} takes", made.function, part.function);
        return Blamed { culprit: Some(part), place, because };
    }
    match &keeper {
        Some(keeper) if keeper.by.function != made.function || keeper.by.file != made.file => {
            let gone = match keeper.followed {
                true => format!("what it makes is added by `{}` to what outlives the operation", keeper.call),
                false => format!(
                    "what it makes is sent away; meanwhile more and more is added by `{}`, without waiting for room",
                    keeper.call
                ),
            };
            let because = vec![
                format!("{touched} in {}", made.sentence()),
                format!("{gone}, in {}, as the sources say", at(&keeper.by).sentence()),
            ];
            let place = format!(", made by {} and kept by {}", made.function, keeper.by.function);
            Blamed { culprit: Some(at(&keeper.by)), place, because }
        }
        kept => {
            let adds = kept.as_ref().filter(|keeper| keeper.followed).map(|keeper| {
                format!("it adds it by `{}` to what outlives the operation, as its source says", keeper.call)
            });
            let place = format!(", asked for by {}", made.function);
            let because = std::iter::once(format!("{touched} there")).chain(adds).collect();
            Blamed { culprit: Some(made), place, because }
        }
    }
}
