//! What two sides of a comparison spend where: the union of their stacks, with CPU per operation of every trial.
//!
//! The usual difference colours a frame by its own samples alone, so that a function whose callee doubled stays white, and
//! draws one side only, so that what is gone cannot be seen. Here every frame has both its own value and that with all it
//! calls, on both sides, one a trial: enough to say which differences are more than chance.

mod build;
mod movers;

pub use build::{Build, Debug, Differs, Mangling, comparable};
pub use movers::{Mover, Spent, What, movers};

use std::collections::HashMap;

use crate::folded::Folded;

/// One trial of a side.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Readable stacks.
    pub stacks: &'a Folded,
    /// Divides their values: what one operation spent is value ÷ this.
    pub operations: f64,
}

/// A frame below its caller, on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Position in [`Difference::names`].
    pub name: u32,
    /// Position of its caller; 0 of those without, and of frame 0 itself.
    pub parent: u32,
    /// Callers above it.
    pub depth: u32,
    /// By side and trial: its own value per operation.
    pub own: [Vec<f64>; 2],
    /// The same with all that it calls.
    pub total: [Vec<f64>; 2],
}

/// The union of both sides' stacks. Node 0 stands for everything; callers come before what they call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Each name once; the first is empty.
    pub names: Vec<String>,
    /// Frames.
    pub nodes: Vec<Node>,
}

impl Difference {
    /// Joins the trials of the base (first) and the candidate.
    pub fn new(sides: [&[Trial<'_>]; 2]) -> Self {
        let zero = || sides.map(|trials| vec![0.0; trials.len()]);
        let node = |name, parent, depth| Node { name, parent, depth, own: zero(), total: zero() };
        let mut difference = Self { names: vec![String::new()], nodes: vec![node(0, 0, 0)] };
        let mut names: HashMap<String, u32> = HashMap::from([(String::new(), 0)]);
        let mut children: HashMap<(u32, u32), u32> = HashMap::new();
        for (side, trials) in sides.into_iter().enumerate() {
            for (at, trial) in trials.iter().enumerate() {
                for (stack, value) in trial.stacks.iter() {
                    let mut here = 0_u32;
                    for name in stack {
                        let name = *names.entry(name.to_owned()).or_insert_with(|| {
                            difference.names.push(name.to_owned());
                            position(difference.names.len() - 1)
                        });
                        let nodes = &mut difference.nodes;
                        let depth = nodes[here as usize].depth + 1;
                        here = *children.entry((here, name)).or_insert_with(|| {
                            nodes.push(node(name, here, depth));
                            position(nodes.len() - 1)
                        });
                    }
                    difference.nodes[here as usize].own[side][at] += per_operation(value, trial.operations);
                }
            }
        }
        difference.add_up();
        difference
    }

    /// Name of a node.
    pub fn name(&self, node: &Node) -> &str {
        self.names.get(node.name as usize).map(String::as_str).unwrap_or_default()
    }

    /// Totals from own values: what comes later is called by what comes before.
    fn add_up(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let (callers, called) = self.nodes.split_at_mut(at);
            let node = &mut called[0];
            for side in 0..2 {
                for trial in 0..node.own[side].len() {
                    node.total[side][trial] += node.own[side][trial];
                    if let Some(parent) = callers.get_mut(node.parent as usize) {
                        parent.total[side][trial] += node.total[side][trial];
                    }
                }
            }
        }
    }
}

impl Node {
    /// Mean over trials of the value with all that it calls, base first.
    pub fn mean_total(&self) -> [f64; 2] {
        [mean(&self.total[0]), mean(&self.total[1])]
    }

    /// Mean over trials of its own value, base first.
    pub fn mean_own(&self) -> [f64; 2] {
        [mean(&self.own[0]), mean(&self.own[1])]
    }
}

/// Mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn per_operation(value: u64, operations: f64) -> f64 {
    if operations > 0.0 { value as f64 / operations } else { 0.0 }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(lines: &[(&str, u64)]) -> Folded {
        let mut folded = Folded::new();
        for (stack, value) in lines {
            folded.add(&stack.split(';').collect::<Vec<_>>(), *value);
        }
        folded
    }

    fn of(base: &Folded, candidate: &Folded) -> Difference {
        let trial = |stacks| [Trial { stacks, operations: 10.0 }];
        Difference::new([&trial(base), &trial(candidate)])
    }

    /// The example of inferno's issue 295 with a removed function: `parent` is drawn white there, `gone` not at all.
    #[test]
    fn what_grew_below_a_caller_and_what_is_gone_are_seen() {
        let base = folded(&[("main;parent;child", 20), ("main;gone", 30), ("main;other", 40)]);
        let candidate = folded(&[("main;parent;child", 60), ("main;other", 40), ("main;new", 5)]);
        let difference = of(&base, &candidate);
        let shown: Vec<_> =
            difference.nodes.iter().map(|node| (difference.name(node), node.mean_total(), node.mean_own())).collect();
        assert_eq!(
            shown,
            [
                ("", [9.0, 10.5], [0.0, 0.0]),
                ("main", [9.0, 10.5], [0.0, 0.0]),
                ("gone", [3.0, 0.0], [3.0, 0.0]),
                ("other", [4.0, 4.0], [4.0, 4.0]),
                ("parent", [2.0, 6.0], [0.0, 0.0]),
                ("child", [2.0, 6.0], [2.0, 6.0]),
                ("new", [0.0, 0.5], [0.0, 0.5]),
            ]
        );
    }

    fn stacks() -> impl Strategy<Value = Folded> {
        let stack = proptest::collection::vec("[a-d]", 1..6);
        proptest::collection::vec((stack, 1_u64..1000), 0..30).prop_map(|lines| {
            let mut folded = Folded::new();
            for (stack, value) in lines {
                folded.add(&stack, value);
            }
            folded
        })
    }

    fn trials(all: &[Folded]) -> Vec<Trial<'_>> {
        all.iter().map(|stacks| Trial { stacks, operations: 4.0 }).collect()
    }

    proptest! {
        #[test]
        fn nothing_is_lost(base in proptest::collection::vec(stacks(), 1..4), candidate in proptest::collection::vec(stacks(), 1..4)) {
            let difference = Difference::new([&trials(&base), &trials(&candidate)]);
            for (side, all) in [&base, &candidate].into_iter().enumerate() {
                for (at, stacks) in all.iter().enumerate() {
                    let total = stacks.total() as f64 / 4.0;
                    let own: f64 = difference.nodes.iter().map(|node| node.own[side][at]).sum();
                    prop_assert!((own - total).abs() < 1e-6 * total.max(1.0));
                    prop_assert!((difference.nodes[0].total[side][at] - total).abs() < 1e-6 * total.max(1.0));
                    for (index, node) in difference.nodes.iter().enumerate() {
                        let below: f64 = difference.nodes.iter().enumerate()
                            .filter(|(at, child)| *at != index && *at != 0 && child.parent as usize == index)
                            .map(|(_, child)| child.total[side][at]).sum();
                        prop_assert!((node.total[side][at] - node.own[side][at] - below).abs() < 1e-6 * total.max(1.0));
                    }
                }
            }
        }

        #[test]
        fn a_side_against_itself_does_not_differ(stacks in stacks()) {
            let difference = of(&stacks, &stacks);
            prop_assert!(difference.nodes.iter().all(|node| node.total[0] == node.total[1] && node.own[0] == node.own[1]));
        }
    }
}
