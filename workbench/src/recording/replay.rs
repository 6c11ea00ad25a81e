//! A replay from the first to the last: socket, server, and whoever looks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reports::run::console::Recording;

use super::Player;

/// How often somebody looks whether it is over.
const GLANCE: Duration = Duration::from_millis(50);

/// Serves a recording on a loopback port, 0 for any that is free, until `over` says so. `ready` hears where, before the first
/// client can come.
///
/// # Errors
/// A port that is taken, or whatever `ready` says.
pub fn replay<E: From<io::Error>>(
    recording: Recording,
    speed: f64,
    port: u16,
    ready: impl FnOnce(SocketAddr) -> Result<(), E>,
    mut over: impl FnMut() -> bool,
) -> Result<(), E> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (listener, address) = super::listen(port).await?;
        ready(address)?;
        let player: Arc<Player> = Player::new(recording, speed);
        let stop = async {
            while !over() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        Ok(player.serve(listener, stop).await?)
    })
}
