//! Where a function of Go's hands what it had made to another one, by the source: what is kept there it has kept.

use super::Loops;
use super::naming::Place;
use super::telling::{Does, Told, declared};
use super::tokens::{is_name, opening, within, word_at};

/// `b := open(id)` and then `d.rates.watch(b.reprice)`: what `made_by` made goes `to` another function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    /// The function that does so.
    pub(super) function: String,
    pub(super) made_by: String,
    pub(super) to: String,
    pub(super) line: u32,
    /// A function of another package gets it together with a field of something that the function did not make:
    /// `context.WithValue(d.base, key, open(id))`.
    pub(super) to_library: bool,
}

/// By which something is added to the collections of Go's library that are no maps or slices; `Store` with a key.
const ADDS: &[&str] = &["Store", "LoadOrStore", "PushBack", "PushFront", "Push"];

impl Loops {
    /// Who keeps what a function of Go's, called by another, made: a third that it is handed to, or who lets a library keep it
    /// with something that it did not make; file, name and line of each that may do so.
    pub(super) fn keep_for(&self, file: &str, caller: &str, maker: &str) -> Vec<Place<'_>> {
        let Some((file, lines)) = self.files.get_key_value(file).filter(|_| file.ends_with(".go")) else {
            return Vec::new();
        };
        let handed = || lines.passed.iter().filter(|one| one.function == caller && one.made_by == maker);
        let own = handed().filter_map(|one| {
            let keeps = |told: &Told| told.does == Does::Keeps && told.function == one.to;
            let mut told = self.all_told().filter(|(file, _)| file.ends_with(".go"));
            told.find(|(_, told)| keeps(told)).map(|(file, told)| (file, told.function.as_str(), told.line))
        });
        let own: Vec<Place<'_>> = own.collect();
        if !own.is_empty() {
            return own;
        }
        let to_library = handed().find(|one| one.to_library);
        to_library.map(|one| (file.as_str(), one.function.as_str(), one.line)).into_iter().collect()
    }
}

/// All of a source.
pub(super) fn passed(tokens: &[(u32, String)]) -> Vec<Passed> {
    let word = |at: usize| word_at(tokens, at);
    let mut found = Vec::new();
    let mut function = "";
    // Names that the function gave to what others made, and those that it declares.
    let mut made: Vec<(&str, &str)> = Vec::new();
    let mut own: Vec<&str> = Vec::new();
    // Names for functions that others have: `keep := d.pages.keep`.
    let mut named: Vec<(&str, &str)> = Vec::new();
    for at in 0..tokens.len() {
        match word(at) {
            "func" => {
                if let Some(name) = declared(tokens, at) {
                    function = name;
                    made.clear();
                    named.clear();
                    let begins = (at..tokens.len()).find(|at| word(*at) == "{").unwrap_or(at);
                    let is_own = |at: &usize| is_name(word(*at)) && word(*at + 1) != ".";
                    own = (at..begins).filter(is_own).map(word).collect();
                }
            }
            "=" if at > 1 && word(at - 1) == ":" && is_name(word(at - 2)) => {
                made.extend(called(tokens, at + 1).map(|maker| (word(at - 2), maker)));
                named.extend(method(tokens, at).map(|method| (word(at - 2), method)));
                own.push(word(at - 2));
            }
            "=" if at > 0 && is_name(word(at - 1)) => {
                named.extend(method(tokens, at).map(|method| (word(at - 1), method)));
            }
            "(" if at > 0 && is_name(word(at - 1)) && !is_declared(tokens, at - 1) => {
                let arguments = arguments(tokens, at);
                let known = made.iter().filter(|(name, _)| arguments.contains(name)).map(|(_, maker)| *maker);
                let at_once = begins(tokens, at).filter_map(|from| called(tokens, from));
                let is_package = at > 2 && word(at - 2) == "." && !own.contains(&word(at - 3));
                // What nobody gets the result of keeps nothing: `fmt.Fprint(d.out, open(id))`.
                let is_used = at > 3 && matches!(word(at - 4), "=" | "(" | "," | "return");
                let to_library = is_package && is_used && has_a_field(tokens, at, &made);
                let stands_for = named.iter().filter(|(name, _)| *name == word(at - 1)).map(|(_, method)| *method);
                let mut to: Vec<&str> = stands_for.collect();
                if to.is_empty() {
                    to.push(word(at - 1));
                }
                for maker in known.chain(at_once) {
                    found.extend(to.iter().map(|to| Passed {
                        function: function.to_owned(),
                        made_by: maker.to_owned(),
                        to: (*to).to_owned(),
                        line: tokens[at].0,
                        to_library,
                    }));
                }
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

/// The method that a name gets by an assignment, without its being called: `keep` of `= d.pages.keep`.
fn method(tokens: &[(u32, String)], assigns: usize) -> Option<&str> {
    let word = |at: usize| word_at(tokens, at);
    let mut last = assigns + 1;
    while is_name(word(last)) && word(last + 1) == "." {
        last += 2;
    }
    let ends = tokens.get(last + 1).is_none_or(|(line, _)| *line != tokens[assigns].0);
    (last > assigns + 1 && is_name(word(last)) && ends).then(|| word(last))
}

/// Where the arguments within brackets begin.
fn begins(tokens: &[(u32, String)], opens: usize) -> impl Iterator<Item = usize> {
    let mut depth = 0_i32;
    let mut expected = true;
    within(tokens, opens).filter(move |at| {
        let first = std::mem::take(&mut expected);
        match word_at(tokens, *at) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," => expected = depth == 0,
            _ => {}
        }
        first
    })
}

/// Whether an argument is a field of something that the function did not make: `d.base`.
fn has_a_field(tokens: &[(u32, String)], opens: usize, made: &[(&str, &str)]) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let made: Vec<&str> = made.iter().map(|(name, _)| *name).collect();
    begins(tokens, opens).any(|from| {
        let mut last = from;
        while is_name(word(last)) && word(last + 1) == "." {
            last += 2;
        }
        matches!(word(last + 1), "," | ")") && part_of_another(tokens, last, &made).is_some()
    })
}

/// Names within brackets that are no part of another: `b` of `(b.reprice, x.c)`.
fn arguments(tokens: &[(u32, String)], opens: usize) -> Vec<&str> {
    let word = |at: usize| word_at(tokens, at);
    within(tokens, opens).filter(|at| is_name(word(*at)) && word(at - 1) != ".").map(word).collect()
}

/// The field whose map or slice gets something by an assignment of Go's: `r.desks[token] = d`, `r.all = append(r.all, d)`.
pub(super) fn kept<'t>(tokens: &'t [(u32, String)], at: usize, own: &[&str]) -> Option<&'t str> {
    let word = |at: usize| word_at(tokens, at);
    if at < 3 || word(at + 1) == "=" {
        return None;
    }
    if word(at - 1) != "]" {
        return if word(at + 1) == "append" { part_of_another(tokens, at - 1, own) } else { None };
    }
    part_of_another(tokens, opening(tokens, at - 1)?.checked_sub(1)?, own)
}

