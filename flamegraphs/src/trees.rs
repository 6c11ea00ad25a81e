//! The stacks of a profile as trees: each frame once below its caller, however many stacks go through it. What a viewer
//! draws, and what hundreds of thousands of stacks fit in.

use std::collections::HashMap;

use crate::names::{self, Options};
use crate::profile::Profile;

/// Frames, callers before what they call. Frame 0 stands for everything and is its own caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// By frame: its caller.
    pub parents: Vec<u32>,
    /// By frame: position in [`Trees::names`].
    pub names: Vec<u32>,
    /// By position in [`Profile::samples`]: the frame that the stack ends in.
    pub leaves: Vec<u32>,
}

/// Trees of the same samples in several ways, with the names of them all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    /// Each name once; the first is empty, that of frame 0.
    pub names: Vec<String>,
    /// One for each way.
    pub trees: Vec<Tree>,
}

impl Trees {
    /// Trees of a profile, one for each way to make stacks readable.
    pub fn new(profile: &Profile, ways: &[Options]) -> Self {
        let mut trees = Self { names: vec![String::new()], trees: Vec::new() };
        let mut ids: HashMap<String, u32> = HashMap::from([(String::new(), 0)]);
        for way in ways {
            let mut stacks: Vec<Vec<u32>> = Vec::with_capacity(profile.samples().len());
            names::each_stack(profile, way, |_, stack| {
                stacks.push(stack.iter().map(|name| trees.id(name, &mut ids)).collect());
            });
            trees.trees.push(Tree::of(&stacks));
        }
        trees
    }

    fn id(&mut self, name: &str, ids: &mut HashMap<String, u32>) -> u32 {
        if let Some(id) = ids.get(name) {
            return *id;
        }
        let id = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        ids.insert(name.to_owned(), id);
        id
    }
}

impl Tree {
    /// The tree of stacks of positions of names, root first. In their order a stack goes on from the one before, so that
    /// nothing but that one is remembered: of millions of frames a table of all of them would be larger than the tree.
    fn of(stacks: &[Vec<u32>]) -> Self {
        let mut order: Vec<usize> = (0..stacks.len()).collect();
        order.sort_by(|one, other| stacks[*one].cmp(&stacks[*other]));
        let mut tree = Self { parents: vec![0], names: vec![0], leaves: vec![0; stacks.len()] };
        // Frames of the stack before, from the root.
        let mut way: Vec<u32> = vec![0];
        let mut before: &[u32] = &[];
        for at in order {
            let stack = &stacks[at];
            let shared = before.iter().zip(stack).take_while(|(one, other)| one == other).count();
            way.truncate(1 + shared);
            for name in &stack[shared..] {
                tree.parents.push(way[way.len() - 1]);
                tree.names.push(*name);
                way.push(u32::try_from(tree.parents.len() - 1).unwrap_or(u32::MAX));
            }
            tree.leaves[at] = way[way.len() - 1];
            before = stack;
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Builder, Frame, ValueType};

    #[test]
    fn a_frame_stands_once_below_its_caller() {
        let mut builder = Builder::new([ValueType::new("samples", "count")]);
        let mut at = |address, function| builder.location(address, &[Frame { function, ..Frame::default() }]);
        let (main, poll, work) = (at(1, "app::main"), at(2, "core::future::poll_fn"), at(3, "app::work"));
        builder.sample(&[work, poll, main], &[3], &[]).unwrap();
        builder.sample(&[main], &[1], &[]).unwrap();
        builder.sample(&[], &[1], &[]).unwrap();
        let profile = builder.finish();
        let whole = Options { fold_runtime: false, ..Options::default() };
        let Trees { names, trees } = Trees::new(&profile, &[Options::default(), whole]);
        assert_eq!(names, ["", "app::main", "app::work", "core::future::poll_fn"]);
        let [readable, whole] = &trees[..] else { panic!("two trees") };
        assert_eq!((&readable.parents[..], &readable.names[..]), (&[0, 0, 1][..], &[0, 1, 2][..]));
        assert_eq!(readable.leaves, [2, 1, 0]);
        assert_eq!((&whole.parents[..], &whole.names[..]), (&[0, 0, 1, 2][..], &[0, 1, 3, 2][..]));
        assert_eq!(whole.leaves, [3, 1, 0]);
    }

    proptest::proptest! {
        #[test]
        fn every_stack_is_the_way_to_its_leaf(stacks in proptest::collection::vec(proptest::collection::vec(0_u64..5, 0..8), 1..20)) {
            let mut builder = Builder::new([ValueType::new("samples", "count")]);
            for stack in &stacks {
                let frames: Vec<_> = stack
                    .iter()
                    .map(|n| builder.location(*n, &[Frame { function: &format!("app::f{n}"), ..Frame::default() }]))
                    .collect();
                builder.sample(&frames, &[1], &[]).unwrap();
            }
            let profile = builder.finish();
            let Trees { names, trees } = Trees::new(&profile, &[Options::default()]);
            let tree = &trees[0];
            for (at, sample) in profile.samples().iter().enumerate() {
                let mut way = Vec::new();
                let mut frame = tree.leaves[at];
                while frame != 0 {
                    proptest::prop_assert!(tree.parents[frame as usize] < frame, "callers come first");
                    way.push(names[tree.names[frame as usize] as usize].clone());
                    frame = tree.parents[frame as usize];
                }
                let mut expected: Vec<_> = sample.stack.iter().map(|id| {
                    profile.function(profile.location(*id).lines[0].function).name.clone()
                }).collect();
                // Equal neighbours are one frame.
                expected.dedup();
                proptest::prop_assert_eq!(way, expected);
            }
        }
    }
}
