//! Parcel quotes: looks a zone up in the tariff table, asks for the route's surcharge, answers with a price.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, RwLock};

const ZONES: usize = 1_000;
const RATES_PER_ZONE: usize = 14;

#[derive(Clone)]
struct Rate {
    product: String,
    service_level: String,
    max_grams: u32,
    cents: u32,
}

#[derive(Clone)]
struct TariffTable {
    edition: u64,
    zones: HashMap<String, Vec<Rate>>,
}

fn zone_name(n: usize) -> String {
    format!("zone-{:03}-{}", n, ["north", "south", "east", "west", "island"][n % 5])
}

fn load_table(edition: u64) -> TariffTable {
    let mut zones = HashMap::with_capacity(ZONES);
    for z in 0..ZONES {
        let rates = (0..RATES_PER_ZONE)
            .map(|r| Rate {
                product: format!("parcel-{}-{}", ["s", "m", "l", "xl"][r % 4], r),
                service_level: ["economy", "standard", "express"][r % 3].to_string(),
                max_grams: 500 * (r as u32 + 1),
                cents: 290 + (z as u32 % 40) * 5 + r as u32 * 85,
            })
            .collect();
        zones.insert(zone_name(z), rates);
    }
    TariffTable { edition, zones }
}

/// The table in force; replaced as a whole when pricing publishes a new edition.
struct TariffStore {
    current: RwLock<Arc<TariffTable>>,
    shared: bool,
}

impl TariffStore {
    /// A view of the table that stays the same for the whole quote.
    async fn snapshot(&self) -> Arc<TariffTable> {
        let current = self.current.read().await;
        if self.shared {
            Arc::clone(&current)
        } else {
            Arc::new(TariffTable::clone(&current)) // guilty
        }
    }

    async fn publish(&self, table: TariffTable) {
        *self.current.write().await = Arc::new(table);
    }
}

/// Route planning, a task of its own.
struct RouteQuery {
    zone: usize,
    reply: oneshot::Sender<u32>,
}

async fn route_planner(mut queries: mpsc::Receiver<RouteQuery>) {
    while let Some(query) = queries.recv().await {
        let detour = (query.zone * 7 % 23) as u32;
        let _ = query.reply.send(detour * 3);
    }
}

#[derive(Clone)]
struct App {
    tariffs: Arc<TariffStore>,
    routes: mpsc::Sender<RouteQuery>,
    parcels: Arc<AtomicU64>,
}

fn cheapest(table: &TariffTable, zone: &str, grams: u32) -> Option<Rate> {
    table.zones.get(zone)?.iter().filter(|rate| rate.max_grams >= grams).min_by_key(|rate| rate.cents).cloned()
}

async fn quote(State(app): State<App>) -> Result<String, StatusCode> {
    let parcel = app.parcels.fetch_add(1, Ordering::Relaxed);
    let zone = (parcel as usize).wrapping_mul(197) % ZONES;
    let grams = 200 + (parcel as u32).wrapping_mul(71) % 6_000;

    let tariffs = app.tariffs.snapshot().await;
    let (reply, surcharge) = oneshot::channel();
    app.routes.send(RouteQuery { zone, reply }).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let surcharge = surcharge.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;

    let rate = cheapest(&tariffs, &zone_name(zone), grams).ok_or(StatusCode::NOT_FOUND)?;
    let cents = rate.cents + surcharge;
    Ok(format!(
        "edition {}: {} g by {} ({}): {}.{:02} EUR\n",
        tariffs.edition,
        grams,
        rate.product,
        rate.service_level,
        cents / 100,
        cents % 100
    ))
}

async fn follow_editions(tariffs: Arc<TariffStore>) {
    let mut edition = 1;
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        edition += 1;
        if let Ok(table) = tokio::task::spawn_blocking(move || load_table(edition)).await {
            tariffs.publish(table).await;
        }
    }
}

pub async fn run(broken: bool, port: u16) -> std::io::Result<()> {
    let shared = !broken;
    let tariffs = Arc::new(TariffStore { current: RwLock::new(Arc::new(load_table(1))), shared });
    tokio::spawn(follow_editions(tariffs.clone()));
    let (routes, queries) = mpsc::channel(128);
    tokio::spawn(route_planner(queries));

    let app = App { tariffs, routes, parcels: Arc::new(AtomicU64::new(0)) };
    let router = Router::new().route("/", get(quote)).with_state(app);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}
