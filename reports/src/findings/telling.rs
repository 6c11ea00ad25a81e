//! Who tells whoever waits for a condition of one name, by the source: nothing else says who should have told somebody that nobody
//! told.

/// A line on which a function waits for a condition, or tells one or all of those that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What the condition is called: `arrived` of `self.arrived.wait(all)`.
    pub(super) name: String,
    pub(super) line: u32,
    /// The function's own name.
    pub(super) function: String,
    pub(super) does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Waits,
    /// It wakes one of them.
    TellsOne,
    TellsAll,
}

/// Methods of condition variables in Rust and in Go.
const METHODS: &[(&str, Does)] = &[
    ("wait", Does::Waits),
    ("wait_while", Does::Waits),
    ("wait_timeout", Does::Waits),
    ("wait_timeout_while", Does::Waits),
    ("wait_for", Does::Waits),
    ("wait_until", Does::Waits),
    ("Wait", Does::Waits),
    ("notify_one", Does::TellsOne),
    ("Signal", Does::TellsOne),
    ("notify_all", Does::TellsAll),
    ("Broadcast", Does::TellsAll),
];

/// All of a source.
pub(super) fn told(tokens: &[(u32, String)]) -> Vec<Told> {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let mut function = String::new();
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            "fn" => word(at + 1).clone_into(&mut function),
            "func" => {
                // Of a method what it is of comes first.
                let name = match word(at + 1) {
                    "(" => (at + 1..tokens.len()).find(|at| word(*at) == ")").map_or("", |end| word(end + 1)),
                    name => name,
                };
                name.clone_into(&mut function);
            }
            method if at > 1 && word(at - 1) == "." && word(at + 1) == "(" => {
                let does = METHODS.iter().find(|(name, _)| *name == method).map(|(_, does)| *does);
                let told = |does| Told { name: word(at - 2).to_owned(), line: *line, function: function.clone(), does };
                found.extend(does.map(told));
            }
            _ => {}
        }
    }
    found
}

/// What a function is called that stands beside another in its module or package.
pub(super) fn beside(known: &str, name: &str) -> String {
    if let Some((module, _)) = known.rsplit_once("::") {
        let is_type = |part: &&str| part.starts_with(|c: char| c.is_uppercase() || c == '<');
        let parts: Vec<&str> = module.split("::").take_while(|part| !is_type(part)).collect();
        return parts.into_iter().chain([name]).collect::<Vec<_>>().join("::");
    }
    let package = known.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default();
    format!("{package}.{name}")
}

#[cfg(test)]
mod tests {
    use super::super::Loops;
    use super::*;

    #[test]
    fn who_tells_is_found_by_the_name_of_what_is_waited_for() {
        let rust = "\
impl Fetch {
    fn join(&self) -> Rates {
        rates = self.arrived.wait(rates).unwrap();
    }
}
fn hand_over(fetch: &Fetch) {
    fetch.arrived.notify_one();
}
fn hand_out(fetch: &Fetch) {
    fetch.arrived.notify_all();
}
";
        let mut all = Loops::default();
        all.read("a.rs", rust);
        let of = |all: &Loops, line| {
            all.tells_one("a.rs", line).map(|(file, told)| (file.to_owned(), told.line, told.function.clone()))
        };
        assert_eq!(of(&all, 3), Some(("a.rs".to_owned(), 7, "hand_over".to_owned())));
        assert_eq!(of(&all, 7), None, "nobody waits there");
        all.read("b.rs", "fn other(fetch: &Fetch) {\n    fetch.arrived.notify_one();\n}\n");
        assert_eq!(of(&all, 3), None, "one of two");
        all.read(
            "c.go",
            "func (b *Board) Join() {\n\tb.cond.Wait()\n}\nfunc (b *Board) Give() {\n\tb.cond.Signal()\n}\n",
        );
        assert_eq!(all.tells_one("c.go", 2).map(|(_, told)| told.function.as_str()), Some("Give"));
    }

    #[test]
    fn it_is_named_as_its_neighbours_are() {
        assert_eq!(beside("shop::board::Fetch::join", "hand_over"), "shop::board::hand_over");
        assert_eq!(beside("shop::wait", "tell"), "shop::tell");
        assert_eq!(beside("main.(*Board).Join", "Give"), "main.Give");
    }
}
