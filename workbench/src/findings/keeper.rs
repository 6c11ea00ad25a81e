//! Who keeps what a function asks memory for: the stacks in which the process gets new pages, and the sources of the functions
//! in them.

use std::collections::BTreeMap;

use flamegraphs::capture::keeping::{Added, Fate, Keeping};
use flamegraphs::capture::system_call;
use flamegraphs::names::{self, Owners};
use flamegraphs::profile::{Profile, Sample};
use reports::findings::{CpuRow, CpuTable, Keeper};
use reports::run::TraceFrame;

use crate::attach::hot::{Shown, innermost, is_asking, shown};

/// Of the kernel's calls, what stands for a page that was not there.
const NEW_PAGE: &str = "page fault";

/// Stacks of a profile as the program's own functions, innermost first, with what was sampled in them.
pub(super) struct Stacks(Vec<Stack>);

struct Stack {
    own: Vec<TraceFrame>,
    /// In it the process gets memory.
    grows: bool,
    samples: i64,
}

impl Stacks {
    pub(super) fn of(profile: &Profile) -> Self {
        let owners = Owners::of_profile(profile);
        let samples = profile.samples().iter().filter(|sample| !is_asking(profile, sample));
        Self(samples.filter_map(|sample| stack(&owners, profile, sample)).collect())
    }

    /// Sources that they name.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|stack| &stack.own).map(|frame| frame.file.as_str()).filter(|file| !file.is_empty())
    }

    /// The stack in which a function of the program gets most memory, from it outwards.
    fn growing(&self, row: &CpuRow) -> Option<&[TraceFrame]> {
        let mut by_path: BTreeMap<&[TraceFrame], i64> = BTreeMap::new();
        for stack in self.0.iter().filter(|stack| stack.grows) {
            // What was derived within it counts as its own.
            let here = |frame: &TraceFrame| frame.function == row.function && frame.file == row.file;
            if let Some(at) = stack.own.iter().position(here) {
                *by_path.entry(&stack.own[at..]).or_default() += stack.samples;
            }
        }
        by_path.into_iter().max_by_key(|(_, samples)| *samples).map(|(path, _)| path)
    }

    /// What was seen of a place: that it gets memory, samples of its line, and of its function; `None` where that never ran.
    fn seen(&self, added: &Added) -> Option<(bool, i64, i64)> {
        let at = |frame: &TraceFrame, lines: (u32, u32)| {
            frame.file == added.file && (lines.0..=lines.1).contains(&frame.line)
        };
        let through = |lines| self.0.iter().filter(move |stack| stack.own.iter().any(|frame| at(frame, lines)));
        let sum = |lines| through(lines).map(|stack| stack.samples).sum::<i64>();
        let is_here = |stack: &Stack| stack.own.first().is_some_and(|frame| at(frame, added.lines));
        let grows = through(added.lines).any(|stack| stack.grows && is_here(stack));
        Some((grows, sum(added.lines), sum(added.around))).filter(|(.., samples)| *samples > 0)
    }

    fn name(&self, added: &Added) -> String {
        let here =
            |frame: &&TraceFrame| frame.file == added.file && (added.around.0..=added.around.1).contains(&frame.line);
        let named = self.0.iter().flat_map(|stack| &stack.own).find(here);
        named.map_or_else(|| added.function.clone(), |frame| frame.function.clone())
    }

    fn keeper(&self, keeping: &Keeping, row: &CpuRow) -> Option<Keeper> {
        let path = self.growing(row)?;
        let places: Vec<(&str, u32)> = path.iter().map(|frame| (frame.file.as_str(), frame.line)).collect();
        let (added, followed) = match keeping.follow(&places) {
            Fate::Kept(added) => (added, true),
            Fate::Sent => (self.elsewhere(keeping, row)?, false),
            Fate::Unknown => return None,
        };
        let by = TraceFrame { function: self.name(&added), file: added.file, line: added.lines.0 };
        Some(Keeper { by, call: added.call, followed })
    }

    /// Of all that add to what outlives an operation, in functions that ran, the one that is likeliest to grow.
    fn elsewhere(&self, keeping: &Keeping, row: &CpuRow) -> Option<Added> {
        let others = keeping.adding().into_iter().filter(|added| {
            let is_maker = added.file == row.file && (added.around.0..=added.around.1).contains(&row.line);
            !is_maker
        });
        let seen = others.filter_map(|added| Some((self.seen(&added)?, added)));
        seen.max_by(|a, b| a.cmp(b)).map(|(_, added)| added)
    }
}

