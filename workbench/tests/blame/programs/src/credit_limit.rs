//! Who is charged is looked up under a lock that the look-up takes again: the thread waits for itself.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::Twin;
use crate::http::serve;

type Accounts = Mutex<HashMap<u64, u64>>;

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let accounts: Arc<Accounts> = Arc::default();
    crate::http::runtime()?.block_on(serve(port, move || {
        let accounts = Arc::clone(&accounts);
        async move {
            match twin {
                Twin::Broken => charge(&accounts, 7),
                Twin::Healthy => charge_known(&accounts, 7),
            }
        }
    }))
}

#[inline(never)]
fn spent(accounts: &Accounts, who: u64) -> u64 {
    let accounts = accounts.lock().expect("nobody panics"); // guilty
    accounts.get(&who).copied().unwrap_or_default()
}

#[inline(never)]
fn charge(accounts: &Accounts, who: u64) -> String {
    let mut all = accounts.lock().expect("nobody panics"); // guilty
    let before = spent(accounts, who);
    all.insert(who, before + 1);
    format!("spent {}", before + 1)
}

#[inline(never)]
fn charge_known(accounts: &Accounts, who: u64) -> String {
    let before = spent(accounts, who);
    accounts.lock().expect("nobody panics").insert(who, before + 1);
    format!("spent {}", before + 1)
}
