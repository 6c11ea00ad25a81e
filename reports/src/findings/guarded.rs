//! What stands in a lock, by the source (`Mutex<Cache>`): a method of it that computes can be called by nobody who has not taken that
//! lock, so that it is the work, and not how long somebody keeps the lock, that others wait for.

use std::collections::BTreeSet;

use super::Loops;
use super::tokens::{is_name, word_at};
use crate::run::TraceFrame;

const LOCKS: &[&str] = &["Mutex", "RwLock", "FairMutex", "ReentrantMutex"];

impl Loops {
    /// Of a stack of who has a lock, up to the function that took it: the innermost method of a type that stands in one.
    pub(super) fn works_inside<'f>(&self, own: &'f [TraceFrame], taker: &TraceFrame) -> Option<&'f TraceFrame> {
        let inside = own.iter().take_while(|frame| frame.function != taker.function);
        let stands_in_one = |frame: &&TraceFrame| {
            let mut names = frame.function.rsplit("::");
            let of = names.nth(1).map(|of| of.split('<').next().unwrap_or(of)).unwrap_or_default();
            self.files.values().any(|lines| lines.guarded.contains(of))
        };
        inside.into_iter().find(stands_in_one)
    }
}

/// Types of a source that stand in locks themselves, and not in something else that does.
pub(super) fn guarded(tokens: &[(u32, String)]) -> BTreeSet<String> {
    let word = |at: usize| word_at(tokens, at);
    let of_lock = |at: &usize| LOCKS.contains(&word(*at)) && word(at + 1) == "<";
    let inside = |at: usize| {
        // `Mutex<crate::cache::Cache>`.
        let path = (at + 2..).take_while(|at| is_name(word(*at)) || word(*at) == ":");
        path.last().filter(|last| word(last + 1) == ">" || word(last + 1) == "<").map(|last| word(last).to_owned())
    };
    (0..tokens.len()).filter(of_lock).filter_map(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_what_stands_in_a_lock_is_the_work_that_is_done_under_it() {
        let mut loops = Loops::default();
        loops.read(
            "a.rs",
            "struct Server {\n    cache: Arc<Mutex<cache::Cache>>,\n    sizes: Mutex<HashMap<u64, Size>>,\n}\n",
        );
        let frame = |function: &str| TraceFrame { function: function.into(), file: "a.rs".into(), line: 1 };
        let own = ["app::Cache::evict", "app::Cache::insert", "app::Server::tile", "app::main"].map(frame);
        let of = |own: &[TraceFrame], taker: usize| loops.works_inside(own, &own[taker]).map(|at| at.function.clone());
        assert_eq!(of(&own, 2), Some("app::Cache::evict".into()));
        assert_eq!(of(&own, 0), None, "it took it itself");
        assert_eq!(of(&["app::pack", "app::Server::keep"].map(frame), 1), None, "it needs no lock");
        assert_eq!(of(&["app::Size::of", "app::Server::keep"].map(frame), 1), None, "it stands in a map that does");
        let helped = ["app::oldest", "app::Cache::evict", "app::Server::tile"].map(frame);
        assert_eq!(of(&helped, 2), Some("app::Cache::evict".into()));
    }
}
