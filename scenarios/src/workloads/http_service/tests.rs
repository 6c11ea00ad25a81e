//! The endpoints, through real connections.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::workloads::loopback::{Client, Server};

fn service(parameters: &[(&str, &str)]) -> Result<Arc<HttpService>, WorkloadError> {
    let cheap = [("argon2_memory_kib", "8"), ("argon2_passes", "1"), ("users", "2")];
    let parameters: BTreeMap<String, String> =
        cheap.iter().chain(parameters).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpService::build(&Context::new(parameters, vec![], tokio::runtime::Handle::current(), 1))
}

async fn start(parameters: &[(&str, &str)]) -> (Server, Client) {
    let service = service(parameters).unwrap();
    let server = Server::start(Duration::from_secs(3600), |listener, shutdown| service.serve(listener, shutdown));
    let client = server.connect().await;
    (server, client)
}

fn credentials(user: &str, password: &str) -> String {
    json!({ "user": user, "password": password }).to_string()
}

const ORDER: &str = r#"{"customer":"42","lines":[{"sku":"sku-7","quantity":2},{"sku":"sku-1000004","quantity":20}]}"#;

#[tokio::test]
async fn health_is_ok() {
    let (_server, mut client) = start(&[]).await;
    assert_eq!(client.get("/health").await, (200, r#"{"status":"ok"}"#.to_owned()));
}

#[tokio::test]
async fn login_knows_its_users_whichever_way_it_hashes() {
    for way in ["inline", "pool"] {
        let (_server, mut client) = start(&[("login", way)]).await;
        let (status, first) = client.post("/login", &credentials("user-1", PASSWORD)).await;
        assert_eq!(status, 200, "{way}");
        let (_, second) = client.post("/login", &credentials("user-1", PASSWORD)).await;
        let session = |text: &str| serde_json::from_str::<Value>(text).unwrap()["session"].clone();
        assert!(first.starts_with(r#"{"user":"user-1","session":"user-1."#), "{way}: {first}");
        assert_ne!(session(&first), session(&second), "{way}");
        for (user, password) in [("user-1", "wrong"), ("user-2", PASSWORD), ("", "")] {
            let denied = client.post("/login", &credentials(user, password)).await;
            assert_eq!(denied, (401, r#"{"error":"unknown user or wrong password"}"#.to_owned()), "{way}: {user}");
        }
    }
}

#[cfg(tokio_unstable)]
#[tokio::test]
async fn inline_hashes_on_the_worker_and_pool_in_the_blocking_pool() {
    for (way, threads) in [("inline", 0), ("pool", 1)] {
        let before = tokio::runtime::Handle::current().metrics().num_blocking_threads();
        let (_server, mut client) = start(&[("login", way)]).await;
        assert_eq!(client.post("/login", &credentials("user-0", PASSWORD)).await.0, 200);
        let after = tokio::runtime::Handle::current().metrics().num_blocking_threads();
        assert_eq!(after - before, threads, "{way}");
    }
}

#[tokio::test]
async fn the_pool_hashes_no_more_at_a_time_than_its_limit() {
    let service = service(&[("login", "pool"), ("login_limit", "1")]).unwrap();
    let Verification::Pool(limit) = &service.verification else { panic!("not a pool") };
    let limit = limit.clone();
    let only = limit.clone().acquire_owned().await.unwrap();
    let server = Server::start(Duration::from_secs(3600), |listener, shutdown| service.serve(listener, shutdown));
    let mut client = server.connect().await;
    let waiting = tokio::spawn(async move { client.post("/login", &credentials("user-0", PASSWORD)).await });
    // Other requests are served meanwhile, many times over.
    let mut other = server.connect().await;
    for _ in 0..20 {
        assert_eq!(other.get("/health").await.0, 200);
    }
    assert!(!waiting.is_finished());
    drop(only);
    assert_eq!(waiting.await.unwrap().0, 200);
    // The permit comes back when the hash is done.
    drop(limit.acquire().await.unwrap());
}

#[tokio::test]
async fn an_order_is_placed_and_shown() {
    let (_server, mut client) = start(&[]).await;
    let (status, placed) = client.post("/orders", ORDER).await;
    assert_eq!(status, 201);
    insta::assert_snapshot!(placed, @r#"{"id":1,"totals":{"net":332035,"discount":65085,"tax":26887,"delivery":1177,"total":360099}}"#);
    let (status, shown) = client.get("/orders/1").await;
    assert_eq!(status, 200);
    let (placed, shown): (Value, Value) =
        (serde_json::from_str(&placed).unwrap(), serde_json::from_str(&shown).unwrap());
    assert_eq!(shown["id"], placed["id"]);
    assert_eq!(shown["order"]["totals"], placed["totals"]);
    assert_eq!(shown["order"]["delivery"][0]["cents"], placed["totals"]["delivery"]);
    insta::assert_snapshot!(shown["order"]["receipt"].as_str().unwrap(), @r#"
    Order of customer 42
    ------------------------------------------------------------
       2 x Article 007, batch 81                     155.10 EUR
           discount                                   -6.51 EUR
           sku-7 net                                 303.69 EUR
      20 x Article 068, batch 24                     183.05 EUR
           discount                                 -644.34 EUR
           sku-1000004 net                          3016.66 EUR
    ------------------------------------------------------------
    net                                             3320.35 EUR
    tax                                              268.87 EUR
    delivery                                          11.77 EUR
    total                                           3600.99 EUR
    1. 8 h, rail from Hamburg, 96 km: 11.77 EUR
    2. 13 h, rail from Cologne, 265 km: 11.95 EUR
    3. 14 h, rail from Amsterdam, 275 km: 11.95 EUR
    4. 15 h, rail from Berlin, 311 km: 12.04 EUR
    5. 15 h, rail from Leipzig, 304 km: 12.04 EUR
    "#);
    assert_eq!(client.post("/orders", ORDER).await.1.split(',').next(), Some(r#"{"id":2"#));
}

#[tokio::test]
async fn orders_that_are_gone_or_never_were_are_not_found() {
    let (_server, mut client) = start(&[("store_capacity", "16")]).await;
    for _ in 0..17 {
        assert_eq!(client.post("/orders", ORDER).await.0, 201);
    }
    let mut statuses = vec![];
    for path in ["/orders/1", "/orders/2", "/orders/17", "/orders/18", "/orders/one", "/nowhere"] {
        statuses.push(client.get(path).await.0);
    }
    assert_eq!(statuses, [404, 200, 200, 404, 400, 404]);
}

#[tokio::test]
async fn what_is_not_an_order_is_refused_with_the_reason() {
    let (_server, mut client) = start(&[]).await;
    let line = |sku: &str, quantity: i64| json!({ "customer": "1", "lines": [{ "sku": sku, "quantity": quantity }] });
    let mut no_country = line("sku-1", 1);
    no_country["country"] = "XX".into();
    let mut answers = String::new();
    for body in [
        "",
        "{",
        "[]",
        r#"{"customer":"1"}"#,
        r#"{"customer":"1","lines":[],"extra":1}"#,
        r#"{"customer":"1","lines":[]}"#,
        r#"{"customer":"","lines":[{"sku":"sku-1","quantity":1}]}"#,
        &line("sku-1", -1).to_string(),
        &line("sku-1", 0).to_string(),
        &line("sku-1", 1001).to_string(),
        &line("tea", 1).to_string(),
        &no_country.to_string(),
    ] {
        let (status, answer) = client.post("/orders", body).await;
        answers.push_str(&format!("{body}\n  {status} {answer}\n"));
    }
    insta::assert_snapshot!(answers, @r#"
      400 {"error":"EOF while parsing a value at line 1 column 0"}
    {
      400 {"error":"EOF while parsing an object at line 1 column 1"}
    []
      400 {"error":"invalid length 0, expected struct Order with 4 elements at line 1 column 2"}
    {"customer":"1"}
      400 {"error":"missing field `lines` at line 1 column 16"}
    {"customer":"1","lines":[],"extra":1}
      400 {"error":"unknown field `extra`, expected one of `customer`, `lines`, `country`, `coupon` at line 1 column 34"}
    {"customer":"1","lines":[]}
      422 {"error":"an order has 1 to 100 lines, not 0"}
    {"customer":"","lines":[{"sku":"sku-1","quantity":1}]}
      422 {"error":"`customer` must have 1 to 64 bytes"}
    {"customer":"1","lines":[{"quantity":-1,"sku":"sku-1"}]}
      400 {"error":"invalid value: integer `-1`, expected u32 at line 1 column 39"}
    {"customer":"1","lines":[{"quantity":0,"sku":"sku-1"}]}
      422 {"error":"`quantity` of sku-1 must be 1 to 1000, not 0"}
    {"customer":"1","lines":[{"quantity":1001,"sku":"sku-1"}]}
      422 {"error":"`quantity` of sku-1 must be 1 to 1000, not 1001"}
    {"customer":"1","lines":[{"quantity":1,"sku":"tea"}]}
      422 {"error":"unknown product `tea`: products are `sku-` and a number"}
    {"country":"XX","customer":"1","lines":[{"quantity":1,"sku":"sku-1"}]}
      422 {"error":"no delivery to `XX`"}
    "#);
    assert_eq!(client.post("/login", "{}").await.0, 400);
    assert_eq!(client.post("/orders", ORDER).await.0, 201);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let (_server, mut client) = start(&[]).await;
    assert_eq!(client.post("/orders", &" ".repeat(BODY_LIMIT + 1)).await.0, 413);
}

#[tokio::test]
async fn the_largest_order_fits_and_adds_up() {
    let (_server, mut client) = start(&[]).await;
    let lines: Vec<Value> = (0..100).map(|n| json!({ "sku": format!("sku-{n}"), "quantity": 1000 })).collect();
    let (status, placed) = client.post("/orders", &json!({ "customer": "1", "lines": lines }).to_string()).await;
    assert_eq!(status, 201);
    let totals = &serde_json::from_str::<Value>(&placed).unwrap()["totals"];
    let cents = |name: &str| totals[name].as_u64().unwrap();
    assert_eq!(cents("total"), cents("net") + cents("tax") + cents("delivery"));
}

#[tokio::test]
async fn parameters_are_checked() {
    let problem = |name: &str, value: &str| service(&[(name, value)]).unwrap_err().to_string();
    insta::assert_snapshot!(problem("login", "thread"), @"parameter `workload.login`: `thread` is none of inline, pool");
    insta::assert_snapshot!(problem("login_limit", "0"), @"parameter `workload.login_limit`: 0 is out of range: 1 to 1024");
    insta::assert_snapshot!(problem("argon2_memory_kib", "7"), @"parameter `workload.argon2_memory_kib`: 7 is out of range: 8 to 1048576");
    insta::assert_snapshot!(problem("argon_passes", "1"), @"parameter `workload.argon_passes`: not taken; did you mean `argon2_passes`? Taken are login, login_limit, argon2_memory_kib, argon2_passes, users, store_capacity");
    insta::assert_snapshot!(problem("users", "many"), @"parameter `workload.users`: `many` is not usable: invalid digit found in string; it takes 1 to 256");
}
