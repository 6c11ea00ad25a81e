//! Freight quotes: prices a shipment from the carrier's tariff sheet for its zone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Reply};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};

type Fault = Box<dyn std::error::Error + Send + Sync>;

const ZONES: u64 = 40;

// ---- the carrier's side -------------------------------------------------------------------

async fn tariff(req: Request<Incoming>, sheet: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    let zone: u64 = req.uri().path().rsplit('/').next().and_then(|z| z.parse().ok()).unwrap_or(0);
    let res = Response::builder()
        .header("x-zone-rate", format!("{}", 110 + zone * 3))
        .header("x-fuel-index", "1.07")
        .body(Full::new(sheet))
        .unwrap();
    Ok(res)
}

async fn carrier_session(sock: TcpStream, sheet: Bytes) {
    let _ = sock.set_nodelay(true);
    // certificate and contract checks at the carrier's edge
    tokio::time::sleep(Duration::from_millis(14)).await;
    let svc = service_fn(move |req| tariff(req, sheet.clone()));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(sock), svc).await;
}

async fn carrier(listener: TcpListener) {
    let mut sheet = String::with_capacity(100_000);
    for kg in 0..3000 {
        sheet.push_str(&format!("{kg};{};{};standard\n", kg * 7 + 90, kg * 9 + 140));
    }
    let sheet = Bytes::from(sheet);
    while let Ok((sock, _)) = listener.accept().await {
        tokio::spawn(carrier_session(sock, sheet.clone()));
    }
}

// ---- the quoting service ------------------------------------------------------------------

struct Desk {
    http: Client<HttpConnector, Empty<Bytes>>,
    carrier: SocketAddr,
    header_only: bool,
    serial: AtomicU64,
}

#[derive(Clone, Copy)]
struct ZoneRate {
    per_kg: f64,
    fuel: f64,
}

#[derive(Serialize)]
struct Quote {
    serial: u64,
    zone: u64,
    weight: u64,
    total: f64,
}

impl Desk {
    fn tariff_uri(&self, zone: u64) -> Result<Uri, Fault> {
        Ok(format!("http://{}/tariffs/{}", self.carrier, zone).parse()?)
    }
}

fn parse_rate(headers: &hyper::HeaderMap) -> Result<ZoneRate, Fault> {
    let number = |name: &str| -> Result<f64, Fault> {
        let value = headers.get(name).ok_or("tariff header missing")?;
        Ok(value.to_str()?.parse()?)
    };
    Ok(ZoneRate { per_kg: number("x-zone-rate")? / 100.0, fuel: number("x-fuel-index")? })
}

/// The zone rate and the fuel index are both in the headers of the tariff sheet.
async fn rate_from_headers(desk: &Desk, zone: u64) -> Result<ZoneRate, Fault> {
    let uri = desk.tariff_uri(zone)?;
    let (head, _) = desk.http.get(uri).await?.into_parts(); // guilty
    if !head.status.is_success() {
        return Err("carrier refused".into());
    }
    parse_rate(&head.headers)
}

async fn rate_from_sheet(desk: &Desk, zone: u64) -> Result<ZoneRate, Fault> {
    let uri = desk.tariff_uri(zone)?;
    let (head, mut sheet) = desk.http.get(uri).await?.into_parts();
    while let Some(frame) = sheet.frame().await {
        frame?;
    }
    if !head.status.is_success() {
        return Err("carrier refused".into());
    }
    parse_rate(&head.headers)
}

async fn quote(State(desk): State<Arc<Desk>>) -> Reply {
    let serial = desk.serial.fetch_add(1, Ordering::Relaxed);
    let zone = serial % ZONES;
    let weight = 5 + serial % 300;
    let rate = if desk.header_only { rate_from_headers(&desk, zone).await } else { rate_from_sheet(&desk, zone).await };
    match rate {
        Ok(rate) => Json(Quote {
            serial,
            zone,
            weight,
            total: (weight as f64 * rate.per_kg * rate.fuel * 100.0).round() / 100.0,
        })
        .into_response(),
        Err(err) => {
            eprintln!("quote {serial}: {err}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

pub async fn run(broken: bool, port: u16) -> Result<(), Fault> {
    let edge = TcpListener::bind("127.0.0.1:0").await?;
    let carrier_addr = edge.local_addr()?;
    tokio::spawn(carrier(edge));

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let http = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(32)
        .build(connector);
    let desk = Arc::new(Desk { http, carrier: carrier_addr, header_only: broken, serial: AtomicU64::new(1) });

    let app = Router::new().route("/", get(quote)).with_state(desk);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?.tap_io(|s| {
        let _ = s.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}
