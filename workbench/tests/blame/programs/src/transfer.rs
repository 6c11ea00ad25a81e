//! Two accounts are locked in the order in which they are named: two transfers the other way round wait for each other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::Twin;
use crate::http::serve;

struct Bank {
    accounts: Vec<Mutex<i64>>,
    transfers: AtomicU64,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let accounts = (0..3000).map(|_| Mutex::new(100)).collect();
    let bank = Arc::new(Bank { accounts, transfers: AtomicU64::new(0) });
    crate::http::runtime()?.block_on(serve(port, move || {
        let bank = Arc::clone(&bank);
        async move {
            let number = bank.transfers.fetch_add(1, Ordering::Relaxed);
            // Pairs of one after the other, now and then named the other way round.
            let pair = (number / 2) as usize % 1500 * 2;
            let turned = number % 20 == 7;
            let (from, to) = if turned { (pair + 1, pair) } else { (pair, pair + 1) };
            match twin {
                Twin::Broken => transfer(&bank, from, to).await,
                Twin::Healthy => transfer_in_order(&bank, from, to).await,
            }
        }
    }))
}

/// The other bank is asked.
async fn approve() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn transfer(bank: &Bank, from: usize, to: usize) -> String {
    let mut payer = bank.accounts[from].lock().await;
    approve().await;
    let mut payee = bank.accounts[to].lock().await; // guilty
    *payer -= 1;
    *payee += 1;
    "done".to_owned()
}

async fn transfer_in_order(bank: &Bank, from: usize, to: usize) -> String {
    let mut first = bank.accounts[from.min(to)].lock().await;
    let mut second = bank.accounts[from.max(to)].lock().await;
    let sign = if from < to { 1 } else { -1 };
    *first -= sign;
    *second += sign;
    drop((first, second));
    approve().await;
    "done".to_owned()
}