/// Says of every function that asks for memory who keeps it, where that is known.
pub(super) fn tell(table: &mut CpuTable, stacks: &Stacks, keeping: &Keeping) {
    for row in table.rows.iter_mut().filter(|row| row.allocator_s > 0.0 || row.calls.contains_key(NEW_PAGE)) {
        row.kept_by = stacks.keeper(keeping, row);
    }
}

fn stack(owners: &Owners, profile: &Profile, sample: &Sample) -> Option<Stack> {
    let locations = sample.stack.iter().map(|id| profile.location(*id));
    let frames: Vec<Shown> = locations.flat_map(|location| shown(owners, profile, location)).collect();
    let inner = &frames[..innermost(&frames)?];
    let grows = system_call(inner.iter().map(|frame| frame.function.as_str())) == NEW_PAGE
        || inner.iter().any(|frame| names::is_allocation(&frame.function));
    let own = frames.iter().filter(|frame| frame.is_written_here()).map(Shown::frame);
    Some(Stack { own: own.collect(), grows, samples: sample.values.first().copied().unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use flamegraphs::profile::{Builder, Frame, LocationId, ValueType};

    use super::*;

    const BOARDS: &str = "
async fn boards(mut mailbox: Receiver<Ask>) {
    while let Some(Ask { reply, tiles }) = mailbox.recv().await {
        let _ = reply.send(tiles.clone());
    }
}
impl Journal {
    fn record(&self, edit: Edit) {
        let _ = self.edits.send(edit);
    }
    fn count(&self, edit: &Edit) {
        self.counts.lock().push(edit.count());
    }
}
fn idle(all: &Sender) {
    let _ = all.send(1);
}";

    /// Stacks of a program, innermost first, as functions of `app` with their lines; the innermost may be the language's, which allocates.
    fn profile(stacks: &[&[(&str, i64)]]) -> Profile {
        let mut builder = Builder::new([ValueType::new("cpu", "nanoseconds")]);
        for (number, stack) in stacks.iter().enumerate() {
            let frames = stack.iter().zip(1..).map(|((function, line), at)| {
                let file = if *line > 0 { "/w/shop/src/main.rs" } else { "/rustc/0/library/alloc/src/alloc.rs" };
                (1000 * number as u64 + at, Frame { function, file, line: *line, ..Frame::default() })
            });
            let frames: Vec<(u64, Frame<'_>)> = frames.collect();
            let ids: Vec<LocationId> =
                frames.iter().map(|(at, frame)| builder.location(*at, std::slice::from_ref(frame))).collect();
            builder.sample(&ids, &[1_000_000], &[]).unwrap();
        }
        builder.finish()
    }

    fn kept_by(stacks: &[&[(&str, i64)]], source: &str) -> Option<(String, u32, bool)> {
        let profile = profile(stacks);
        let mut table = super::super::cpu::table(&profile).unwrap();
        let mut keeping = Keeping::default();
        keeping.read("shop/src/main.rs", source);
        tell(&mut table, &Stacks::of(&profile), &keeping);
        let row = table.rows.into_iter().find(|row| row.allocator_s > 0.0).unwrap();
        row.kept_by.map(|keeper| (keeper.by.function, keeper.by.line, keeper.followed))
    }

    #[test]
    fn who_keeps_is_called_as_stacks_call_it() {
        let source = "
impl Memo {
    fn remember(&self, at: u64) {
        let page = render(at);
        self.pages.lock().insert(at, page);
    }
}
fn render(at: u64) -> Vec<u8> {
    vec![1; 9000]
}";
        let stack: &[(&str, i64)] =
            &[("alloc::alloc::alloc", 0), ("app::render", 9), ("app::memo::Memo<V>::remember", 4)];
        assert_eq!(kept_by(&[stack], source), Some(("app::memo::Memo::remember".into(), 5, true)));
        assert_eq!(kept_by(&[stack], ""), None);
    }

    #[test]
    fn of_what_is_sent_away_who_adds_elsewhere_and_gets_memory_for_that_is_likeliest() {
        let making: &[(&str, i64)] = &[("alloc::alloc::alloc", 0), ("app::boards", 4)];
        let count: &[(&str, i64)] = &[("app::count", 12)];
        let growing: &[(&str, i64)] = &[("alloc::alloc::alloc", 0), ("app::record", 9)];
        let of = |stacks: &[&[(&str, i64)]]| kept_by(stacks, BOARDS);
        assert_eq!(of(&[making, making, count, count, growing]), Some(("app::record".into(), 9, false)));
        assert_eq!(of(&[making, count]), Some(("app::count".into(), 12, false)));
        assert_eq!(of(&[making]), None, "nobody else was seen");
    }
}
