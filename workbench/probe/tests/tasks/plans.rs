//! Plans of tasks that spawn tasks, made up at random: whatever they are, every count is that of the plan.

use std::hint::black_box;
use std::sync::Arc;

use proptest::prelude::*;
use tokio::sync::Semaphore;

use crate::known::{again, at, ended, recorded, single};

/// Tasks that spawn tasks: how often each yields, and what it allocates in each poll.
#[derive(Debug, Clone)]
struct Node {
    yields: u8,
    bytes: u16,
    children: Vec<Node>,
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = (0..4_u8, 1..2000_u16).prop_map(|(yields, bytes)| Node { yields, bytes, children: vec![] });
    leaf.prop_recursive(3, 24, 4, |inner| {
        (0..4_u8, 1..2000_u16, prop::collection::vec(inner, 0..4)).prop_map(|(yields, bytes, children)| Node {
            yields,
            bytes,
            children,
        })
    })
}

impl Node {
    fn tasks(&self) -> u64 {
        1 + self.children.iter().map(Self::tasks).sum::<u64>()
    }

    fn polls(&self) -> u64 {
        1 + u64::from(self.yields) + self.children.iter().map(Self::polls).sum::<u64>()
    }
}

/// Spawns a tree; nobody waits for anybody, so that each poll is one of the plan.
fn grow(node: Node, done: Arc<Semaphore>) {
    tokio::spawn(async move {
        for _ in 0..node.yields {
            drop(black_box(Vec::<u8>::with_capacity(node.bytes.into())));
            again().await;
        }
        for child in node.children {
            grow(child, Arc::clone(&done));
        }
        done.add_permits(1);
    });
}

/// The line of the spawn in [`grow`].
const GROWN_AT: u32 = line!() - 13;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_is_counted(forest in prop::collection::vec(node(), 1..6), workers in 0..4_usize) {
        let (runtime, recorder) = if workers == 0 { single() } else { recorded(workers) };
        recorder.start();
        let (tasks, polls) =
            (forest.iter().map(Node::tasks).sum::<u64>(), forest.iter().map(Node::polls).sum::<u64>());
        let done = Arc::new(Semaphore::new(0));
        runtime.block_on(async {
            for tree in forest {
                grow(tree, Arc::clone(&done));
            }
            done.acquire_many(u32::try_from(tasks).unwrap()).await.unwrap().forget();
        });
        let records = ended(runtime, &recorder);
        let site = at(&records, GROWN_AT);
        prop_assert_eq!((site.spawned, site.finished, site.alive), (tasks, tasks, 0));
        prop_assert_eq!((site.polls, site.in_poll), (polls, 0));
        prop_assert!(site.stalls <= site.long_polls && site.long_polls <= site.polls);
    }
}
