//! `strangers PROGRAM broken|healthy PORT`: a service with one planted fault, or its healthy twin.
//!
//! Each module is one program, as its author wrote it: three hands, three ways to start. The line at fault ends in
//! the word `guilty` as a comment, or stands beside such a comment; some lie in the library `depotkit`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::manual_is_multiple_of,
    reason = "strangers to our style on purpose: what they are looked at for is how other people write"
)]

use std::process::ExitCode;

use axum::Router;

mod aweb;
mod web;

mod almanac;
mod atlas;
mod beacon;
mod courier;
mod courier_quotes;
mod ember;
mod fjord;
mod gazette;
mod harbor;
mod harbor_cache;
mod lantern;
mod lantern_legacy;
mod ledgerly;
mod meadow;
mod moor;
mod mosaic;
mod mosaic_journal;
mod orchard;
mod parcel;
mod pebble;
mod quarry;
mod roster;
mod tarn;
mod thumbs;
mod tidepool;
mod tideway;
mod willow;

/// How an author starts a program.
#[derive(Clone, Copy)]
enum Start {
    /// With its port, and whether it is healthy.
    Tuned(fn(u16, bool)),
    /// With whether it is broken, and its port.
    Broken(fn(bool, u16)),
    /// With whether it is broken, within tokio's default runtime.
    App(fn(bool) -> Router),
}

use Start::{App, Broken, Tuned};

const PROGRAMS: &[(&str, Start)] = &[
    ("almanac", Broken(almanac::serve)),
    ("atlas", App(atlas::app)),
    ("beacon", Tuned(beacon::run)),
    ("courier", Tuned(courier::run)),
    ("courier-quotes", Broken(courier_quotes::serve)),
    ("ember", App(ember::app)),
    ("fjord", App(fjord::app)),
    ("gazette", Broken(gazette::serve)),
    ("harbor", Tuned(harbor::run)),
    ("harbor-cache", Broken(harbor_cache::serve)),
    ("lantern", Tuned(lantern::run)),
    ("lantern-legacy", App(lantern_legacy::app)),
    ("ledgerly", Tuned(ledgerly::run)),
    ("meadow", App(meadow::app)),
    ("moor", App(moor::app)),
    ("mosaic", Tuned(mosaic::run)),
    ("mosaic-journal", Broken(mosaic_journal::serve)),
    ("orchard", Tuned(orchard::run)),
    ("parcel", Tuned(parcel::run)),
    ("pebble", App(pebble::app)),
    ("quarry", Tuned(quarry::run)),
    ("roster", App(roster::app)),
    ("tarn", App(tarn::app)),
    ("thumbs", Broken(thumbs::serve)),
    ("tidepool", Tuned(tidepool::run)),
    ("tideway", Broken(tideway::serve)),
    ("willow", App(willow::app)),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, twin, port] = &arguments[..] else { return usage("three arguments are needed") };
    let Some((_, start)) = PROGRAMS.iter().find(|(name, _)| name == program) else {
        return usage(&format!("no program is called `{program}`"));
    };
    let is_broken = match twin.as_str() {
        "broken" => true,
        "healthy" => false,
        other => return usage(&format!("`{other}` is neither `broken` nor `healthy`")),
    };
    let Ok(port) = port.parse() else { return usage(&format!("`{port}` is not a port")) };
    match start {
        Tuned(run) => run(port, !is_broken),
        Broken(serve) => serve(is_broken, port),
        App(app) => {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(answer(port, async { app(is_broken) }));
        }
    }
    ExitCode::SUCCESS
}

/// Two workers and axum's server, for those that start with their port and need nothing special.
fn serve(port: u16, app: impl std::future::Future<Output = Router>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(answer(port, app));
}

async fn answer(port: u16, app: impl std::future::Future<Output = Router>) {
    let app = app.await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

fn usage(problem: &str) -> ExitCode {
    let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    eprintln!("error: {problem}\nusage: strangers PROGRAM broken|healthy PORT\nprograms: {}", names.join(" "));
    ExitCode::from(2)
}
