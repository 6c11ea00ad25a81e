//! Which function of a program calls a library, for stacks that broke off within it.
//!
//! A stack is copied up to a number of bytes, and one function of a library can have more than that: its caller is not in the
//! sample then. Other samples of the same library reach the program and say who calls it.

use std::collections::HashMap;

use super::whose::{Whose, crate_of};

/// What whole stacks say of who calls libraries.
#[derive(Debug, Default)]
pub struct Callers {
    /// By function, and by crate, of a library: functions of the program that called it, each with its weight and where one
    /// of it stands: stack and position there.
    known: HashMap<String, HashMap<String, (u64, At)>>,
}

/// A stack by its number, and a position in it.
type At = (usize, usize);

impl Callers {
    /// Takes a stack, leaf first, that reaches the program.
    pub fn learn(&mut self, number: usize, stack: &[(&str, Option<Whose>)], weight: u64) {
        let Some(at) = stack.iter().position(|(_, whose)| *whose == Some(Whose::Program)) else { return };
        let mut met: Vec<&str> = Vec::new();
        for (function, _) in stack[..at].iter().filter(|(_, whose)| *whose == Some(Whose::Dependency)) {
            for key in [Some(*function), crate_of(function)].into_iter().flatten() {
                if met.contains(&key) {
                    continue;
                }
                met.push(key);
                let by_caller = self.known.entry(key.to_owned()).or_default();
                by_caller.entry(stack[at].0.to_owned()).or_insert((0, (number, at))).0 += weight;
            }
        }
    }

    /// Where the function of the program stands that most likely called what a stack broke off in; `None` for stacks that
    /// reach the program or their thread's first function, and where no other stack tells.
    pub fn of(&self, stack: &[(&str, Option<Whose>)]) -> Option<(usize, usize)> {
        let (outermost, _) = stack.last().filter(|(_, whose)| *whose == Some(Whose::Dependency))?;
        if stack.iter().any(|(_, whose)| *whose == Some(Whose::Program)) {
            return None;
        }
        let callers = self.known.get(*outermost).or_else(|| self.known.get(crate_of(outermost)?))?;
        callers.iter().max_by(|a, b| a.1.0.cmp(&b.1.0).then_with(|| b.0.cmp(a.0))).map(|(_, (_, at))| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::Whose::{Dependency, Language, Program};
    use super::*;

    #[test]
    fn a_stack_that_broke_off_in_a_library_is_held_against_who_calls_it() {
        let whole: &[(&str, Option<Whose>)] = &[
            ("regex::parse", Some(Dependency)),
            ("regex::new", Some(Dependency)),
            ("shop::compile", Some(Program)),
            ("hyper::serve", Some(Dependency)),
            ("start_thread", None),
        ];
        let other: &[(&str, Option<Whose>)] = &[("regex::find", Some(Dependency)), ("shop::look", Some(Program))];
        let mut callers = Callers::default();
        callers.learn(7, whole, 3);
        callers.learn(8, other, 9);
        let of = |stack: &[(&str, Option<Whose>)]| callers.of(stack);
        assert_eq!(
            of(&[("core::grow", Some(Language)), ("regex::new", Some(Dependency))]),
            Some((7, 2)),
            "by function"
        );
        assert_eq!(of(&[("regex::build", Some(Dependency))]), Some((8, 1)), "by crate, the heaviest");
        assert_eq!(of(&[("hyper::serve", Some(Dependency))]), None, "it calls the program, not the other way round");
        assert_eq!(of(&[("regex::new", Some(Dependency)), ("start_thread", None)]), None, "a whole stack");
        assert_eq!(of(whole), None, "it reaches the program");
        assert_eq!(of(&[]), None);
    }
}
