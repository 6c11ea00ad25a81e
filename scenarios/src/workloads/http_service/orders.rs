//! `POST /orders` and `GET /orders/{id}`: the bulk of the traffic.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::HttpService;
use super::delivery::{Offer, best_offers};
use super::pricing::{PricedLine, Totals};
use super::receipt;
use super::reply::{Refusal, read_json};

const MAX_LINES: usize = 100;
const MAX_QUANTITY: u32 = 1000;
const MAX_CUSTOMER: usize = 64;

/// An order as the customer sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) customer: String,
    pub(super) lines: Vec<OrderLine>,
    /// Two letters; `DE` if absent.
    pub(super) country: Option<String>,
    pub(super) coupon: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderLine {
    pub(super) sku: String,
    pub(super) quantity: u32,
}

/// An order as the shop keeps it.
#[derive(Debug, Default, Serialize)]
pub(super) struct StoredOrder {
    pub(super) customer: String,
    pub(super) lines: Vec<PricedLine>,
    pub(super) totals: Totals,
    /// The few best, cheapest first; the first is in the totals.
    pub(super) delivery: Vec<Offer>,
    pub(super) receipt: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Placed {
    id: u64,
    totals: Totals,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: u64,
    order: &'a StoredOrder,
}

pub(super) async fn place_order(
    State(service): State<Arc<HttpService>>,
    body: Bytes,
) -> Result<(StatusCode, Json<Placed>), Refusal> {
    let order: Order = read_json(&body)?;
    validate(&order)?;
    let stored = price_order(&service, order)?;
    let totals = stored.totals;
    let id = service.orders.insert(stored);
    Ok((StatusCode::CREATED, Json(Placed { id, totals })))
}

pub(super) async fn show_order(
    State(service): State<Arc<HttpService>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "an order's id is a number"))?;
    let order =
        service.orders.get(id).ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("no order {id} is kept")))?;
    Ok(Json(Shown { id, order: &order }).into_response())
}

/// Refuses what is JSON of the right shape but no possible order.
fn validate(order: &Order) -> Result<(), Refusal> {
    let problem = if order.customer.is_empty() || order.customer.len() > MAX_CUSTOMER {
        format!("`customer` must have 1 to {MAX_CUSTOMER} bytes")
    } else if order.lines.is_empty() || order.lines.len() > MAX_LINES {
        format!("an order has 1 to {MAX_LINES} lines, not {}", order.lines.len())
    } else if let Some(line) = order.lines.iter().find(|line| !(1..=MAX_QUANTITY).contains(&line.quantity)) {
        format!("`quantity` of {} must be 1 to {MAX_QUANTITY}, not {}", line.sku, line.quantity)
    } else {
        return Ok(());
    };
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, problem))
}

/// Prices the goods, finds the best delivery and writes the receipt: the CPU of this service.
#[inline(never)]
fn price_order(service: &HttpService, order: Order) -> Result<StoredOrder, Refusal> {
    let goods = service
        .prices
        .price_goods(&order)
        .map_err(|error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let delivery = best_offers(&order.customer, goods.weight_grams);
    let totals = goods.totals_with_delivery(delivery.first().map_or(0, |offer| offer.cents));
    let receipt = receipt::write(&order.customer, &goods, &totals, &delivery);
    Ok(StoredOrder { customer: order.customer, lines: goods.lines, totals, delivery, receipt })
}
