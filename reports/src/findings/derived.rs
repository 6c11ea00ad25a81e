//! What a type derives, or a macro made, is nobody's work: it is that of whoever calls it.

use super::joined::Joined;
use super::{CpuRow, CpuTable, Loops};
use crate::run::TraceFrame;

/// A stack of the program's functions, innermost first, from the first on that somebody wrote; all of it where none is known.
pub(super) fn written<'f>(joined: &Joined<'_>, own: &'f [TraceFrame]) -> &'f [TraceFrame] {
    joined.loops.map_or(own, |loops| &own[first_written(loops, own)..])
}

/// Whether a stack stands in what was derived to show a value to whoever debugs: of what Rust derives, `Debug` alone formats.
pub(super) fn is_for_debugging(joined: &Joined<'_>, own: &[TraceFrame]) -> bool {
    let derived = own.len() - written(joined, own).len();
    own[..derived].iter().any(|frame| frame.function.ends_with("::fmt"))
}

fn first_written(loops: &Loops, own: &[TraceFrame]) -> usize {
    own.iter().position(|frame| !loops.is_derived(&frame.file, frame.line)).unwrap_or(0)
}

impl CpuTable {
    /// The same with what was derived held against its callers.
    #[must_use]
    pub fn of_the_written(self, loops: &Loops) -> Self {
        let mut rows: Vec<CpuRow> = Vec::new();
        for mut row in self.rows {
            let own = first_written(loops, &row.path);
            if own > 0 {
                row.path.drain(..own);
                let TraceFrame { function, file, line } = row.path[0].clone();
                (row.function, row.file, row.line) = (function, file, line);
            }
            let same = |known: &&mut CpuRow| {
                known.function == row.function && known.file == row.file && known.thread == row.thread
            };
            match rows.iter_mut().find(same) {
                Some(known) => known.add(row),
                None => rows.push(row),
            }
        }
        rows.sort_by(|a, b| b.total_s.total_cmp(&a.total_s));
        Self { rows, ..self }
    }
}

impl CpuRow {
    /// Adds what another row was held for; line and path stay those of the larger.
    fn add(&mut self, other: Self) {
        if other.total_s > self.total_s {
            (self.line, self.path) = (other.line, other.path);
        }
        self.total_s += other.total_s;
        self.allocator_s += other.allocator_s;
        self.freed_s += other.freed_s;
        self.copied_s += other.copied_s;
        self.filled_s += other.filled_s;
        self.served_s += other.served_s;
        for (call, seconds) in other.calls {
            *self.calls.entry(call).or_default() += seconds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &[(&str, u32)], total_s: f64) -> CpuRow {
        let frame =
            |(name, line): &(&str, u32)| TraceFrame { function: (*name).into(), file: "a.rs".into(), line: *line };
        let path: Vec<TraceFrame> = path.iter().map(frame).collect();
        let TraceFrame { function, file, line } = path[0].clone();
        let calls = [("page fault".to_owned(), total_s / 2.0)].into();
        CpuRow { function, file, line, total_s, calls, path, ..CpuRow::default() }
    }

    #[test]
    fn a_derived_clone_is_the_work_of_who_clones() {
        let mut loops = Loops::default();
        loops.read("a.rs", "#[derive(Clone)]\nstruct Item;\nfn all() {\n    items.clone()\n}\n");
        let rows = vec![row(&[("Item::clone", 1), ("all", 4)], 2.0), row(&[("all", 4)], 1.0)];
        let table = CpuTable { total_s: 3.0, rows, named: 1.0, ..CpuTable::default() }.of_the_written(&loops);
        assert_eq!(table.rows.len(), 1);
        let all = &table.rows[0];
        assert_eq!((all.function.as_str(), all.line, all.total_s, all.calls["page fault"]), ("all", 4, 3.0, 1.5));
        let joined = Joined { loops: Some(&loops), ..Joined::default() };
        let stack = row(&[("Item::clone", 1), ("all", 4)], 1.0).path;
        assert_eq!(written(&joined, &stack)[0].function, "all");
        assert_eq!(written(&Joined::default(), &stack).len(), 2);
        let alone = row(&[("Item::clone", 1)], 1.0).path;
        assert_eq!(written(&joined, &alone).len(), 1, "somebody must be named");
    }
}
