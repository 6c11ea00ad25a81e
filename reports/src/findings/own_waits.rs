//! Who waits for what it made itself, by the source: whoever tells it means it, and wakes nobody else.

use std::collections::BTreeSet;

use super::Loops;
use super::tokens::word_at;

impl Loops {
    /// Whether a function of Rust's waits on a line for what it made itself: whoever tells it means it.
    pub(super) fn waits_for_its_own(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|lines| lines.waits_for_its_own.contains(&line))
    }
}

/// Lines on which functions of Rust's wait for what they made: `bell.notified()` behind `let bell = Arc::new(Notify::new());`.
pub(super) fn own_waits(tokens: &[(u32, String)]) -> BTreeSet<u32> {
    let word = |at: usize| word_at(tokens, at);
    let mut made: Vec<&str> = Vec::new();
    let mut found = BTreeSet::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            "fn" => made.clear(),
            "let" => {
                let name = if word(at + 1) == "mut" { at + 2 } else { at + 1 };
                let ends = (at..tokens.len()).find(|at| matches!(word(*at), ";" | "{")).unwrap_or(at);
                made.retain(|known| *known != word(name));
                made.extend((at..ends).any(|at| word(at) == "Notify" && word(at + 3) == "new").then(|| word(name)));
            }
            "notified" if at > 2 && word(at - 3) != "." && made.contains(&word(at - 2)) => {
                found.insert(*line);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_made_what_it_waits_for_is_told_from_who_shares_it() {
        let rust = "async fn follow(room: &Room) {\n    let bell = Arc::new(Notify::new());\n    room.push(bell.clone());\n    loop {\n        bell.notified().await;\n    }\n}\nasync fn herd(bell: &Notify, room: &Room) {\n    bell.notified().await;\n    room.bell.notified().await;\n}\n";
        let mut all = Loops::default();
        all.read("a.rs", rust);
        assert_eq!([5, 9, 10].map(|line| all.waits_for_its_own("a.rs", line)), [true, false, false]);
        let shared = "fn crowd() {\n    let bell = Arc::new(Notify::new());\n    for _ in 0..9 {\n        let bell = bell.clone();\n        tokio::spawn(async move { bell.notified().await });\n    }\n}\n";
        all.read("b.rs", shared);
        assert!(!all.waits_for_its_own("b.rs", 5), "all of them wait for one");
    }
}
