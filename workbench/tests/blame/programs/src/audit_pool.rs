//! A connection of the pool is kept while the slow audit service is asked: the pool runs dry although the database idles.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Twin;
use crate::http::serve;

struct Pool {
    free: Semaphore,
    idle: Mutex<VecDeque<u32>>,
}

struct Lent<'p> {
    pool: &'p Pool,
    number: u32,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    fn new(size: u32) -> Self {
        Self { free: Semaphore::new(size as usize), idle: Mutex::new((0..size).collect()) }
    }

    async fn get(&self) -> Lent<'_> {
        let permit = self.free.acquire().await.expect("never closed");
        let number = self.idle.lock().expect("nobody panics").pop_front().expect("one for each permit");
        Lent { pool: self, number, _permit: permit }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().expect("nobody panics").push_back(self.number);
    }
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let pool = Arc::new(Pool::new(4));
    crate::http::runtime()?.block_on(serve(port, move || {
        let pool = Arc::clone(&pool);
        async move {
            match twin {
                Twin::Broken => order(&pool).await,
                Twin::Healthy => order_scoped(&pool).await,
            }
        }
    }))
}

async fn query(connection: u32) -> u32 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    connection + 1
}

async fn audit(row: u32) -> String {
    tokio::time::sleep(Duration::from_millis(20)).await;
    format!("audited {row}")
}

async fn order(pool: &Pool) -> String {
    let connection = pool.get().await;
    let row = query(connection.number).await;
    audit(row).await // guilty
}

async fn order_scoped(pool: &Pool) -> String {
    let row = {
        let connection = pool.get().await;
        query(connection.number).await
    };
    audit(row).await
}
