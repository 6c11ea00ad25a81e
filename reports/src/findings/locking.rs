//! Where functions of a source take a lock and keep it while they go on: of a stack that has one, which function took it is told by
//! nothing else.
//!
//! Read as text, as loops are. A guard that is gone with its statement is none: `self.all.lock().len()`.

/// A lock that a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// First and last line of the function.
    function: (u32, u32),
    /// Line on which it does.
    at: u32,
}

impl Taken {
    /// Whether a function that stands on that line took it before.
    pub(super) fn is_before(&self, line: u32) -> bool {
        (self.function.0..=self.function.1).contains(&line) && self.at <= line
    }
}

/// Methods that give a guard, in Rust and in Go; without arguments, or they read and write something else.
const TAKES: &[&str] = &[
    "lock",
    "read",
    "write",
    "acquire",
    "lock_owned",
    "read_owned",
    "write_owned",
    "acquire_owned",
    "upgradable_read",
    "Lock",
    "RLock",
];
/// What may be called on its result without losing it.
const UNWRAPS: &[&str] = &["await", "expect", "map_err", "ok", "unwrap", "unwrap_or_else"];
/// Words by which a value lives through the block that follows.
const HOLDS: &[&str] = &["match", "if", "while", "for"];

/// All locks that functions of a source take and keep.
pub(super) fn taken(tokens: &[(u32, String)]) -> Vec<Taken> {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let mut open: Vec<(u32, usize, Vec<u32>)> = Vec::new();
    let (mut found, mut depth, mut begins, mut holds) = (Vec::new(), 0_usize, None, false);
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            "fn" | "func" => begins = begins.or(Some(*line)),
            "{" => {
                if let Some(from) = begins.take() {
                    open.push((from, depth, Vec::new()));
                }
                (depth, holds) = (depth + 1, false);
            }
            "}" => {
                (depth, holds) = (depth.saturating_sub(1), false);
                if let Some((from, _, locks)) = open.pop_if(|(_, outer, _)| *outer == depth) {
                    found.extend(locks.into_iter().map(|at| Taken { function: (from, *line), at }));
                }
            }
            ";" => (begins, holds) = (None, false),
            word if HOLDS.contains(&word) => holds = true,
            name if TAKES.contains(&name)
                && at > 0
                && word(at - 1) == "."
                && word(at + 1) == "("
                && word(at + 2) == ")" =>
            {
                let then = (word(at + 3), word(at + 4));
                let kept = then.0 != "." || UNWRAPS.contains(&then.1);
                if let Some((.., locks)) = open.last_mut().filter(|_| kept || holds) {
                    locks.push(*line);
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::Loops;

    #[test]
    fn who_keeps_a_guard_took_the_lock() {
        let rust = "\
fn checkpoint(&self) {
    let rows = self.accounts.lock();
    self.write(&rows);
}
fn write(&self, rows: &Rows) {
    self.count.lock().add(1);
    self.disk.write(rows);
}
fn token(&self) {
    match self.known.lock().get(1) {
        None => self.ask(),
    }
}
trait Ask {
    fn ask(&self);
}
async fn order(&self) {
    let permit = self.permits.acquire().await?;
    self.ask().await;
}
";
        let mut all = Loops::default();
        all.read("a.rs", rust);
        all.read("a.go", "func (q *book) each(f func(int)) {\n\tq.mu.RLock()\n\tf(1)\n\tq.mu.RUnlock()\n}\n");
        let took = |line| all.takes("a.rs", line);
        assert_eq!([3, 7, 11, 20].map(took), [true, false, true, true]);
        assert!(!took(1), "not yet");
        assert!(all.takes("a.go", 3) && !all.takes("b.go", 3));
    }
}
