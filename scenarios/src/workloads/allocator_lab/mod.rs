//! Four ways to exercise a memory allocator, each an operation of the mix.
//!
//! | operation | does |
//! |---|---|
//! | `burst` | allocates large blocks, touches every page, frees them all |
//! | `handoff` | allocates blocks here and has another thread free them |
//! | `growth` | pushes to a vector that was given no capacity: a chain of reallocations |
//! | `mixed` | many small short-lived blocks between replacements in a long-lived set |
//!
//! What an operation allocates is a pure function of [`Call::seed`], so that variants do equal work.
//! Where a replacement of `mixed` lands, and so which old block is freed, depends on the worker too.
//!
//! | parameter | default | range | meaning |
//! |---|---|---|---|
//! | `burst_blocks` | 192 | 1–4096 | blocks of a burst |
//! | `burst_bytes` | 65536 | 4096–16777216 | the largest block; the smallest is a sixteenth |
//! | `handoff_blocks` | 128 | 1–4096 | blocks of a batch |
//! | `handoff_bytes` | 8192 | 64–1048576 | the largest block; the smallest is a sixteenth |
//! | `handoff_queue` | 32 | 1–4096 | batches that may wait to be freed |
//! | `growth_items` | 32768 | 64–16777216 | most items pushed, 8 bytes each; the fewest are half |
//! | `mixed_short` | 1024 | 1–100000 | short-lived blocks of an operation, 16 to 1024 bytes |
//! | `mixed_replaced` | 32 | 0–10000 | long-lived blocks replaced by an operation |
//! | `mixed_entries` | 8192 | 1–4194304 | long-lived blocks in all, shared out to the workers |
//! | `mixed_bytes` | 4096 | 64–1048576 | the largest long-lived block; the smallest is a sixteenth |
//!
//! Each operation's memory is bounded by its parameters; a product beyond 1 GiB is refused. The
//! defaults make an operation cost some 20 to 80 µs of CPU, whichever the allocator.

mod block;
mod growth;
mod handoff;
mod long_lived;
mod mixed;
mod sizes;
#[cfg(test)]
mod tests;

use std::hint::black_box;
use std::sync::Arc;

use self::block::Block;
use self::handoff::Handoff;
use self::long_lived::LongLived;
use self::mixed::Mixed;
use self::sizes::Sizes;
use crate::workload::{BoxFuture, Call, Context, InProcess, OperationError, WorkloadError};

const PARAMETERS: [&str; 10] = [
    "burst_blocks",
    "burst_bytes",
    "handoff_blocks",
    "handoff_bytes",
    "handoff_queue",
    "growth_items",
    "mixed_short",
    "mixed_replaced",
    "mixed_entries",
    "mixed_bytes",
];

/// Bytes that one operation kind may hold at most.
const MEMORY_LIMIT: usize = 1 << 30;

/// The lab; see the module's description.
#[derive(Debug)]
pub struct AllocatorLab {
    /// What each entry of the mix does.
    operations: Vec<Operation>,
    burst: Sizes,
    growth: Sizes,
    handoff: Option<Handoff>,
    mixed: Option<Mixed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Burst,
    Handoff,
    Growth,
    Mixed,
}

impl Operation {
    const ALL: [(&'static str, Self); 4] =
        [("burst", Self::Burst), ("handoff", Self::Handoff), ("growth", Self::Growth), ("mixed", Self::Mixed)];

    fn named(name: &str) -> Result<Self, WorkloadError> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, operation)| *operation).ok_or_else(|| {
            let known = Self::ALL.map(|(known, _)| known).join(", ");
            WorkloadError::Failed(format!("the allocator lab has no operation `{name}`; it has {known}"))
        })
    }
}

