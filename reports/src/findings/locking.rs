//! Where functions of a source have a lock: of a stack that has one, which function took it is told by nothing else.
//!
//! Read as text, as loops are. A guard that is bound lives until its block ends or until it is dropped; one that is matched on
//! through the block that follows; any other is gone with its statement: `self.all.lock().len()`.

use super::Loops;
use super::tokens::{is_name, parameters_of, within, word_at};

/// Lines on which a function has a lock: from where it takes it to where it lets it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    from: u32,
    to: u32,
    /// What the lock is called: `all` of `self.all.lock()`; empty of what a call gave. Of what is given back when it is dropped,
    /// as a connection of a pool, who gives it: `checkout()`.
    lock: String,
}

/// What something is called that is given back when it is dropped.
fn lease(function: &str) -> String {
    format!("{function}()")
}

impl Taken {
    fn is_lease(&self) -> bool {
        self.lock.ends_with("()")
    }

    /// Whether a function that stands on that line has it.
    pub(super) fn is_had(&self, line: u32) -> bool {
        (self.from..=self.to).contains(&line)
    }

    /// What the lock is called that is taken on that line.
    pub(super) fn taken_at(&self, line: u32) -> Option<&str> {
        (self.from == line && !self.lock.is_empty() && !self.is_lease()).then_some(self.lock.as_str())
    }

    /// Whether a function that stands on that line has a lock of that name.
    pub(super) fn is_had_as(&self, line: u32, lock: &str) -> bool {
        self.lock == lock && self.is_had(line)
    }
}

impl Loops {
    /// Whether the function of a line has a lock there.
    pub(super) fn takes(&self, file: &str, line: u32) -> bool {
        let had = |taken: &Taken| !taken.is_lease() && taken.is_had(line);
        self.files.get(file).is_some_and(|lines| lines.taken.iter().any(had))
    }

    /// Whether the function of a line has something there that another one of its file gave to it, and that is given back when it is
    /// dropped.
    pub(super) fn leases(&self, file: &str, line: u32, from: &str) -> bool {
        self.takes_as(file, line, &lease(from))
    }

    /// What the lock is called that is taken on a line.
    pub(super) fn lock_at(&self, file: &str, line: u32) -> Option<&str> {
        self.files.get(file)?.taken.iter().find_map(|taken| taken.taken_at(line))
    }

    /// Whether the function of a line has a lock of that name there.
    pub(super) fn takes_as(&self, file: &str, line: u32, lock: &str) -> bool {
        self.files.get(file).is_some_and(|lines| lines.taken.iter().any(|taken| taken.is_had_as(line, lock)))
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
/// Go's, which give none.
const LOCKS: &[&str] = &["Lock", "RLock"];
const UNLOCKS: &[&str] = &["Unlock", "RUnlock"];
/// What may be called on its result without losing it.
const UNWRAPS: &[&str] = &["await", "expect", "map_err", "ok", "unwrap", "unwrap_or_else"];
/// Words by which a value lives through the block that follows; the last two with a `let`.
const HOLDS: &[&str] = &["match", "for", "if", "while"];
/// What a statement goes on with after a block in it.
const GOES_ON: &[&str] = &[".", "?", ")", "]", ",", ";", "else"];

/// A lock that was not let go yet.
struct Open {
    from: u32,
    /// What the guard is called, or in Go the lock; empty where it is gone with its statement.
    name: String,
    /// What the lock is called, as in [`Taken`].
    lock: String,
}

impl Open {
    fn until(self, to: u32) -> Taken {
        Taken { from: self.from, to, lock: self.lock }
    }
}

/// A block that is open.
#[derive(Default)]
struct Block {
    locks: Vec<Open>,
    /// Where its last statement began.
    statement: usize,
    /// Taken by what the next block within belongs to.
    held: Vec<(u32, String)>,
    /// Guards of a block around it that are dropped within: what they and their locks are called.
    dropped: Vec<(String, String)>,
}

struct Reader<'t> {
    tokens: &'t [(u32, String)],
    /// Functions of the source that give something which does something when it is dropped.
    leases: Vec<&'t str>,
    blocks: Vec<Block>,
    /// Guards that were dropped in the branch before this one, and are there in this one.
    elsewhere: Vec<(String, String)>,
    found: Vec<Taken>,
}

/// All locks that functions of a source have, and where.
pub(super) fn taken(tokens: &[(u32, String)]) -> Vec<Taken> {
    let mut reader = Reader {
        tokens,
        leases: leases(tokens),
        blocks: vec![Block::default()],
        elsewhere: Vec::new(),
        found: Vec::new(),
    };
    for (at, (line, token)) in tokens.iter().enumerate() {
        reader.read(at, *line, token);
    }
    reader.found
}

/// Functions of a source of Rust's that give something of a type that it has something done for when it is dropped.
fn leases(tokens: &[(u32, String)]) -> Vec<&str> {
    let word = |at: usize| word_at(tokens, at);
    let all = || 0..tokens.len();
    let dropped: Vec<&str> =
        all().filter(|at| word(*at) == "Drop" && word(at + 1) == "for").map(|at| word(at + 2)).collect();
    let gives = |at: usize| {
        let opens = parameters_of(tokens, at + 1)?;
        let result = (within(tokens, opens).end..tokens.len()).map(word);
        let mut result = result.take_while(|word| !matches!(*word, "{" | ";" | "where"));
        result.any(|word| dropped.contains(&word)).then(|| word(at + 1))
    };
    all().filter(|at| word(*at) == "fn" && is_name(word(at + 1))).filter_map(gives).collect()
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        word_at(self.tokens, at)
    }

