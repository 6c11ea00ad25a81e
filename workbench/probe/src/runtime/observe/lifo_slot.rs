//! Whether the task woken last runs next.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;

/// On the only worker, a task spawns `first`, then `second`. With the slot, `second` takes it, `first` goes to the
/// queue, and `second` runs first; without, both queue in order.
pub(in crate::runtime) fn lifo_slot(builder: &mut Builder) -> io::Result<bool> {
    let runtime = builder.build()?;
    let order = Arc::new(Mutex::new(Vec::with_capacity(2)));
    let parent = async {
        let order = Arc::clone(&order);
        runtime
            .spawn(async move {
                let run = |name: &'static str| {
                    let order = Arc::clone(&order);
                    tokio::spawn(async move { order.lock().unwrap_or_else(PoisonError::into_inner).push(name) })
                };
                let (first, second) = (run("first"), run("second"));
                first.await.and(second.await)
            })
            .await
    };
    runtime.block_on(parent).flatten().map_err(io::Error::other)?;
    let order = order.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(order.first() == Some(&"second"))
}