impl AllocatorLab {
    /// Builds the lab: reads the parameters, starts the freeing thread and fills the long-lived set
    /// as far as the mix needs them.
    ///
    /// # Errors
    /// [`WorkloadError::Parameter`] for a parameter that is unknown, out of range or asks for too much memory;
    /// [`WorkloadError::Failed`] for an operation that the lab does not have;
    /// [`WorkloadError::Io`] if the freeing thread cannot be started.
    pub fn build(context: &Context) -> Result<Arc<Self>, WorkloadError> {
        context.accept_only(&PARAMETERS)?;
        let operations =
            context.operations().iter().map(|name| Operation::named(name)).collect::<Result<Vec<_>, _>>()?;
        let burst = block_sizes(context, ("burst_blocks", 192, 1..=4096), ("burst_bytes", 65_536, 4096..=16 << 20))?;
        let batch = block_sizes(context, ("handoff_blocks", 128, 1..=4096), ("handoff_bytes", 8192, 64..=1 << 20))?;
        let queue = context.parameter_in("handoff_queue", 32, 1..=4096)?;
        let items = context.parameter_in("growth_items", 32_768, 64..=16 << 20)?;
        let short = context.parameter_in("mixed_short", 1024, 1..=100_000)?;
        let replaced = context.parameter_in("mixed_replaced", 32, 0..=10_000)?;
        let entries = block_sizes(context, ("mixed_entries", 8192, 1..=4 << 20), ("mixed_bytes", 4096, 64..=1 << 20))?;
        refuse_beyond_limit("burst_blocks", burst.most_bytes())?;
        refuse_beyond_limit("handoff_queue", batch.most_bytes().saturating_mul(queue))?;
        refuse_beyond_limit("mixed_entries", entries.most_bytes())?;
        let handoff = operations.contains(&Operation::Handoff).then(|| Handoff::start(batch, queue)).transpose()?;
        let mixed = operations.contains(&Operation::Mixed).then(|| Mixed {
            short: Sizes { count: short, range: 16..=1024 },
            replacements: Sizes { count: replaced, range: entries.range.clone() },
            long_lived: LongLived::filled(&entries, context.workers(), context.seed()),
        });
        Ok(Arc::new(Self { operations, burst, growth: Sizes { count: 1, range: items / 2..=items }, handoff, mixed }))
    }

    async fn perform(&self, call: Call) -> Result<(), OperationError> {
        match self.operations.get(call.operation) {
            Some(Operation::Burst) => burst(&self.burst, call.seed),
            Some(Operation::Growth) => self.growth.of(call.seed).for_each(growth::grow),
            Some(Operation::Mixed) => {
                let mixed = self.mixed.as_ref().ok_or_else(|| not_built("mixed"))?;
                mixed.mix(call.seed);
            }
            Some(Operation::Handoff) => {
                let handoff = self.handoff.as_ref().ok_or_else(|| not_built("handoff"))?;
                handoff.hand_over(call.seed).await?;
            }
            None => {
                let known = self.operations.len();
                return Err(OperationError(format!("operation {} of a mix of {known}", call.operation)));
            }
        }
        Ok(())
    }
}

impl InProcess for AllocatorLab {
    fn operate(self: Arc<Self>, call: Call) -> BoxFuture<Result<(), OperationError>> {
        Box::pin(async move { self.perform(call).await })
    }
}

/// A parameter with its default and range.
type Ranged<'a> = (&'a str, usize, std::ops::RangeInclusive<usize>);

fn block_sizes(context: &Context, count: Ranged<'_>, largest: Ranged<'_>) -> Result<Sizes, WorkloadError> {
    let count = context.parameter_in(count.0, count.1, count.2)?;
    let largest = context.parameter_in(largest.0, largest.1, largest.2)?;
    Ok(Sizes { count, range: largest / 16..=largest })
}

fn refuse_beyond_limit(name: &str, bytes: usize) -> Result<(), WorkloadError> {
    if bytes <= MEMORY_LIMIT {
        return Ok(());
    }
    Err(WorkloadError::Parameter {
        name: name.to_owned(),
        problem: format!(
            "would hold up to {} MiB with these sizes; at most {} are allowed",
            bytes >> 20,
            MEMORY_LIMIT >> 20
        ),
    })
}

/// Cannot be seen by a caller: whatever the mix names was built.
fn not_built(operation: &str) -> OperationError {
    OperationError(format!("`{operation}` is not in the mix that the lab was built for"))
}

/// Holds all blocks at once, then frees them in the order of their birth.
#[inline(never)]
fn burst(sizes: &Sizes, seed: u64) {
    let blocks: Vec<Block> = sizes.of(seed).map(Block::touched).collect();
    drop(black_box(blocks));
}
