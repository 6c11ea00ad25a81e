//! The breach profile: what ran while operations of the evidence trial were late, minus the rest of the same phase. A stall
//! of two per cent of a run, lost in its flamegraph, is most of this one.

use flamegraphs::moments::{Parts, Piece, Seen, Timed};
use flamegraphs::profile::Profile;
use flamegraphs::{names, svg};
use reports::breach::{self, Operation, Window};
use reports::run::writer::RunWriter;
use reports::run::{Breach, BreachRow, BreachWindow, FORMAT, Late};
use reports::stats::{Shares, share_ratio};

use super::Gathered;
use super::cpu::{OpenPhase, Span};
use super::trace::within_project;

/// Profile of the difference, within the evidence folder of a variant.
const BREACH_PROFILE: &str = "breach.pb.gz";
/// Flamegraph of the same.
const BREACH_FLAMEGRAPH: &str = "breach.svg";
/// Windows kept.
const MOST_WINDOWS: usize = 200;
/// Functions kept.
const MOST_ROWS: usize = 60;
/// The rest of the phase is cut into pieces of this length, nanoseconds: clusters for the interval.
const PIECE_NS: u64 = 100_000_000;
/// Fewer samples within the windows say little.
const FEW_SAMPLES: u64 = 10;

/// Writes `breach.json`, `breach.pb.gz` and `breach.svg` of a variant; without an open-loop phase nothing. Where no operation
/// was late, `breach.json` says so.
///
/// # Errors
/// Files that cannot be written.
pub(super) fn write(writer: &mut RunWriter, of: &Gathered<'_>, timed: &Timed, span: &Span<'_>) -> anyhow::Result<()> {
    let variant = of.variant;
    let Some(open) = span.open.filter(|open| !open.each.at_ns.is_empty()) else { return Ok(()) };
    let pieces = Pieces::of(open, of.late);
    let told = Breach { trial: of.trial, ..told(timed, span, open, &pieces) };
    if told.within > 0 {
        let mut profile = timed.difference(&pieces.within, &pieces.outside, &[]);
        profile.meta.comments.push(format!("limit: {} s, {}", told.limit_s, told.limit_from));
        writer.evidence(variant, BREACH_PROFILE, &flamegraphs::write::pprof(&profile))?;
        if let Some(picture) = picture(&profile, variant, &told)? {
            writer.evidence(variant, BREACH_FLAMEGRAPH, picture.as_bytes())?;
        }
    }
    writer.breach(variant, &told)?;
    Ok(())
}

/// The phase cut up by what was late.
struct Pieces {
    limit: breach::Limit,
    windows: Vec<Window>,
    /// The windows in the time of the samples.
    within: Vec<Piece>,
    /// The rest.
    outside: Vec<Piece>,
}

impl Pieces {
    /// `late` is what the scenario says, where it does.
    fn of(open: &OpenPhase, late: Option<&Late>) -> Self {
        let operations: Vec<Operation> = open
            .each
            .at_ns
            .iter()
            .zip(&open.each.took_ns)
            .map(|(at, took)| Operation { at_ns: *at, took_ns: *took })
            .collect();
        let quantile = |at: f64| open.latency.as_ref().map_or(0, |latency| latency.value_at_quantile(at));
        let limit = match late {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency in seconds")]
            Some(given) => breach::Limit { ns: (given.limit_s * 1e9) as u64, from: given.from.clone() },
            None => breach::derived(&operations, open.length_ns, quantile),
        };
        let windows = breach::windows(&operations, limit.ns, open.length_ns);
        let piece = |from: u64, to: u64| Piece { from_ns: open.started_ns + from, to_ns: open.started_ns + to };
        let within = windows.iter().map(|window| piece(window.from_ns, window.to_ns)).collect();
        let rest = breach::rest(&windows, open.length_ns, PIECE_NS);
        Self { limit, within, outside: rest.into_iter().map(|(from, to)| piece(from, to)).collect(), windows }
    }
}