    fn read(&mut self, at: usize, line: u32, token: &str) {
        match token {
            "{" => {
                // What is asked before a block is gone when it begins.
                let begins = self.blocks.last().map_or(at, |block| block.statement);
                if (begins..at).any(|at| HOLDS.contains(&self.word(at))) {
                    self.lets_temporaries_go(line);
                }
                let held = self.blocks.last_mut().map(|block| std::mem::take(&mut block.held)).unwrap_or_default();
                let held = held.into_iter().map(|(from, lock)| Open { from, name: "{".to_owned(), lock });
                let elsewhere = std::mem::take(&mut self.elsewhere);
                let kept =
                    elsewhere.iter().map(|(name, lock)| Open { from: line, name: name.clone(), lock: lock.clone() });
                let locks = held.chain(kept).collect();
                self.blocks.push(Block { locks, statement: at + 1, held: Vec::new(), dropped: elsewhere });
            }
            "}" => {
                if self.blocks.len() > 1
                    && let Some(block) = self.blocks.pop()
                {
                    self.found.extend(block.locks.into_iter().map(|open| open.until(line)));
                    self.elsewhere = if self.word(at + 1) == "else" { block.dropped } else { Vec::new() };
                }
                if !GOES_ON.contains(&self.word(at + 1)) {
                    self.ends_statement(at, line);
                }
            }
            ";" => self.ends_statement(at, line),
            "drop" if self.word(at + 1) == "(" && self.word(at + 3) == ")" => {
                let name = self.word(at + 2).to_owned();
                self.lets_go(&name, line);
            }
            name if self.is_call(at) && UNLOCKS.contains(&name) => {
                let first = self.receiver(at);
                if first == 0 || self.word(first - 1) != "defer" {
                    self.lets_go(&self.named(first, at), line);
                }
            }
            name if self.is_call(at) && TAKES.contains(&name) => {
                let last = self.word(at.saturating_sub(2));
                let lock = if is_name(last) { last.to_owned() } else { String::new() };
                self.takes(at, (line, lock), LOCKS.contains(&name));
            }
            name if self.is_method(at) && self.leases.contains(&name) => {
                self.takes(at, (line, lease(name)), false);
            }
            _ => {}
        }
    }

    fn is_method(&self, at: usize) -> bool {
        at > 0 && self.word(at - 1) == "." && self.word(at + 1) == "("
    }

    /// A method without arguments.
    fn is_call(&self, at: usize) -> bool {
        self.is_method(at) && self.word(at + 2) == ")"
    }

    fn takes(&mut self, at: usize, (line, lock): (u32, String), is_go: bool) {
        let ends = within(self.tokens, at + 1).end;
        let named = self.named(self.receiver(at), at);
        let begins = self.blocks.last().map_or(0, |block| block.statement);
        let words: Vec<&str> = (begins..at).map(|at| self.word(at)).collect();
        let bound = words.iter().position(|word| *word == "let").map(|at| &words[at + 1..]);
        let holds = words
            .iter()
            .position(|word| HOLDS.contains(word))
            .is_some_and(|at| matches!(words[at], "match" | "for") || words.get(at + 1) == Some(&"let"));
        let name = match bound {
            _ if is_go => named,
            Some(["mut", name, ..] | [name, ..]) if !holds && self.is_whole(ends + 1) => (*name).to_owned(),
            _ => String::new(),
        };
        let Some(block) = self.blocks.last_mut() else { return };
        match holds && !is_go {
            true => block.held.push((line, lock)),
            false => block.locks.push(Open { from: line, name, lock }),
        }
    }

    /// Whether nothing is asked of the guard but that it is one.
    fn is_whole(&self, mut at: usize) -> bool {
        loop {
            match self.word(at) {
                "?" => at += 1,
                "." if UNWRAPS.contains(&self.word(at + 1)) => {
                    at += 2;
                    if self.word(at) == "(" {
                        at = within(self.tokens, at).end + 1;
                    }
                }
                word => return word != ".",
            }
        }
    }

    /// Where what a method is called on begins: `self.all` of `self.all.Lock()`.
    fn receiver(&self, at: usize) -> usize {
        let mut first = at.saturating_sub(2);
        while first >= 2 && self.word(first - 1) == "." {
            first -= 2;
        }
        first
    }

    fn named(&self, first: usize, at: usize) -> String {
        (first..at - 1).map(|at| self.word(at)).collect()
    }

    fn lets_go(&mut self, name: &str, line: u32) {
        let has = |block: &Block| block.locks.iter().rposition(|open| open.name == name);
        let Some((of, at)) = self.blocks.iter().enumerate().rev().find_map(|(of, block)| Some((of, has(block)?)))
        else {
            return;
        };
        let open = self.blocks[of].locks.remove(at);
        if let Some(branch) = self.blocks.get_mut(of + 1) {
            branch.dropped.push((open.name.clone(), open.lock.clone()));
        }
        self.found.push(open.until(line));
    }

    fn ends_statement(&mut self, at: usize, line: u32) {
        self.lets_temporaries_go(line);
        let Some(block) = self.blocks.last_mut() else { return };
        block.statement = at + 1;
        block.held.clear();
    }

    fn lets_temporaries_go(&mut self, line: u32) {
        let Some(block) = self.blocks.last_mut() else { return };
        let gone = block.locks.extract_if(.., |open| open.name.is_empty());
        self.found.extend(gone.map(|open| open.until(line)));
    }
}

#[cfg(test)]
mod tests;
