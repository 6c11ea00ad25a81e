//! Invoices of a cross-border shop: each line is taxed at the rate of the country it
//! ships to. The rates belong to a tax desk next door, asked over a small line protocol.

use axum::{extract::State, http::StatusCode, routing::get, Router};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, sleep, Duration};

/// The desk is in another building: there and back takes about a millisecond.
const WAY: Duration = Duration::from_millis(1);
const COUNTRIES: [(&str, u32); 5] = [("AT", 2000), ("DE", 1900), ("FR", 2000), ("HU", 2700), ("SE", 2500)];

struct Item {
    sku: u32,
    country: &'static str,
    cents: u64,
}

struct TaxDesk {
    addr: std::net::SocketAddr,
    idle: Mutex<Vec<BufReader<TcpStream>>>,
}

impl TaxDesk {
    async fn ask(&self, country: &str) -> std::io::Result<u32> {
        let kept = self.idle.lock().pop();
        let mut conn = match kept {
            Some(c) => c,
            None => BufReader::new(TcpStream::connect(self.addr).await?),
        };
        conn.get_mut().write_all(format!("RATE {country}\n").as_bytes()).await?;
        let mut reply = String::with_capacity(16);
        conn.read_line(&mut reply).await?;
        self.idle.lock().push(conn);
        reply.trim().parse().map_err(std::io::Error::other)
    }
}

struct Shop {
    ask_desk: bool,
    desk: TaxDesk,
    rates: RwLock<HashMap<&'static str, u32>>,
    orders: Vec<Vec<Item>>,
    turn: AtomicUsize,
}

fn with_rate(cents: u64, per_myriad: u32) -> u64 {
    cents + (cents * per_myriad as u64 + 5_000) / 10_000
}

impl Shop {
    /// Rates change at midnight at most; the table is renewed now and then.
    async fn renew_rates(&self) -> std::io::Result<()> {
        for (country, _) in COUNTRIES {
            let rate = self.desk.ask(country).await?;
            self.rates.write().insert(country, rate);
        }
        Ok(())
    }

    fn tax_from_table(&self, items: &[Item]) -> Vec<u64> {
        let rates = self.rates.read();
        let of = |i: &Item| with_rate(i.cents, rates.get(i.country).copied().unwrap_or(0));
        items.iter().map(of).collect()
    }

    async fn tax_lines(&self, items: &[Item]) -> std::io::Result<Vec<u64>> {
        let mut gross = Vec::with_capacity(items.len());
        for item in items {
            let rate = self.desk.ask(item.country).await?; // guilty
            gross.push(with_rate(item.cents, rate));
        }
        Ok(gross)
    }

    async fn invoice(&self) -> std::io::Result<String> {
        let n = self.turn.fetch_add(1, Ordering::Relaxed);
        let items = &self.orders[n % self.orders.len()];
        let gross = match self.ask_desk {
            true => self.tax_lines(items).await?,
            false => self.tax_from_table(items),
        };
        Ok(print_invoice(items, &gross))
    }
}

fn print_invoice(items: &[Item], gross: &[u64]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for (item, g) in items.iter().zip(gross) {
        let _ = writeln!(out, "{:>7} {} {:>8} {:>8}", item.sku, item.country, item.cents, g);
    }
    let _ = writeln!(out, "total {}", gross.iter().sum::<u64>());
    out
}

fn some_orders() -> Vec<Vec<Item>> {
    (0..50u32)
        .map(|o| {
            (0..16u32)
                .map(|l| Item {
                    sku: 10_000 + o * 131 + l * 17,
                    country: COUNTRIES[((o + l * l) % 5) as usize].0,
                    cents: 199 + (o * 37 + l * 211) as u64 % 9_000,
                })
                .collect()
        })
        .collect()
}

async fn desk_clerk(s: TcpStream) -> std::io::Result<()> {
    s.set_nodelay(true)?;
    let mut s = BufReader::new(s);
    let mut ask = String::new();
    while s.read_line(&mut ask).await? > 0 {
        let country = ask.trim().strip_prefix("RATE ").unwrap_or("");
        let rate = COUNTRIES.iter().find(|c| c.0 == country).map_or(0, |c| c.1);
        sleep(WAY).await;
        s.get_mut().write_all(format!("{rate}\n").as_bytes()).await?;
        ask.clear();
    }
    Ok(())
}

async fn show(State(shop): State<Arc<Shop>>) -> Result<String, StatusCode> {
    shop.invoice().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

pub async fn run(broken: bool, port: u16) {
    let desk = TcpListener::bind("127.0.0.1:0").await.expect("tax desk");
    let addr = desk.local_addr().expect("addr");
    tokio::spawn(async move {
        while let Ok((s, _)) = desk.accept().await {
            tokio::spawn(desk_clerk(s));
        }
    });
    let shop = Arc::new(Shop {
        ask_desk: broken,
        desk: TaxDesk { addr, idle: Mutex::default() },
        rates: RwLock::default(),
        orders: some_orders(),
        turn: Default::default(),
    });
    shop.renew_rates().await.expect("rates");
    let keeper = shop.clone();
    tokio::spawn(async move {
        let mut every = interval(Duration::from_secs(30));
        loop {
            every.tick().await;
            let _ = keeper.renew_rates().await;
        }
    });
    let app = Router::new().route("/", get(show)).with_state(shop);
    let door = TcpListener::bind(("127.0.0.1", port)).await.expect("bind");
    axum::serve(door, app).await.expect("serve");
}
