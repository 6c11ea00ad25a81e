//! Calls that go wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use workbench::workload::{BoxFuture, Call, Context, InProcess, OperationError, WorkloadError};

use crate::deeds;

/// What `workload.fault` may be; the first is the default.
const FAULTS: &[&str] =
    &["none", "build", "panic", "abort", "exit", "hang", "block", "freeze", "garbage", "errors", "fork"];

/// Calls that behave before the first that does not: enough to get out of nobody's way, few enough for any warm-up.
const GOOD_CALLS: u64 = 20;

struct Calls {
    fault: &'static str,
    made: AtomicU64,
}

/// Builds the workload; `fork` has its escaped process from here on, also in a preflight.
pub(crate) fn build(context: &Context) -> Result<Arc<dyn InProcess>, WorkloadError> {
    context.accept_only(&["fault"])?;
    let fault = context.choice("fault", FAULTS)?;
    match fault {
        "build" => return Err(WorkloadError::Failed("the store is corrupt".into())),
        "fork" => deeds::leave_a_process_behind(),
        _ => {}
    }
    Ok(Arc::new(Calls { fault, made: AtomicU64::new(0) }))
}

impl InProcess for Calls {
    fn operate(self: Arc<Self>, _: Call) -> BoxFuture<Result<(), OperationError>> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if made < GOOD_CALLS {
                return Ok(());
            }
            if made == GOOD_CALLS && self.fault != "none" {
                eprintln!("misbehaving now: {}", self.fault);
            }
            match self.fault {
                "panic" if made == GOOD_CALLS => panic!("call {made} of this process panics"),
                "abort" if made == GOOD_CALLS => std::process::abort(),
                "exit" if made == GOOD_CALLS => std::process::exit(7),
                "hang" => std::future::pending().await,
                "block" => deeds::block_this_thread(),
                "freeze" if made == GOOD_CALLS => deeds::freeze_this_process(),
                "garbage" if made == GOOD_CALLS => deeds::write_garbage_to_the_reply_pipe(),
                "errors" => return Err(OperationError("the store is corrupt".into())),
                _ => {}
            }
            Ok(())
        })
    }
}
