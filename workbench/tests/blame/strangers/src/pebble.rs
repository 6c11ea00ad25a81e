//! Checks a basket: a rule for each line.
use axum::{extract::State, routing::get, Router};
fn rule(line: u64) -> u64 {
    line.wrapping_mul(0x9e37_79b9).rotate_left(7) % 11
}
async fn each_apart(lines: u64) -> u64 {
    let mut tasks = Vec::new();
    for line in 0..lines {
        tasks.push(tokio::spawn(async move { rule(line) })); // guilty
    }
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    sum
}
async fn together(lines: u64) -> u64 {
    (0..lines).map(rule).sum()
}
async fn basket(State(broken): State<bool>) -> String {
    if broken {
        each_apart(3_000).await.to_string()
    } else {
        together(3_000).await.to_string()
    }
}
pub fn app(broken: bool) -> Router {
    Router::new().route("/", get(basket)).with_state(broken)
}
