//! Eight threads share each piece of work on a machine that grants half a CPU: the quota is gone early in its period.

use std::io;
use std::sync::Arc;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let data: Arc<Vec<u64>> = Arc::new((0..64_000).collect());
    crate::http::runtime()?.block_on(serve(port, move || {
        let data = Arc::clone(&data);
        async move {
            let sum = tokio::task::spawn_blocking(move || match twin {
                Twin::Broken => scattered(&data),
                Twin::Healthy => folded(&data, 1),
            });
            sum.await.unwrap_or_default().to_string()
        }
    }))
}

/// What eight threads do that one need not: each folds all of it for its own part of the answer.
fn scattered(data: &[u64]) -> u64 {
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..8).map(|part| scope.spawn(move || folded(data, part + 20))).collect();
        parts.into_iter().map(|part| part.join().unwrap_or_default()).sum()
    })
}

fn folded(data: &[u64], rounds: u64) -> u64 {
    let mut sum = 0_u64;
    for round in 0..rounds {
        for value in data {
            sum = sum.rotate_left(3) ^ std::hint::black_box(value ^ round); // guilty
        }
    }
    sum
}