/// Whether a method of that name is called which adds to a collection; the other `Store` sets a number.
pub(super) fn adds_to(tokens: &[(u32, String)], at: usize) -> bool {
    let word = |at: usize| word_at(tokens, at);
    let adds = word(at - 1) == "." && word(at + 1) == "(" && ADDS.contains(&word(at));
    adds && (word(at) != "Store" || begins(tokens, at + 1).count() == 2)
}

/// The name that a chain of them ends with (`desks` of `r.desks`), if what it is a part of is not the function's own: something that
/// the function made itself ends with it, unless it is kept in turn.
pub(super) fn part_of_another<'t>(tokens: &'t [(u32, String)], name: usize, own: &[&str]) -> Option<&'t str> {
    let word = |at: usize| word_at(tokens, at);
    let mut first = name;
    while first >= 2 && word(first - 1) == "." {
        first -= 2;
    }
    (first < name && is_name(word(name)) && !own.contains(&word(first))).then(|| word(name))
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
        let of = |caller, maker| all.keep_for("a.go", caller, maker);
        assert_eq!(of("live", "openBasket"), [("b.go", "watch", 2)]);
        assert_eq!(of("live", "other"), []);
        assert_eq!(of("other", "openBasket"), []);
        all.read("c.go", "func serve() {\n\tkeep := feed.watch\n\tif old {\n\t\tkeep = d.basket.render\n\t}\n\tkeep(openBasket(1))\n}\n");
        assert_eq!(all.keep_for("c.go", "serve", "openBasket"), [("b.go", "watch", 2)], "by another name");
    }

    #[test]
    fn a_library_keeps_what_it_gets_together_with_something_older() {
        let of = |call: &str| {
            let mut all = super::super::Loops::default();
            all.read(
                "a.go",
                &format!("func (d *desk) begin(w io.Writer) context.Context {{\n\tctx, _ := {call}\n}}\n"),
            );
            let all = all.keep_for("a.go", "begin", "search");
            all.first().map(|(_, function, line)| ((*function).to_owned(), *line))
        };
        let kept = Some(("begin".to_owned(), 2));
        assert_eq!(of("context.WithCancel(context.WithValue(d.base, key{}, d.search()))"), kept);
        assert_eq!(of("s := d.search()\n\tctx := context.WithValue(d.base, key{}, s)").map(|(_, line)| line), Some(3));
        assert_eq!(of("context.WithValue(base, key{}, d.search())"), None, "with something of its own");
        assert_eq!(of("d.fill(d.base, d.search())"), None, "the program's own");
        assert_eq!(of("1\n\tfmt.Fprint(d.out, d.search())"), None, "it gives nothing back");
    }
}
