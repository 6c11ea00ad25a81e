//! The cached token's async mutex is held over the call to the issuer: requests go through one by one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::Twin;
use crate::http::serve;

#[derive(Default)]
struct Token {
    text: String,
    uses: u64,
}

pub(crate) fn run(twin: Twin, port: u16) -> io::Result<()> {
    let token = Arc::new(Mutex::new(Token::default()));
    crate::http::runtime()?.block_on(serve(port, move || {
        let token = Arc::clone(&token);
        async move {
            match twin {
                Twin::Broken => authorise(&token).await,
                Twin::Healthy => authorise_unlocked(&token).await,
            }
        }
    }))
}

/// What the issuer takes to look at a token.
async fn introspect(text: &str) -> String {
    tokio::time::sleep(Duration::from_millis(4)).await;
    format!("{text}+")
}

async fn authorise(token: &Mutex<Token>) -> String {
    let mut token = token.lock().await;
    token.uses += 1;
    if token.uses.is_multiple_of(1000) {
        token.text.clear();
    }
    let seen = introspect(&token.text).await; // guilty
    token.text = seen.chars().take(8).collect();
    token.text.clone()
}

async fn authorise_unlocked(token: &Mutex<Token>) -> String {
    let text = {
        let mut token = token.lock().await;
        token.uses += 1;
        token.text.clone()
    };
    let seen = introspect(&text).await;
    token.lock().await.text = seen.chars().take(8).collect();
    seen
}
