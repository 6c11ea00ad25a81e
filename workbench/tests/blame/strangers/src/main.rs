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
    clippy::while_let_on_iterator,
    clippy::write_with_newline,
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
mod auction_clerks;
mod auction_hooks;
mod auction_paddles;
mod auction_quote;
mod auction_room;
mod audit_trail;
mod basket_quote;
mod beacon;
mod bid_book;
mod bid_feed;
mod bird_count;
mod books_ledger;
mod box_office;
mod carrier_quotes;
mod cart_hold;
mod checkout_lane;
mod clearing_ledger;
mod club_card;
mod club_door;
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
mod delivery_promise;
mod departure_board;
mod depot_stock;
mod doc_shelf;
mod ember;
mod fare_enquiries;
mod fares;
mod ferry_routes;
mod ferry_times;
mod film_lab;
mod fjord;
mod freight_papers;
mod freight_quote;
mod fx_desk;
mod gateway_quotes;
mod gazette;
mod gift_shop;
mod harbor;
mod harbor_cache;
mod harbor_tides;
mod hold_keepers;
mod house_seats;
mod invoice_tax;
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
mod night_radio;
mod offer_board;
mod offer_page;
mod orchard;
mod order_book;
mod order_view;
mod page_tally;
mod parcel;
mod parcel_desk;
mod parcel_lockers;
mod parcel_manifest;
mod parcel_quotes;
mod parcel_sync;
mod partner_gate;
mod pebble;
mod pigeon_post;
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
mod standby_ledger;
mod standby_seats;
mod status_page;
mod stock;
mod stock_batch;
mod stock_list;
mod stockroom;
mod street_feed;
mod symbol_quotes;
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
mod weigh_bridge;
mod weighbridge;
mod willow;
mod yard_dispatch;

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
    ("auction-clerks", Broken(auction_clerks::run)),
    ("auction-hooks", Broken(auction_hooks::run)),
    ("auction-paddles", Broken(auction_paddles::run)),
    ("auction-quote", Broken(auction_quote::run)),
    ("auction-room", Broken(auction_room::run)),
    ("audit-trail", Broken(audit_trail::run)),
    ("basket-quote", Broken(basket_quote::run)),
    ("beacon", Tuned(beacon::run)),
    ("bid-book", Broken(bid_book::run)),
    ("bid-feed", Broken(bid_feed::run)),
    ("bird-count", Broken(|broken, port| finish(bird_count::run(broken, port)))),
    ("books-ledger", Broken(books_ledger::run)),
    ("box-office", Broken(box_office::run)),
    ("carrier-quotes", Broken(carrier_quotes::run)),
    ("cart-hold", Broken(cart_hold::run)),
    ("checkout-lane", Broken(checkout_lane::run)),
    ("clearing-ledger", Broken(clearing_ledger::run)),
    ("club-card", Broken(club_card::run)),
    ("club-door", Broken(club_door::run)),
    ("coin-audit", Broken(coin_audit::run)),
    ("coin-frames", Broken(coin_frames::run)),
    ("coin-ledger", Broken(|broken, port| finish(coin_ledger::run(broken, port)))),
    ("corner-shop", Broken(|broken, port| finish(corner_shop::run(broken, port)))),
    ("coupon-search", Broken(coupon_search::run)),
    ("courier", Tuned(courier::run)),
    ("courier-desk", Broken(|broken, port| serve(port, courier_desk::app(broken)))),
    ("courier-link", Broken(courier_link::run)),
    ("courier-quote", Broken(courier_quote::run)),
    ("courier-quotes", Broken(courier_quotes::serve)),
    ("courier-routes", Broken(courier_routes::run)),
    ("customs-desk", Broken(customs_desk::run)),
    ("delivery-promise", Broken(delivery_promise::run)),
    ("departure-board", Broken(|broken, port| end(departure_board::run(broken, port)))),
    ("depot-stock", Broken(depot_stock::run)),
    ("doc-shelf", Broken(doc_shelf::run)),
    ("ember", App(ember::app)),
    ("fare-enquiries", Broken(fare_enquiries::run)),
    ("fares", Broken(fares::run)),
    ("ferry-routes", Broken(ferry_routes::run)),
    ("ferry-times", Broken(ferry_times::run)),
    ("film-lab", Broken(film_lab::run)),
    ("fjord", App(fjord::app)),
    ("freight-papers", Broken(freight_papers::run)),
    ("freight-quote", Broken(|broken, port| finish(freight_quote::run(broken, port)))),
    ("fx-desk", Broken(fx_desk::run)),
    ("gateway-quotes", Broken(|broken, port| end(gateway_quotes::run(broken, port)))),
    ("gazette", Broken(gazette::serve)),
    ("gift-shop", Broken(gift_shop::run)),
    ("harbor", Tuned(harbor::run)),
    ("harbor-cache", Broken(harbor_cache::serve)),
    ("harbor-tides", Broken(harbor_tides::run)),
    ("hold-keepers", Broken(hold_keepers::run)),
    ("house-seats", Broken(house_seats::run)),
    ("invoice-tax", Broken(|broken, port| end(invoice_tax::run(broken, port)))),
    ("label-counter", Broken(label_counter::run)),
    ("label-deadlines", Broken(label_deadlines::run)),
    ("label-lanes", Broken(label_lanes::run)),
    ("label-press", Broken(label_press::run)),
    ("label-shelf", Broken(|broken, port| finish(label_shelf::run(broken, port)))),
    ("lantern", Tuned(lantern::run)),
    ("lantern-legacy", App(lantern_legacy::app)),
    ("ledger-commit", Broken(|broken, port| serve(port, async move { ledger_commit::app(broken) }))),
    ("ledger-feed", Broken(ledger_feed::run)),
    ("ledgerly", Tuned(ledgerly::run)),
    ("live-scores", Broken(|broken, port| end(live_scores::run(port, broken)))),
    ("log-alerts", Broken(log_alerts::run)),
    ("lot-auction", Broken(lot_auction::run)),
    ("loyalty-replay", Broken(loyalty_replay::run)),
    ("lunch-orders", Broken(lunch_orders::run)),
    ("mailed-receipts", Broken(|broken, port| end(mailed_receipts::run(broken, port)))),
    ("mailout", Broken(mailout::run)),
    ("meadow", App(meadow::app)),
    ("menu-board", Broken(menu_board::run)),
    ("meter-intake", Broken(meter_intake::run)),
    ("meter-ledger", Broken(|broken, port| end(meter_ledger::run(broken, port)))),
    ("metered-tiles", Broken(|broken, port| end(metered_tiles::run(broken, port)))),
    ("moor", App(moor::app)),
    ("mosaic", Tuned(mosaic::run)),
    ("mosaic-journal", Broken(mosaic_journal::serve)),
    ("night-radio", Broken(|broken, port| finish(night_radio::run(broken, port)))),
    ("offer-board", Broken(offer_board::run)),
    ("offer-page", Broken(offer_page::run)),
    ("orchard", Tuned(orchard::run)),
    ("order-book", Broken(order_book::run)),
    ("order-view", Broken(|broken, port| end(order_view::run(broken, port)))),
    ("page-tally", Broken(page_tally::run)),
    ("parcel", Tuned(parcel::run)),
    ("parcel-desk", Broken(|broken, port| finish(parcel_desk::run(broken, port)))),
    ("parcel-lockers", Broken(parcel_lockers::run)),
    ("parcel-manifest", Broken(parcel_manifest::run)),
    ("parcel-quotes", Broken(parcel_quotes::run)),
    ("parcel-sync", Broken(|broken, port| parcel_sync::run(broken, port).unwrap())),
    ("partner-gate", Broken(partner_gate::run)),
    ("pebble", App(pebble::app)),
    ("pigeon-post", Broken(|broken, port| finish(pigeon_post::run(broken, port)))),
    ("price-list", Broken(price_list::run)),
    ("price-ticker", Broken(|broken, port| price_ticker::run(broken, port).unwrap())),
    ("print-desk", Broken(print_desk::run)),
    ("quarry", Tuned(quarry::run)),
    ("quay-watch", Broken(quay_watch::run)),
    ("quiz-hall", Broken(|broken, port| finish(quiz_hall::run(broken, port)))),
    ("quote-desk", Broken(quote_desk::run)),
    ("quote-engine", Broken(|broken, port| end(quote_engine::run(port, broken)))),
    ("rail-board", Broken(|broken, port| finish(rail_board::run(broken, port)))),
    ("rate-board", Broken(rate_board::run)),
    ("read-counter", Broken(read_counter::run)),
    ("receipt-numbers", Broken(|broken, port| end(receipt_numbers::run(broken, port)))),
    ("recipe-box", Broken(|broken, port| finish(recipe_box::run(broken, port)))),
    ("river-feed", Broken(|broken, port| finish(river_feed::run(broken, port)))),
    ("roster", App(roster::app)),
    ("sale-room", Broken(sale_room::run)),
    ("seat-expiry", Broken(seat_expiry::run)),
    ("seat-holds", Broken(seat_holds::run)),
    ("seat-renewals", Broken(|broken, port| end(seat_renewals::run(broken, port)))),
    ("seat-renewers", Broken(|broken, port| end(seat_renewers::run(broken, port)))),
    ("shuttle-desk", Broken(shuttle_desk::run)),
    ("sms-relay", Broken(sms_relay::run)),
    ("spot-prices", Broken(spot_prices::run)),
    ("stage-tickets", Broken(|broken, port| finish(stage_tickets::run(broken, port)))),
    ("standby-ledger", Broken(standby_ledger::run)),
    ("standby-seats", Broken(standby_seats::run)),
    ("status-page", Broken(|broken, port| status_page::run(broken, port).unwrap())),
    ("stock", Broken(stock::run)),
    ("stock-batch", Broken(stock_batch::run)),
    ("stock-list", Broken(|broken, port| end(stock_list::run(broken, port)))),
    ("stockroom", Broken(stockroom::run)),
    ("street-feed", Broken(street_feed::run)),
    ("symbol-quotes", Broken(symbol_quotes::run)),
    ("tape-board", Broken(tape_board::run)),
    ("tariff-board", Broken(tariff_board::run)),
    ("tarn", App(tarn::app)),
    ("thumbs", Broken(thumbs::serve)),
    ("ticket-board", Broken(ticket_board::run)),
    ("ticket-signer", Broken(ticket_signer::run)),
    ("tide-gauge", Broken(|broken, port| finish(tide_gauge::run(broken, port)))),
    ("tide-quiet", Broken(tide_quiet::run)),
    ("tide-table", Broken(tide_table::run)),
    ("tidepool", Tuned(tidepool::run)),
    ("tideway", Broken(tideway::serve)),
    ("tile-server", Broken(tile_server::run)),
    ("till-points", Broken(till_points::run)),
    ("till-receipts", Broken(till_receipts::run)),
    ("toll-clearing", Broken(toll_clearing::run)),
    ("toll-gate", Broken(toll_gate::run)),
    ("train-board", Broken(|broken, port| finish(train_board::run(broken, port)))),
    ("turnstile", Broken(turnstile::run)),
    ("weigh-bridge", Broken(|broken, port| weigh_bridge::run(broken, port).unwrap())),
    ("weighbridge", Broken(weighbridge::run)),
    ("willow", App(willow::app)),
    ("yard-dispatch", Broken(yard_dispatch::run)),
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