fn told(timed: &Timed, span: &Span<'_>, open: &OpenPhase, pieces: &Pieces) -> Breach {
    let parts = timed.parts([&pieces.within, &pieces.outside]);
    let [within, outside] = [0, 1].map(|group| parts.samples[group].iter().sum::<u64>());
    let mut windows: Vec<BreachWindow> = pieces
        .windows
        .iter()
        .zip(&parts.samples[0])
        .map(|(window, samples)| BreachWindow {
            at_s: seconds(window.from_ns),
            length_s: seconds(window.length_ns()),
            late: window.late,
            worst_s: seconds(window.worst_ns),
            samples: *samples,
        })
        .collect();
    windows.sort_by(|a, b| b.length_s.total_cmp(&a.length_s));
    windows.truncate(MOST_WINDOWS);
    windows.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mut rows: Vec<BreachRow> =
        parts.functions.iter().filter_map(|seen| row(seen, &parts, within, outside)).collect();
    let excess = |row: &BreachRow| row.within_share - row.outside_share;
    let sure = |row: &BreachRow| row.low.is_some_and(|low| low > 1.0);
    // What the program can be blamed for comes first; the kernel and runtimes only with a reason.
    let rank = |row: &BreachRow| match (row.own, sure(row)) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    };
    rows.sort_by(|a, b| {
        rank(a).cmp(&rank(b)).then(excess(b).total_cmp(&excess(a))).then(b.within_leaf.cmp(&a.within_leaf))
    });
    rows.truncate(MOST_ROWS);
    let mut told = Breach {
        format: FORMAT,
        trial: 0,
        limit_s: seconds(pieces.limit.ns),
        limit_from: pieces.limit.from.clone(),
        operations: open.each.total,
        late: pieces.windows.iter().map(|window| window.late).sum(),
        phase_s: seconds(open.length_ns),
        window_count: windows.len().max(pieces.windows.len()) as u64,
        windows,
        within_s: seconds(pieces.windows.iter().map(Window::length_ns).sum()),
        period_s: seconds(span.period_ns),
        within,
        outside,
        rows,
        doubts: Vec::new(),
    };
    told.doubts = doubts(&told, open, span.samples.saturating_sub(timed.moments().len() as u64));
    told
}

#[allow(clippy::cast_precision_loss, reason = "samples of one recording")]
fn row(seen: &Seen, parts: &Parts, within: u64, outside: u64) -> Option<BreachRow> {
    let [here, there] = [0, 1].map(|group| seen.anywhere[group].iter().sum::<u64>());
    if here == 0 {
        return None;
    }
    let having = [&seen.anywhere[0][..], &seen.anywhere[1][..]];
    let ratio = share_ratio(&Shares { having, all: [&parts.samples[0], &parts.samples[1]] });
    let share = |count: u64, all: u64| if all == 0 { 0.0 } else { count as f64 / all as f64 };
    let (within_share, outside_share) = (share(here, within), share(there, outside));
    Some(BreachRow {
        function: seen.function.clone(),
        file: within_project(&seen.file).to_owned(),
        line: u32::try_from(seen.line).unwrap_or(0),
        own: seen.own,
        within: here,
        outside: there,
        within_leaf: seen.leaf[0],
        windows: seen.anywhere[0].iter().filter(|count| **count > 0).count() as u64,
        within_share,
        outside_share,
        ratio: (there > 0 && outside > 0).then(|| within_share / outside_share),
        low: ratio.map(|ratio| ratio.low),
        high: ratio.and_then(|ratio| ratio.high),
    })
}

/// What the reader should know.
fn doubts(told: &Breach, open: &OpenPhase, forgotten: u64) -> Vec<String> {
    let mut doubts = Vec::new();
    if told.late > 0 && told.within < FEW_SAMPLES {
        doubts.push(format!(
            "only {} samples were taken within the windows: where the service waited rather than computed, look at the waits",
            told.within
        ));
    }
    if told.window_count == 1 {
        doubts.push("one window only: how much the shares vary cannot be told, so there are no intervals".to_owned());
    }
    if told.within_s > told.phase_s * 0.5 {
        doubts.push("more than half of the phase is within windows: the rest is not what usually runs".to_owned());
    }
    if open.each.late_driver > 0 {
        doubts.push(format!(
            "{} of {} operations are left out: the driver itself was late with them",
            open.each.late_driver, open.each.total
        ));
    }
    if forgotten > 0 {
        doubts.push(format!("the times of {forgotten} samples were not kept, which are missing here"));
    }
    doubts
}

