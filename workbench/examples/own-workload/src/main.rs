//! A workload of one's own with the whole command line of workbench: `cargo run --release -p own-workload -- run sums`.

use std::process::ExitCode;
use std::sync::Arc;

use workbench::Catalog;
use workbench::workload::{BoxFuture, Call, Context, InProcess, OperationError, WorkloadError};

/// Sums numbers; how many is a parameter that variants can change.
struct Sums(u64);

impl InProcess for Sums {
    fn operate(self: Arc<Self>, call: Call) -> BoxFuture<Result<(), OperationError>> {
        Box::pin(async move {
            let sum = (0..self.0).fold(call.seed, |sum, n| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(n)));
            if sum == 42 { Err(OperationError("an unlikely sum".into())) } else { Ok(()) }
        })
    }
}

fn build(context: &Context) -> Result<Arc<dyn InProcess>, WorkloadError> {
    Ok(Arc::new(Sums(context.parameter("numbers", 1_000)?)))
}

pub(crate) fn main() -> ExitCode {
    workbench::main(&Catalog::builtin().in_process("sums", include_str!("../sums.toml"), build))
}
