//! Three kinds of work whose cost is mostly the runtime's.

#![expect(clippy::unwrap_used, reason = "a bench whose work fails has nothing to report")]

use std::hint::black_box;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// Does so many operations.
pub(crate) type Work = fn(&Runtime, u64);

/// Name, operations of one measurement, and what an operation is.
pub(crate) const WORKS: [(&str, u64, Work); 3] =
    [("spawn", 40_000, spawn_and_join), ("ping-pong", 40_000, ping_pong), ("request-like", 6_000, requests)];

/// A task spawned by another, and waited for.
fn spawn_and_join(runtime: &Runtime, operations: u64) {
    let driver = runtime.spawn(async move {
        for number in 0..operations {
            black_box(tokio::spawn(async move { number }).await.unwrap());
        }
    });
    runtime.block_on(driver).unwrap();
}

/// A message there and one back.
fn ping_pong(runtime: &Runtime, operations: u64) {
    let (ping, mut pinged) = mpsc::channel::<u64>(1);
    let (pong, mut ponged) = mpsc::channel::<u64>(1);
    runtime.spawn(async move {
        while let Some(ball) = pinged.recv().await {
            if pong.send(ball).await.is_err() {
                return;
            }
        }
    });
    let player = runtime.spawn(async move {
        for ball in 0..operations {
            ping.send(ball).await.unwrap();
            black_box(ponged.recv().await.unwrap());
        }
    });
    runtime.block_on(player).unwrap();
}

/// Handlers that each parse, compute over and answer some kilobytes: about as long as a small HTTP request.
fn requests(runtime: &Runtime, operations: u64) {
    const HANDLERS: u64 = 16;
    let clients: Vec<_> = (0..HANDLERS)
        .map(|_| {
            let (send, mut receive) = mpsc::channel::<(u64, oneshot::Sender<usize>)>(4);
            runtime.spawn(async move {
                while let Some((seed, answer)) = receive.recv().await {
                    let _ = answer.send(handle(seed));
                }
            });
            runtime.spawn(async move {
                for seed in 0..operations / HANDLERS {
                    let (answer, answered) = oneshot::channel();
                    send.send((seed, answer)).await.unwrap();
                    black_box(answered.await.unwrap());
                }
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
}

fn handle(seed: u64) -> usize {
    let fields: Vec<String> = (0..40).map(|field| format!("{}={}", seed ^ field, field * seed)).collect();
    let mut body = fields.join("&");
    for _ in 0..4 {
        let sum = body.bytes().fold(seed, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        body.push_str(&sum.to_string());
    }
    black_box(body).len()
}
