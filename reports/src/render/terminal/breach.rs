//! What `show --breach` prints.

use std::collections::BTreeMap;

use super::ink::{Ink, Look};
use super::layout::{Align, Piece, grid, hanging, paragraph};
use crate::render::{breach, number, text};
use crate::run::{Breach, BreachEvidence};

/// Functions that are shown.
const ROWS: usize = 15;

/// What ran while each variant was late; `width` in columns.
pub fn breach(seen: &BTreeMap<String, BreachEvidence>, color: bool, width: usize) -> String {
    let ink = Ink { color };
    let parts = seen.iter().map(|(variant, seen)| {
        let name = ink.paint(Look::Bold, &text::name(variant));
        format!("{name}\n{}", of_variant(&seen.record, width, ink))
    });
    parts.collect::<Vec<_>>().join("\n")
}

fn of_variant(record: &Breach, width: usize, ink: Ink) -> String {
    let mut out = paragraph(&breach::summary(record), 0, width) + "\n";
    for doubt in &record.doubts {
        out.push_str(&hanging(Look::Warn, &text::sentence(doubt), 0, width, ink));
    }
    let heads = ["while late", "rest", "ratio", "windows", "function"];
    let mut lines = vec![heads.iter().map(|head| Piece::new(*head, Look::Dim)).collect::<Vec<_>>()];
    let shown: Vec<_> = breach::shown(record).collect();
    for row in shown.iter().take(ROWS) {
        let look = if breach::stands_out(row) { Look::Warn } else { Look::Plain };
        lines.push(vec![
            Piece::new(number::percent(row.within_share), look),
            Piece::plain(number::percent(row.outside_share)),
            Piece::plain(breach::ratio(row)),
            Piece::plain(format!("{} of {}", row.windows, record.window_count)),
            Piece::plain(breach::place(row)),
        ]);
    }
    if lines.len() > 1 {
        let aligns = [Align::Right, Align::Right, Align::Left, Align::Right, Align::Left];
        out.push_str(&format!("\n{}", grid(&lines, &aligns, 0, width, ink)));
        out.push_str(&hanging(Look::Dim, breach::TABLE, 0, width, ink));
    }
    let more = shown.len().saturating_sub(ROWS);
    if more > 0 {
        out.push_str(&hanging(Look::Dim, &format!("{more} more: show --breach --json has them"), 0, width, ink));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::breach::tests::breach as example;

    #[test]
    fn the_table_names_what_stands_out() {
        let seen = BreachEvidence { record: example(), flamegraph: String::new() };
        insta::assert_snapshot!(breach(&[("sy\u{7}nc".to_owned(), seen)].into(), false, 100), @r"
        sy\u{7}nc
        8 of 100 measured operations took longer than 2.70 ms (three times the median latency of the trial:
        the scenario names no limit). They were waited for in 2 windows of 84.0 ms together, 5.6 % of the
        open-loop phase. Within them 0.477 CPUs were busy, in the rest 0.502.
        the driver could not keep up

        while late  rest  ratio                      windows  function
              98 %   0 %  only within, at least 11×   2 of 2  shop::stall<b> (src/<shop>.rs:41)
             100 %  99 %  1.01× [0.90, 1.60]          2 of 2  shop::serve (src/<shop>.rs:12)
        Share of the CPU samples with the function on the stack, within the windows and in the rest of the
        same phase; the ratio has a 95 % interval over windows, and a function stands out where it lies
        above 1.
        ");
    }
}
