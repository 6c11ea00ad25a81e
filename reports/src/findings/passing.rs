//! Where a function of Go's hands what it had made to another one, by the source: what is kept there it has kept.

use super::Loops;
use super::telling::{Does, Told, declared};
use super::tokens::{is_name, within, word_at};

/// `b := open(id)` and then `d.rates.watch(b.reprice)`: what `made_by` made goes `to` another function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    /// The function that does so.
    pub(super) function: String,
    pub(super) made_by: String,
    pub(super) to: String,
}

impl Loops {
    /// Who keeps what a function of Go's, called by another, made: a third that it is handed to; its file and line.
    pub(super) fn keeps_for(&self, file: &str, caller: &str, maker: &str) -> Option<(&str, &Told)> {
        let passed = self.files.get(file).filter(|_| file.ends_with(".go"))?.passed.iter();
        let mut handed = passed.filter(|one| one.function == caller && one.made_by == maker).map(|one| one.to.as_str());
        handed.find_map(|to| {
            let keeps = |told: &Told| told.does == Does::Keeps && told.function == to;
            self.all_told().find(|(file, told)| file.ends_with(".go") && keeps(told))
        })
    }
}

/// All of a source.
pub(super) fn passed(tokens: &[(u32, String)]) -> Vec<Passed> {
    let word = |at: usize| word_at(tokens, at);
    let mut found = Vec::new();
    let mut function = "";
    // Names that the function gave to what others made.
    let mut made: Vec<(&str, &str)> = Vec::new();
    for at in 0..tokens.len() {
        match word(at) {
            "func" => {
                if let Some(name) = declared(tokens, at) {
                    function = name;
                    made.clear();
                }
            }
            "=" if at > 1 && word(at - 1) == ":" && is_name(word(at - 2)) => {
                made.extend(called(tokens, at + 1).map(|maker| (word(at - 2), maker)));
            }
            "(" if at > 0 && is_name(word(at - 1)) && !is_declared(tokens, at - 1) => {
                let arguments = arguments(tokens, at);
                let known = made.iter().filter(|(name, _)| arguments.contains(name));
                found.extend(known.map(|(_, maker)| Passed {
                    function: function.to_owned(),
                    made_by: (*maker).to_owned(),
                    to: word(at - 1).to_owned(),
                }));
            }
            _ => {}
        }
    }
    found.dedup();
    found
}

/// Whether a name before a bracket is that of a function which begins there.
fn is_declared(tokens: &[(u32, String)], at: usize) -> bool {
    at > 0 && matches!(tokens[at - 1].1.as_str(), "func" | ")")
}

/// The function that an expression calls: `open` of `d.desk.open(id)`.
fn called(tokens: &[(u32, String)], from: usize) -> Option<&str> {
    let word = |at: usize| word_at(tokens, at);
    let mut last = from;
    while is_name(word(last)) && word(last + 1) == "." {
        last += 2;
    }
    (is_name(word(last)) && word(last + 1) == "(").then(|| word(last))
}

/// Names within brackets that are no part of another: `b` of `(b.reprice, x.c)`.
fn arguments(tokens: &[(u32, String)], opens: usize) -> Vec<&str> {
    let word = |at: usize| word_at(tokens, at);
    within(tokens, opens).filter(|at| is_name(word(*at)) && word(at - 1) != ".").map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    #[test]
    fn what_was_made_is_followed_into_the_calls_that_get_it() {
        let go = "func (d *desk) live(id int64) string {\n\tb := openBasket(id)\n\td.rates.watch(b.reprice)\n\treturn b.render(id)\n}\nfunc other(b *basket) {\n\tkeep(b)\n}\n";
        let told: Vec<_> = passed(&tokens(go)).into_iter().map(|one| (one.function, one.made_by, one.to)).collect();
        assert_eq!(told, [("live".to_owned(), "openBasket".to_owned(), "watch".to_owned())]);
    }

    #[test]
    fn who_keeps_it_is_found_where_it_was_handed_to() {
        let mut all = super::super::Loops::default();
        all.read("a.go", "func live(id int64) {\n\tb := openBasket(id)\n\trates.watch(b.reprice)\n\tb.render()\n}\n");
        all.read("b.go", "func (f *feed) watch(fn func()) {\n\tf.watchers[f.next] = fn\n}\nfunc (b *basket) render() {\n\tsums[1] = 2\n}\n");
        let of = |caller, maker| {
            all.keeps_for("a.go", caller, maker).map(|(file, told)| (file, told.function.as_str(), told.line))
        };
        assert_eq!(of("live", "openBasket"), Some(("b.go", "watch", 2)));
        assert_eq!(of("live", "other"), None);
        assert_eq!(of("other", "openBasket"), None);
    }
}