/// The flamegraph of what the windows have more than the rest; `None` without any.
fn picture(profile: &Profile, variant: &str, told: &Breach) -> anyhow::Result<Option<String>> {
    let Some(stacks) = names::fold_excess(profile, 2, &names::Options::default()) else { return Ok(None) };
    let options = svg::Options {
        title: format!("CPU of {variant} while it was late, beyond the rest"),
        subtitle: format!(
            "{} windows, {:.2} s of {:.2} s, in which an operation took longer than {:.1} ms",
            told.window_count,
            told.within_s,
            told.phase_s,
            told.limit_s * 1e3
        ),
        unit: "nanoseconds".to_owned(),
        ..svg::Options::default()
    };
    Ok(Some(svg::render(&stacks, &options)?))
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds of one phase")]
fn seconds(ns: u64) -> f64 {
    ns as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use flamegraphs::moments::Moment;
    use flamegraphs::profile::{Builder, Frame, ValueType};
    use hdrhistogram::Histogram;

    use super::*;
    use crate::load::EachOperation;

    const MS: u64 = 1_000_000;

    /// Ten seconds of one busy thread at a sample a millisecond; `stall` runs for 20 ms each second: two per cent.
    fn stalling() -> (Timed, OpenPhase) {
        let mut builder = Builder::new([ValueType::new("samples", "count"), ValueType::new("cpu", "nanoseconds")]);
        builder.meta().period = 1_000_000;
        let mut at = |address, function| {
            builder.location(address, &[Frame { function, file: "src/app.rs", line: 7, ..Frame::default() }])
        };
        let (main, serve, stall) = (at(1, "app::main"), at(2, "app::serve"), at(3, "app::stall"));
        let mut sample = |stack: &[_]| u32::try_from(builder.sample(stack, &[1, 1_000_000], &[]).unwrap()).unwrap();
        let (usual, stalled) = (sample(&[serve, main]), sample(&[stall, main]));
        let in_stall = |ms: u64| (500..520).contains(&(ms % 1000));
        let moments = (0..10_000)
            .map(|ms| Moment { time_ns: ms * MS + 1, sample: if in_stall(ms) { stalled } else { usual } })
            .collect();
        let mut latency = Histogram::new(3).unwrap();
        let mut each = EachOperation { total: 10_000, ..EachOperation::default() };
        for ms in 0..10_000 {
            let took = if in_stall(ms) { (520 - ms % 1000) * MS } else { MS / 2 };
            each.at_ns.push(ms * MS);
            each.took_ns.push(took);
            latency.record(took).unwrap();
        }
        let open = OpenPhase { started_ns: 0, length_ns: 10_000 * MS, each, latency: Some(latency) };
        (Timed::new(builder.finish(), moments), open)
    }

    fn span(open: &OpenPhase) -> Span<'_> {
        Span { period_ns: MS, began_ns: 0, wall_s: 10.0, samples: 10_000, open: Some(open) }
    }

    #[test]
    fn a_stall_of_two_per_cent_stands_out() {
        let (timed, open) = stalling();
        let told = told(&timed, &span(&open), &open, &Pieces::of(&open, None));
        assert_eq!((told.window_count, told.late, told.operations), (10, 190, 10_000), "{told:?}");
        assert!((told.limit_s - 0.0015).abs() < 1e-5 && told.limit_from.contains("median"), "{told:?}");
        let first = &told.rows[0];
        assert_eq!((first.function.as_str(), first.line, first.windows), ("app::stall", 7, 10));
        assert_eq!((first.within, first.within_leaf), (200, 200));
        assert!(first.within_share > 0.99 && first.outside_share == 0.0 && first.ratio.is_none());
        assert!(first.low.unwrap() > 100.0 && first.high.is_none(), "{first:?}");
        assert_eq!(told.standing_out().map(|row| row.function.as_str()).collect::<Vec<_>>(), ["app::stall"]);
        let main = told.rows.iter().find(|row| row.function == "app::main").unwrap();
        assert!(main.ratio.unwrap() == 1.0 && main.low.unwrap() <= 1.0, "{main:?}");
        assert!((told.within_cpus().unwrap() - 1.0).abs() < 0.1, "{:?}", told.within_cpus());
    }

    #[test]
    fn the_files_are_written_and_go_reads_the_profile() {
        let (timed, open) = stalling();
        let folder = tempfile::tempdir().unwrap();
        let wish = crate::session::Wish { scenario: "http-service".into(), seed: Some(1), ..Default::default() };
        let plan = crate::session::prepare(&wish, &crate::Catalog::builtin()).unwrap().plan;
        let name = reports::run::writer::RunName { stamp: "20260102-030405", letters: "abcd" };
        let mut writer = RunWriter::create(folder.path(), name, &plan, "", &crate::machine::read()).unwrap();
        let variant = plan.variants[0].name.as_str();
        write(&mut writer, &Gathered { variant, trial: 3, operations: 10_000, late: None }, &timed, &span(&open))
            .unwrap();
        let read = reports::run::load(writer.path()).unwrap();
        let picture = &read.breaches[variant].flamegraph;
        assert!(picture.contains("app::stall"));
        assert!(!picture.contains("app::serve"), "what the rest has as well is not drawn");
        let folder = read.evidence_folder(variant);
        let bytes = std::fs::read(writer.path().join(folder).join("breach.pb.gz")).unwrap();
        let profile = flamegraphs::read::pprof(&bytes).unwrap();
        assert_eq!((profile.total(0), profile.total(1)), (Some(200), Some(9_800)));
    }

    #[test]
    fn a_limit_that_is_given_is_the_limit() {
        let (timed, open) = stalling();
        let late = Late { limit_s: 0.0105, from: "the objective of the scenario".into() };
        let told = told(&timed, &span(&open), &open, &Pieces::of(&open, Some(&late)));
        // Of each stall those that waited longer: ten of twenty.
        assert_eq!((told.limit_s, told.late, told.window_count), (0.0105, 100, 10));
        assert_eq!(told.limit_from, "the objective of the scenario");
    }

    #[test]
    fn where_nothing_was_late_that_is_told() {
        let (timed, mut open) = stalling();
        open.each.took_ns.iter_mut().for_each(|took| *took = MS);
        let told = told(&timed, &span(&open), &open, &Pieces::of(&open, None));
        assert_eq!((told.window_count, told.late, told.within, told.rows.len()), (0, 0, 0, 0), "{told:?}");
        assert_eq!(told.outside, 10_000);
    }
}
