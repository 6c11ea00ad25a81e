//! Requests of a few blocks between reports of many: a service whose memory comes in waves.
//!
//! | operation | does |
//! |---|---|
//! | `request` | allocates and touches some blocks, hands its worker over once, frees them |
//! | `report` | fills many blocks step by step, waits with all of them alive, frees them |
//!
//! Live memory is what the reports in flight hold; what they have freed stays resident until the allocator gives it
//! back, which is what `allocator.memory_limit` does and `dirty_decay_ms = 0` overdoes. A few reports at once are within
//! the scenario's limit, five are not: then, with `shed = true`, a report that finds the limit's pressure `over` waits for
//! relief as long as a report is held, and is refused if there is none; that counts as an error. Requests are never
//! refused.
//!
//! What an operation allocates is a pure function of [`Call::seed`], so that variants do equal work.
//!
//! | parameter | default | range | meaning |
//! |---|---|---|---|
//! | `request_bytes` | 524288 | 4096–67108864 | most bytes of a request; the fewest are a quarter |
//! | `report_bytes` | 33554432 | 65536–268435456 | most bytes of a report; the fewest are half |
//! | `report_hold` | 40 | 0–10000 | milliseconds that a finished report is held |
//! | `shed` | false | true, false | refuse reports under pressure |

#[cfg(test)]
mod tests;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use crate::workload::{BoxFuture, Call, Context, InProcess, OperationError, Pressure, PressureLevel, WorkloadError};
use crate::workloads::splitmix::SplitMix;

const PARAMETERS: [&str; 4] = ["request_bytes", "report_bytes", "report_hold", "shed"];

/// Bytes of a block: too large for the caches of threads, too small for a mapping of its own.
const BLOCK: usize = 64 << 10;

/// Distance between touches: a page, or a part of one.
const PAGE: usize = 4096;

/// Blocks that a report fills before it hands its worker over: some 50 µs of work.
const STEP: usize = 16;

/// What a refused operation says.
pub const SHED: &str = "shed: the memory limit is exceeded and nothing is left to give back";

/// The service; see the module's description.
#[derive(Debug)]
pub struct MemoryLimit {
    operations: Vec<Operation>,
    request_bytes: usize,
    report_bytes: usize,
    hold: Duration,
    shed: bool,
    pressure: Pressure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Request,
    Report,
}

impl Operation {
    fn named(name: &str) -> Result<Self, WorkloadError> {
        match name {
            "request" => Ok(Self::Request),
            "report" => Ok(Self::Report),
            _ => Err(WorkloadError::Failed(format!(
                "the memory-limit service has no operation `{name}`; it has request, report"
            ))),
        }
    }
}

impl MemoryLimit {
    /// Builds the service.
    ///
    /// # Errors
    /// [`WorkloadError::Parameter`] for a parameter that is unknown or out of range; [`WorkloadError::Failed`] for an
    /// operation that it does not have.
    pub fn build(context: &Context) -> Result<Arc<Self>, WorkloadError> {
        context.accept_only(&PARAMETERS)?;
        Ok(Arc::new(Self {
            operations: context.operations().iter().map(|name| Operation::named(name)).collect::<Result<_, _>>()?,
            request_bytes: context.parameter_in("request_bytes", 512 << 10, PAGE..=64 << 20)?,
            report_bytes: context.parameter_in("report_bytes", 32 << 20, BLOCK..=256 << 20)?,
            hold: Duration::from_millis(context.parameter_in("report_hold", 40, 0..=10_000)?),
            shed: context.choice("shed", &["false", "true"])? == "true",
            pressure: context.pressure(),
        }))
    }

    async fn request(&self, seed: u64) {
        let bytes = SplitMix::new(seed).within(&(self.request_bytes / 4..=self.request_bytes));
        let blocks: Vec<Vec<u8>> = sizes(bytes).map(touched).collect();
        tokio::task::yield_now().await;
        drop(black_box(blocks));
    }

    /// Whether a report may begin. Not at once `false`: whoever is refused in no time asks again in no time, and a closed
    /// loop would count what little it did as speed.
    async fn relieved(&self) -> bool {
        let mut pressure = self.pressure.clone();
        let wait = async {
            while pressure.level() == PressureLevel::Over {
                pressure.changed().await;
            }
        };
        // Polled once before the clock is looked at: without pressure nothing waits.
        tokio::time::timeout(self.hold, wait).await.is_ok()
    }

    async fn report(&self, seed: u64) -> Result<(), OperationError> {
        if self.shed && !self.relieved().await {
            return Err(OperationError(SHED.to_owned()));
        }
        let bytes = SplitMix::new(seed).within(&(self.report_bytes / 2..=self.report_bytes));
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        for (index, bytes) in sizes(bytes).enumerate() {
            blocks.push(touched(bytes));
            if index % STEP == STEP - 1 {
                tokio::task::yield_now().await;
            }
        }
        if !self.hold.is_zero() {
            tokio::time::sleep(self.hold).await;
        }
        drop(black_box(blocks));
        Ok(())
    }
}

impl InProcess for MemoryLimit {
    fn operate(self: Arc<Self>, call: Call) -> BoxFuture<Result<(), OperationError>> {
        Box::pin(async move {
            match self.operations.get(call.operation) {
                Some(Operation::Request) => {
                    self.request(call.seed).await;
                    Ok(())
                }
                Some(Operation::Report) => self.report(call.seed).await,
                None => Err(OperationError(format!("operation {} is not in the mix", call.operation))),
            }
        })
    }
}

/// Blocks that make up `bytes`: whole ones, and the rest.
fn sizes(bytes: usize) -> impl Iterator<Item = usize> {
    let rest = bytes % BLOCK;
    std::iter::repeat_n(BLOCK, bytes / BLOCK).chain((rest > 0).then_some(rest))
}

/// A block of which every page is there.
fn touched(bytes: usize) -> Vec<u8> {
    let mut block = Vec::<u8>::with_capacity(bytes);
    for page in block.spare_capacity_mut().iter_mut().step_by(PAGE) {
        page.write(1);
    }
    // Without this the compiler may drop the allocation together with the writes nobody reads.
    black_box(block)
}
