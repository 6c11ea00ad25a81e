//! `strangers PROGRAM broken|healthy PORT`: a service with one planted fault, or its healthy twin.
//!
//! Each module is one program, as its author wrote it: many hands, and their ways to start. The line at fault ends in
//! the word `guilty` as a comment, or stands beside such a comment; some lie in the library `depotkit`.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::field_reassign_with_default,
    clippy::format_in_format_args,
    clippy::identity_op,
    clippy::len_zero,
    clippy::manual_flatten,
    clippy::manual_is_multiple_of,
    clippy::precedence,
    clippy::ptr_arg,
    clippy::while_let_on_iterator,
    clippy::wrong_self_convention,
    clippy::write_with_newline,
    reason = "strangers to our style on purpose: what they are looked at for is how other people write"
)]

use std::future::Future;
use std::io;
use std::process::ExitCode;

use axum::Router;
use programs::PROGRAMS;

mod ada;
mod aweb;
mod bram;
mod cleo;
mod dov;
mod programs;
mod web;

mod almanac;
mod almanac_press;
mod anchor_wharf;
mod aspen_parlor;
mod atlas;
mod atlas_tiles;
mod auction_clerks;
mod auction_hooks;
mod auction_paddles;
mod auction_quote;
mod auction_room;
mod audit_trail;
mod basket_quote;
mod beacon;
mod berth_planner;
mod bid_book;
mod bid_feed;
mod birch_coupons;
mod bird_count;
mod bittern_cassock;
mod bodkin_trellis;
mod books_ledger;
mod box_office;
mod bracken_mortise;
mod brochure_press;
mod carrier_quotes;
mod cart_hold;
mod cedar_abacus;
mod checkout_lane;
mod clearing_ledger;
mod club_card;
mod club_door;
mod cobalt_trellis;
mod coin_audit;
mod coin_frames;
mod coin_ledger;
mod corner_shop;
mod coupon_search;
mod courier;
mod courier_desk;
mod courier_link;
mod courier_quote;
mod courier_quotes;
mod courier_routes;
mod customs_desk;
mod damp_thimble;
mod delivery_promise;
mod dented_osprey;
mod departure_board;
mod depot_router;
mod depot_stock;
mod doc_shelf;
mod drab_kestrel;
mod ember;
mod escrow_desk;
mod fare_broker;
mod fare_enquiries;
mod fares;
mod ferry_routes;
mod ferry_times;
mod film_lab;
mod fjord;
mod freight_papers;
mod freight_quote;
mod freight_quotes;
mod fx_desk;
mod gateway_quotes;
mod gazette;
mod gift_shop;
mod hangar_quotes;
mod harbor;
mod harbor_alerts;
mod harbor_cache;
mod harbor_log;
mod harbor_tides;
mod hold_keepers;
mod house_seats;
mod invoice_tax;
mod juice_press;
mod label_counter;
mod label_deadlines;
mod label_lanes;
mod label_press;
mod label_shelf;
mod lantern;
mod lantern_legacy;
mod ledger_commit;
mod ledger_feed;
mod ledgerly;
mod live_scores;
mod log_alerts;
mod loom_desk;
mod lot_auction;
mod loyalty_replay;
mod lunch_orders;
mod mailed_receipts;
mod mailout;
mod meadow;
mod menu_board;
mod meter_intake;
mod meter_ledger;
mod metered_tiles;
mod moor;
mod mosaic;
mod mosaic_journal;
mod mosaic_tariff;
mod night_radio;
mod offer_board;
mod offer_page;
mod orchard;
mod order_book;
mod order_view;
mod page_tally;
mod parcel;
mod parcel_board;
mod parcel_desk;
mod parcel_lockers;
mod parcel_manifest;
mod parcel_quotes;
mod parcel_sync;
mod partner_gate;
mod pebble;
mod pelican_tiles;
mod pigeon_post;
mod posting_ledger;
mod price_list;
mod price_ticker;
mod print_desk;
mod quarry;
mod quay_watch;
mod quiz_hall;
mod quote_desk;
mod quote_engine;
mod rail_board;
mod rate_board;
mod read_counter;
mod receipt_intake;
mod receipt_numbers;
mod recipe_box;
mod river_feed;
mod roster;
mod sale_room;
mod seat_expiry;
mod seat_holds;
mod seat_renewals;
mod seat_renewers;
mod shuttle_desk;
mod sms_relay;
mod spot_prices;
mod stage_tickets;
mod stamp_registry;
mod standby_ledger;
mod standby_seats;
mod status_page;
mod stock;
mod stock_batch;
mod stock_list;
mod stockroom;
mod street_feed;
mod symbol_quotes;
mod tanager_ledger;
mod tape_board;
mod tariff_board;
mod tarn;
mod thumbs;
mod ticket_board;
mod ticket_signer;
mod tide_gauge;
mod tide_quiet;
mod tide_table;
mod tidepool;
mod tideway;
mod tile_server;
mod till_points;
mod till_receipts;
mod toll_clearing;
mod toll_gate;
mod train_board;
mod turnstile;
mod velvet_checkout;
mod warehouse_count;
mod weather_feed;
mod weigh_bridge;
mod weighbridge;
mod willow;
mod yard_dispatch;
mod yard_scanner;

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

/// The same of those that end with nothing.
fn end(program: impl Future<Output = ()>) {
    finish(async {
        program.await;
        Ok(())
    });
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
