//! Stock of warehouses: connections to the database are chosen by the tenant, and all tenants of this node are one shard's.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::Twin;

/// The database: one line for one line, each after a while.
async fn database(listener: TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(query_by_query(socket));
    }
}

async fn query_by_query(mut socket: TcpStream) -> io::Result<()> {
    let (reader, mut writer) = socket.split();
    let mut queries = BufReader::new(reader).lines();
    while let Some(query) = queries.next_line().await? {
        sleep(Duration::from_millis(8)).await;
        writer.write_all(format!("{}\n", query.len()).as_bytes()).await?;
    }
    Ok(())
}

struct Connection {
    socket: BufReader<TcpStream>,
}

impl Connection {
    async fn open(port: u16) -> io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket: BufReader::new(socket) })
    }

    async fn query(&mut self, statement: &str) -> io::Result<String> {
        self.socket.write_all(statement.as_bytes()).await?;
        self.socket.write_all(b"\n").await?;
        let mut row = String::new();
        self.socket.read_line(&mut row).await?;
        Ok(row)
    }
}

/// Connections by shard.
struct Database {
    shards: Vec<Mutex<Connection>>,
    twin: Twin,
}

impl Database {
    async fn connect(port: u16, twin: Twin) -> io::Result<Self> {
        let mut shards = Vec::new();
        for _ in 0..12 {
            shards.push(Mutex::new(Connection::open(port).await?));
        }
        Ok(Self { shards, twin })
    }

    fn shard(&self, tenant: u64) -> &Mutex<Connection> {
        let number = match self.twin {
            // Numbers of tenants on a node are all multiples of 24.
            Twin::Broken => tenant,
            Twin::Healthy => tenant / 24,
        };
        &self.shards[number as usize % self.shards.len()]
    }

    async fn query(&self, tenant: u64, statement: &str) -> io::Result<String> {
        let mut connection = self.shard(tenant).lock().await;
        connection.query(statement).await // guilty
    }
}

struct Stock {
    database: Database,
}

impl Stock {
    async fn units(&self, tenant: u64, article: u64) -> io::Result<u64> {
        let statement = format!("select units from stock where tenant = {tenant} and article = {article}");
        let row = self.database.query(tenant, &statement).await?;
        row.trim().parse().map_err(io::Error::other)
    }
}

struct Inventory {
    stock: Stock,
    asked: AtomicU64,
}

async fn units(State(inventory): State<Arc<Inventory>>) -> Result<Json<Value>, StatusCode> {
    let n = inventory.asked.fetch_add(1, Ordering::Relaxed);
    let units = inventory.stock.units(n % 37 * 24, n % 501).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(json!({ "units": units })))
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    crate::http::runtime()?.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let remote = listener.local_addr()?.port();
        tokio::spawn(database(listener));
        let stock = Stock { database: Database::connect(remote, twin).await? };
        let inventory = Arc::new(Inventory { stock, asked: AtomicU64::new(0) });
        let router = Router::new().route("/", get(units)).with_state(inventory);
        axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await
    })
}
