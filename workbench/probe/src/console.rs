//! tokio-console in this process: a server that the unmodified `tokio-console` program connects to, with resources of
//! our own beside tokio's: the allocator, the stall detector and the spawn sites that allocate most.
//!
//! Needs the feature `console` and a build with `--cfg tokio_unstable`; without either, [`Console::start`] says so.
//! tokio's instrumentation makes every poll, wake and spawn dearer (5 to 140 times on microbenchmarks, with
//! console-subscriber listening), so it has no place in a process whose times count.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Before the runtime: what was spawned or created earlier is not seen.
//! let console = probe::console::Console::start(&probe::console::Options::default())?;
//! let mut builder = tokio::runtime::Builder::new_multi_thread();
//! let tasks = probe::tasks::install(builder.enable_all())?;
//! tasks.start();
//! console.show_tasks(tasks);
//! println!("tokio-console http://{}", console.address());
//! # Ok(())
//! # }
//! ```

#[cfg(all(feature = "console", tokio_unstable))]
mod allocator;
#[cfg(all(feature = "console", tokio_unstable))]
mod gauge;
#[cfg(all(feature = "console", tokio_unstable))]
mod resources;
#[cfg(all(feature = "console", tokio_unstable))]
mod server;
#[cfg(all(feature = "console", tokio_unstable))]
mod sites;
#[cfg(all(feature = "console", tokio_unstable))]
mod words;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::stalls::Summary;
use crate::tasks::Recorder;

/// Port that `tokio-console` connects to unless told otherwise.
pub const DEFAULT_PORT: u16 = 6669;

/// How the console serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// How long finished tasks and dropped resources are kept. A task takes about 40 KB, so short: with an hour, which
    /// is console-subscriber's default, a service that spawns 10,000 tasks fills 400 MB.
    pub retention: Duration,
    /// Between two updates to clients.
    pub publish_interval: Duration,
    /// Updates that wait for a client that does not read. When they are so many it is disconnected: it may connect again,
    /// and knows that it missed something. Nobody else is held up.
    pub client_buffer: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            retention: Duration::from_secs(2),
            publish_interval: Duration::from_millis(200),
            client_buffer: 128,
        }
    }
}

/// Why there is no console.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The feature is off.
    #[error("tokio-console is not built in: needs the feature `console` of the crate `probe`")]
    NotBuilt,
    /// tokio would publish nothing, and the console stay empty without a word.
    #[error(
        "tokio-console would show nothing: needs tokio_unstable (build with RUSTFLAGS=\"--cfg tokio_unstable\"; the \
         variable replaces the flags of .cargo/config.toml)"
    )]
    NeedsUnstable,
    /// Somebody else listens there.
    #[error("port {} is taken by another program", .0.port())]
    PortTaken(SocketAddr),
    /// The operating system refused the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// Cause.
        source: io::Error,
    },
    /// Another tracing subscriber was installed first.
    #[error("a tracing subscriber is installed already, and tokio-console needs to be it")]
    Subscribed,
    /// No thread, no runtime.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A console that serves; dropping it ends the server, and clients are disconnected.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct Console {
    address: SocketAddr,
    #[cfg(all(feature = "console", tokio_unstable))]
    resources: resources::Resources,
    #[cfg(all(feature = "console", tokio_unstable))]
    _server: server::Server,
}

impl Console {
    /// Subscribes to this process's tracing and serves from threads of its own. Call it before the runtime to be
    /// watched is built.
    ///
    /// # Errors
    /// A build without what it takes, an address that cannot be had, or another subscriber in place.
    #[cfg(all(feature = "console", tokio_unstable))]
    pub fn start(options: &Options) -> Result<Self, ConsoleError> {
        let server = server::start(options)?;
        let resources = resources::Resources::start(options.publish_interval)?;
        Ok(Self { address: server.address(), resources, _server: server })
    }

    /// Says what this build lacks.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(all(feature = "console", tokio_unstable)))]
    pub fn start(_: &Options) -> Result<Self, ConsoleError> {
        Err(if cfg!(feature = "console") { ConsoleError::NeedsUnstable } else { ConsoleError::NotBuilt })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows the spawn sites of this recording, and, unless [`Console::show_stalls`] knows better, its stalls.
    pub fn show_tasks(&self, tasks: Recorder) {
        #[cfg(all(feature = "console", tokio_unstable))]
        self.resources.show_tasks(tasks);
        #[cfg(not(all(feature = "console", tokio_unstable)))]
        drop(tasks);
    }

    /// Shows what a stall catcher says whenever it is asked.
    pub fn show_stalls(&self, stalls: impl Fn() -> Summary + Send + 'static) {
        #[cfg(all(feature = "console", tokio_unstable))]
        self.resources.show_stalls(Box::new(stalls));
        #[cfg(not(all(feature = "console", tokio_unstable)))]
        drop(stalls);
    }
}

/// Whether this build can serve tokio-console.
pub const fn is_available() -> bool {
    cfg!(all(feature = "console", tokio_unstable))
}
