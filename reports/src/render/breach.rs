//! What ran while a service was late, in words: shared by pages and terminal.

use super::{number, text, waits, words};
use crate::run::{Breach, BreachRow};

/// How to read the heat map.
pub(crate) const HEAT: &str = "Each column is a piece of the recording and each row a fraction of it, from the bottom up; darker \
    cells hold more CPU samples above, and a worse latency below, at the same places: look for cells that are dark in one or \
    pale in the other.";

/// How to read the table.
pub(crate) const TABLE: &str = "Share of the CPU samples with the function on the stack, within the windows and in the rest of \
    the same phase; the ratio has a 95 % interval over windows, and a function stands out where it lies above 1.";

/// How to read the flamegraph.
pub(crate) const FLAME: &str = "CPU time within the windows beyond what the same length of the rest uses: what always runs \
    cancels, and a rare stall remains.";

/// CPUs within the windows, divided by those in the rest, from which on a process is said to have waited.
const WAITED: f64 = 0.5;

/// When it was late, in sentences.
pub(crate) fn summary(breach: &Breach) -> String {
    let limit = format!("{} ({})", number::seconds(breach.limit_s), text::sentence(&breach.limit_from));
    let operations = words::plural(breach.operations, "measured operation", "measured operations");
    if breach.late == 0 {
        return format!("None of {operations} took longer than {limit}: there is nothing to set against the rest.");
    }
    let share = if breach.phase_s > 0.0 { breach.within_s / breach.phase_s } else { 0.0 };
    let mut told = format!(
        "{} of {operations} took longer than {limit}. They were waited for in {} of {} together, {} of the open-loop phase.",
        number::count(breach.late as f64),
        words::plural(breach.window_count, "window", "windows"),
        number::seconds(breach.within_s),
        number::percent(share),
    );
    if let (Some(within), Some(outside)) = (breach.within_cpus(), breach.outside_cpus()) {
        let busy =
            format!("{} CPUs were busy, in the rest {}", number::significant(within), number::significant(outside));
        told.push_str(&format!(" Within them {busy}"));
        told.push_str(if within < WAITED * outside { ": it waited more than it computed; see where." } else { "." });
    }
    told
}

/// Functions named in short.
const NAMED: usize = 3;

/// When a variant was late and what ran then, in a few lines; `None` where nothing was.
pub(crate) fn brief(breach: &Breach) -> Option<String> {
    if breach.late == 0 {
        return None;
    }
    let named = breach.rows.iter().filter(|row| row.own && stands_out(row)).take(NAMED).map(|row| {
        let (within, rest) = (number::percent(row.within_share), number::percent(row.outside_share));
        format!("{} ({within} of the samples then, {rest} else)", place(row))
    });
    let named: Vec<_> = named.collect();
    let ran = match named.is_empty() {
        true => "No function of the program is shown to run more then than else.".to_owned(),
        false => format!("What ran then more than else: {}.", named.join("; ")),
    };
    Some(format!("{} {ran}", summary(breach)))
}

/// The place of a row.
pub(crate) fn place(row: &BreachRow) -> String {
    waits::place(&row.function, &row.file, row.line)
}

/// The ratio with its interval.
pub(crate) fn ratio(row: &BreachRow) -> String {
    match (row.ratio, row.low, row.high) {
        (Some(ratio), Some(low), Some(high)) => {
            let (ratio, interval) = number::interval(ratio, low, high);
            format!("{ratio} {interval}")
        }
        (Some(ratio), _, _) => number::ratio(ratio),
        (None, Some(low), _) => format!("only within, at least {}", number::ratio(low)),
        (None, None, _) => "only within".to_owned(),
    }
}

/// Rows worth a look: those of the program; others that stand out only where none of the program does.
pub(crate) fn shown(breach: &Breach) -> impl Iterator<Item = &BreachRow> {
    let blamed = breach.rows.iter().any(|row| row.own && stands_out(row));
    breach.rows.iter().filter(move |row| row.own || (stands_out(row) && !blamed))
}

/// Whether a share is shown to be higher within the windows.
pub(crate) fn stands_out(row: &BreachRow) -> bool {
    row.low.is_some_and(|low| low > 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::breach::tests::breach;

    #[test]
    fn what_was_late_is_told() {
        insta::assert_snapshot!(summary(&breach()), @"8 of 100 measured operations took longer than 2.70 ms (three times the median latency of the trial: the scenario names no limit). They were waited for in 2 windows of 84.0 ms together, 5.6 % of the open-loop phase. Within them 0.477 CPUs were busy, in the rest 0.502.");
        let ratios: Vec<_> = breach().rows.iter().map(ratio).collect();
        assert_eq!(ratios, ["only within, at least 11×", "1.01× [0.90, 1.60]", "1.00× [0.90, 1.60]"]);
        let none = summary(&Breach { late: 0, ..breach() });
        assert!(none.starts_with("None of 100 measured operations took longer than 2.70 ms"), "{none}");
        let told = brief(&breach()).unwrap();
        let most =
            "What ran then more than else: shop::stall<b> (src/<shop>.rs:41) (98 % of the samples then, 0 % else).";
        assert!(told.ends_with(most), "{told}");
        assert_eq!(brief(&Breach { late: 0, ..breach() }), None);
        let none = brief(&Breach { rows: Vec::new(), ..breach() }).unwrap();
        assert!(none.ends_with("No function of the program is shown to run more then than else."), "{none}");
        let waited = summary(&Breach { within: 4, ..breach() });
        assert!(waited.ends_with("in the rest 0.502: it waited more than it computed; see where."), "{waited}");
    }
}
