//! Map tiles from a file on disk.
use axum::{extract::State, routing::get, Router};
use std::{path::PathBuf, sync::Arc};
use tokio::io::AsyncReadExt;
struct Tiles {
    path: PathBuf,
    piecemeal: bool,
}
impl Tiles {
    fn create(piecemeal: bool) -> Self {
        let path = std::env::temp_dir().join(format!("atlas-{}.bin", std::process::id()));
        let bytes: Vec<u8> = (0..2_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        Self { path, piecemeal }
    }
    async fn sum(&self) -> std::io::Result<u64> {
        if self.piecemeal {
            self.sum_by_pages().await
        } else {
            self.sum_at_once().await
        }
    }
    async fn sum_by_pages(&self) -> std::io::Result<u64> {
        let mut file = tokio::fs::File::open(&self.path).await?;
        let mut page = [0u8; 4096];
        let mut sum = 0;
        loop {
            let n = file.read(&mut page).await?; // guilty
            if n == 0 {
                return Ok(sum);
            }
            sum += page[..n].iter().map(|b| u64::from(*b)).sum::<u64>();
        }
    }
    async fn sum_at_once(&self) -> std::io::Result<u64> {
        let bytes = tokio::fs::read(&self.path).await?;
        Ok(bytes.iter().map(|b| u64::from(*b)).sum())
    }
}
async fn tile(State(tiles): State<Arc<Tiles>>) -> String {
    tiles.sum().await.unwrap().to_string()
}
pub fn app(broken: bool) -> Router {
    Router::new().route("/", get(tile)).with_state(Arc::new(Tiles::create(broken)))
}
