//! A branch of `select!` takes an order and then waits; when the tick wins meanwhile the order is dropped unanswered.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::Twin;
use crate::http::serve;

type Order = oneshot::Sender<String>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let (orders, queue) = mpsc::channel(256);
        // Orders in the making are listed, so that their senders outlive a cancelled branch.
        match twin {
            Twin::Broken => tokio::spawn(handle_orders(queue)),
            Twin::Healthy => tokio::spawn(handle_orders_whole(queue)),
        };
        serve(port, move || order(orders.clone())).await
    })
}

async fn order(orders: mpsc::Sender<Order>) -> String {
    let (order, answer) = oneshot::channel();
    let _ = orders.send(order).await;
    match answer.await {
        Ok(answer) => answer,
        // A caller that trusts its order to come back.
        Err(_) => std::future::pending().await,
    }
}

async fn accepted(order: Order) {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let _ = order.send("shipped".to_owned());
}

async fn next_order(queue: &mut mpsc::Receiver<Order>) -> bool {
    match queue.recv().await {
        Some(order) => {
            accepted(order).await;
            true
        }
        None => false,
    }
}

async fn handle_orders(mut queue: mpsc::Receiver<Order>) {
    let mut flush = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            open = next_order(&mut queue) => if !open { return }, // guilty
            _ = flush.tick() => tokio::task::yield_now().await,
        }
    }
}

async fn handle_orders_whole(mut queue: mpsc::Receiver<Order>) {
    let mut flush = tokio::time::interval(Duration::from_millis(50));
    loop {
        let order = tokio::select! {
            order = queue.recv() => order,
            _ = flush.tick() => continue,
        };
        match order {
            Some(order) => drop(tokio::spawn(accepted(order))),
            None => return,
        }
    }
}
