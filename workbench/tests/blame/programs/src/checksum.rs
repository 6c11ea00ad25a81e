//! Nothing is wrong with the source: the broken twin is this program built without optimisation.

use std::io;
use std::sync::Arc;

use crate::Twin;
use crate::http::serve;

pub(crate) fn run(_: Twin, port: u16) -> io::Result<()> {
    let page: Arc<Vec<u8>> = Arc::new((0..40_000_u32).map(|n| n.to_le_bytes()[0]).collect());
    crate::http::runtime()?.block_on(serve(port, move || {
        let page = Arc::clone(&page);
        async move { checksum(&page).to_string() }
    }))
}

fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}
