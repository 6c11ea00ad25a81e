//! `strangers PROGRAM broken|healthy PORT`: a service with one planted fault, or its healthy twin.
//!
//! Each module is one program, as its author wrote it: five hands, and their ways to start. The line at fault ends in
//! the word `guilty` as a comment, or stands beside such a comment; some lie in the library `depotkit`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::manual_is_multiple_of,
    reason = "strangers to our style on purpose: what they are looked at for is how other people write"
)]

use std::future::Future;
use std::io;
use std::process::ExitCode;

use axum::Router;

mod aweb;
mod web;

mod almanac;
mod atlas;
mod atlas_tiles;
mod beacon;
mod bird_count;
mod box_office;
mod cart_hold;
mod club_door;
mod coin_frames;
mod coin_ledger;
mod corner_shop;
mod courier;
mod courier_quotes;
mod ember;
mod fjord;
mod gazette;
mod harbor;
mod harbor_cache;
mod label_press;
mod lantern;
mod lantern_legacy;
mod ledgerly;
mod meadow;
mod moor;
mod mosaic;
mod mosaic_journal;
mod night_radio;
mod orchard;
mod parcel;
mod parcel_desk;
mod pebble;
mod pigeon_post;
mod quarry;
mod quiz_hall;
mod rate_board;
mod recipe_box;
mod river_feed;
mod roster;
mod stage_tickets;
mod street_feed;
mod tarn;
mod thumbs;
mod tide_table;
mod tidepool;
mod tideway;
mod train_board;
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
    ("atlas-tiles", Broken(|broken, port| finish(atlas_tiles::run(broken, port)))),
    ("beacon", Tuned(beacon::run)),
    ("bird-count", Broken(|broken, port| finish(bird_count::run(broken, port)))),
    ("box-office", Broken(box_office::run)),
    ("cart-hold", Broken(cart_hold::run)),
    ("club-door", Broken(club_door::run)),
    ("coin-frames", Broken(coin_frames::run)),
    ("coin-ledger", Broken(|broken, port| finish(coin_ledger::run(broken, port)))),
    ("corner-shop", Broken(|broken, port| finish(corner_shop::run(broken, port)))),
    ("courier", Tuned(courier::run)),
    ("courier-quotes", Broken(courier_quotes::serve)),
    ("ember", App(ember::app)),
    ("fjord", App(fjord::app)),
    ("gazette", Broken(gazette::serve)),
    ("harbor", Tuned(harbor::run)),
    ("harbor-cache", Broken(harbor_cache::serve)),
    ("label-press", Broken(label_press::run)),
    ("lantern", Tuned(lantern::run)),
    ("lantern-legacy", App(lantern_legacy::app)),
    ("ledgerly", Tuned(ledgerly::run)),
    ("meadow", App(meadow::app)),
    ("moor", App(moor::app)),
    ("mosaic", Tuned(mosaic::run)),
    ("mosaic-journal", Broken(mosaic_journal::serve)),
    ("night-radio", Broken(|broken, port| finish(night_radio::run(broken, port)))),
    ("orchard", Tuned(orchard::run)),
    ("parcel", Tuned(parcel::run)),
    ("parcel-desk", Broken(|broken, port| finish(parcel_desk::run(broken, port)))),
    ("pebble", App(pebble::app)),
    ("pigeon-post", Broken(|broken, port| finish(pigeon_post::run(broken, port)))),
    ("quarry", Tuned(quarry::run)),
    ("quiz-hall", Broken(|broken, port| finish(quiz_hall::run(broken, port)))),
    ("rate-board", Broken(rate_board::run)),
    ("recipe-box", Broken(|broken, port| finish(recipe_box::run(broken, port)))),
    ("river-feed", Broken(|broken, port| finish(river_feed::run(broken, port)))),
    ("roster", App(roster::app)),
    ("stage-tickets", Broken(|broken, port| finish(stage_tickets::run(broken, port)))),
    ("street-feed", Broken(street_feed::run)),
    ("tarn", App(tarn::app)),
    ("thumbs", Broken(thumbs::serve)),
    ("tide-table", Broken(tide_table::run)),
    ("tidepool", Tuned(tidepool::run)),
    ("tideway", Broken(tideway::serve)),
    ("train-board", Broken(|broken, port| finish(train_board::run(broken, port)))),
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
fn serve(port: u16, app: impl Future<Output = Router>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(answer(port, app));
}

/// Two workers, for those that are a future to its end.
fn finish(program: impl Future<Output = io::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(program).unwrap();
}

async fn answer(port: u16, app: impl Future<Output = Router>) {
    let app = app.await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

fn usage(problem: &str) -> ExitCode {
    let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    eprintln!("error: {problem}\nusage: strangers PROGRAM broken|healthy PORT\nprograms: {}", names.join(" "));
    ExitCode::from(2)
}
