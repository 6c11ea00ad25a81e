//! Do the findings name the planted fault? One test for each program of `programs` and of the strangers, and the score
//! of them all.
//!
//! `cargo test --release -p workbench --test blame -- --ignored --test-threads 1` runs everything: about a minute and a half
//! a program on an idle machine of two CPUs. With a name at its end it runs that program alone; `.ci/run` runs those of
//! `fast`. Two kinds of mistake are counted apart: the wrong place on a broken program, and any blame on a healthy one.

#![allow(clippy::print_stderr, reason = "the score is for whoever asked for it")]

mod attach;
mod case;
mod cases;
mod client;
mod go;
mod marker;
mod quota;
mod score;
mod subject;
mod verdict;

use cases::{CASES, Case, WELL, named};
use score::Row;
use subject::Twin;

/// A broken program may be looked at this often, and the best counts: `BLAME_ATTEMPTS`, or three times.
fn most_attempts() -> u32 {
    let said = std::env::var("BLAME_ATTEMPTS").ok();
    said.map_or(3, |said| said.parse().expect("`BLAME_ATTEMPTS` is a number"))
}

/// Runs both twins of a program and keeps its row of the score.
fn score(case: &Case) -> Row {
    let mut row = Row::of(case);
    let attempts = match (case.slugs, subject::is_replay()) {
        ([], _) => 0,
        (_, true) => 1,
        (_, false) => most_attempts(),
    };
    for attempt in 1..=attempts {
        let result = subject::explained(case, Twin::Broken);
        row.broken = row.broken.max(verdict::of_broken(case, &result));
        eprintln!("{} broken, attempt {attempt}: {}", case.name, verdict::shown(&result));
        if row.broken.is_right() {
            break;
        }
    }
    let result = subject::explained(case, Twin::Healthy);
    eprintln!("{} healthy: {}", case.name, verdict::shown(&result));
    row.healthy = verdict::of_healthy(case, &result);
    row.keep();
    row
}

fn check(name: &str) {
    if subject::is_unable() {
        return;
    }
    let case = named(name);
    if subject::is_unbuildable(case) {
        return;
    }
    let row = score(case);
    eprintln!("{}", score::table());
    assert!(case.slugs.is_empty() || row.broken.is_right(), "{name}, broken: {}", row.broken);
    assert!(row.healthy.is_right(), "{name}, healthy: {}", row.healthy);
}

macro_rules! programs {
    ($($name:ident: $program:literal,)*) => {
        $(#[test]
        #[ignore = "runs a program under load for two minutes"]
        fn $name() {
            check($program);
        })*

        #[test]
        fn every_program_has_a_test() {
            let tested = [$($program),*];
            for case in CASES.iter().chain(WELL) {
                assert!(tested.contains(&case.name), "`{}` has none", case.name);
            }
        }
    };
}

programs! {
    audit_pool: "audit-pool",
    backoff: "backoff",
    batch_tick: "batch-tick",
    chatty_reply: "chatty-reply",
    clerk: "clerk",
    compactor: "compactor",
    config_parse: "config-parse",
    dribble: "dribble",
    journal: "journal",
    late_reply: "late-reply",
    login: "login",
    mailbox: "mailbox",
    metrics_dump: "metrics-dump",
    polling_wait: "polling-wait",
    scratch: "scratch",
    settings_lock: "settings-lock",
    thumbnails: "thumbnails",
    ticket: "ticket",
    token_refresh: "token-refresh",
    watchers: "watchers",
    big_drop: "big-drop",
    cancelled: "cancelled",
    checksum: "checksum",
    cold_map: "cold-map",
    crowd: "crowd",
    gather: "gather",
    herd: "herd",
    impatient: "impatient",
    ledger: "ledger",
    log_pipe: "log-pipe",
    spinners: "spinners",
    export_json: "export-json",
    one_by_one: "one-by-one",
    sessions: "sessions",
    snapshot_lock: "snapshot-lock",
    sync_client: "sync-client",
    transfer: "transfer",
    upstream_halves: "upstream-halves",
    credit_limit: "credit-limit",
    label_printer: "label-printer",
    seat_map: "seat-map",
    labels: "labels",
    shelf: "shelf",
    alder: "alder",
    birch: "birch",
    cedar: "cedar",
    elder: "elder",
    fir: "fir",
    gorse: "gorse",
    hazel: "hazel",
    iris: "iris",
    kelp: "kelp",
    larch: "larch",
    nettle: "nettle",
    oak: "oak",
    quince: "quince",
    rowan: "rowan",
    sorrel: "sorrel",
    tansy: "tansy",
    dogwood: "dogwood",
    juniper: "juniper",
    maple: "maple",
    pine: "pine",
    sedge: "sedge",
    yew: "yew",
    well_beside: "well-beside",
    well_busy: "well-busy",
    well_gateway: "well-gateway",
    well_streaming: "well-streaming",
    well_calls: "well-calls",
    well_commit: "well-commit",
    well_cron: "well-cron",
    well_drip: "well-drip",
    well_half: "well-half",
    well_pool: "well-pool",
    well_cache: "well-cache",
    well_queue: "well-queue",
    billing: "billing",
    orders_log: "orders-log",
    tariffs: "tariffs",
    inventory: "inventory",
    janitor: "janitor",
    feature_flags: "feature-flags",
    well_rank: "well-rank",
    well_jobs: "well-jobs",
    price_quotes: "price-quotes",
    presence: "presence",
    search_suggest: "search-suggest",
    doc_preview: "doc-preview",
    media_session: "media-session",
    image_meta: "image-meta",
    webhook_fanout: "webhook-fanout",
    session_store: "session-store",
    sms_gateway: "sms-gateway",
    ingest: "ingest",
    recommend: "recommend",
    geo_lookup: "geo-lookup",
    pdf_pool: "pdf-pool",
    invoice_xml: "invoice-xml",
    well_cart: "well-cart",
    well_tiles: "well-tiles",
    well_notify: "well-notify",
    well_branch: "well-branch",
    beacon: "beacon",
    courier: "courier",
    harbor: "harbor",
    lantern: "lantern",
    ledgerly: "ledgerly",
    mosaic: "mosaic",
    orchard: "orchard",
    parcel: "parcel",
    quarry: "quarry",
    tidepool: "tidepool",
    almanac: "almanac",
    courier_quotes: "courier-quotes",
    gazette: "gazette",
    harbor_cache: "harbor-cache",
    mosaic_journal: "mosaic-journal",
    thumbs: "thumbs",
    tideway: "tideway",
    lantern_relay: "lantern-relay",
    meadow_sheet: "meadow-sheet",
    orchard_board: "orchard-board",
    atlas: "atlas",
    ember: "ember",
    fjord: "fjord",
    lantern_legacy: "lantern-legacy",
    meadow: "meadow",
    moor: "moor",
    pebble: "pebble",
    roster: "roster",
    tarn: "tarn",
    willow: "willow",
    atlas_tiles: "atlas-tiles",
    bird_count: "bird-count",
    coin_ledger: "coin-ledger",
    corner_shop: "corner-shop",
    night_radio: "night-radio",
    parcel_desk: "parcel-desk",
    pigeon_post: "pigeon-post",
    quiz_hall: "quiz-hall",
    recipe_box: "recipe-box",
    river_feed: "river-feed",
    stage_tickets: "stage-tickets",
    train_board: "train-board",
    box_office: "box-office",
    cart_hold: "cart-hold",
    club_door: "club-door",
    coin_frames: "coin-frames",
    label_press: "label-press",
    rate_board: "rate-board",
    street_feed: "street-feed",
    tide_table: "tide-table",
    bike_routes: "bike-routes",
    cash_ledger: "cash-ledger",
    comment_wall: "comment-wall",
    fare_finder: "fare-finder",
    parcel_labels: "parcel-labels",
    reading_room: "reading-room",
    repair_desk: "repair-desk",
    stock_check: "stock-check",
    ticket_desk: "ticket-desk",
    label_shelf: "label-shelf",
    freight_quote: "freight-quote",
    tide_gauge: "tide-gauge",
    rail_board: "rail-board",
    fx_desk: "fx-desk",
    quay_watch: "quay-watch",
    customs_desk: "customs-desk",
    toll_gate: "toll-gate",
    auction_quote: "auction-quote",
    meter_intake: "meter-intake",
    loyalty_replay: "loyalty-replay",
    tariff_board: "tariff-board",
    coin_audit: "coin-audit",
    doc_shelf: "doc-shelf",
    lot_auction: "lot-auction",
    basket_quote: "basket-quote",
    harbor_tides: "harbor-tides",
    ferry_routes: "ferry-routes",
    freight_papers: "freight-papers",
    parcel_lockers: "parcel-lockers",
    toll_clearing: "toll-clearing",
    tile_server: "tile-server",
    quote_desk: "quote-desk",
    checkout_lane: "checkout-lane",
    audit_trail: "audit-trail",
    seat_holds: "seat-holds",
    parcel_manifest: "parcel-manifest",
    auction_hooks: "auction-hooks",
    seat_expiry: "seat-expiry",
    courier_routes: "courier-routes",
    till_receipts: "till-receipts",
    carrier_quotes: "carrier-quotes",
    spot_prices: "spot-prices",
    parcel_depot: "parcel-depot",
    till_journal: "till-journal",
    harbour_feed: "harbour-feed",
    fare_counter: "fare-counter",
    freight_tariff: "freight-tariff",
    audit_roll: "audit-roll",
    stock_link: "stock-link",
    receipts: "receipts",
    price_board: "price-board",
    ticket_index: "ticket-index",
    departures: "departures",
    seat_board: "seat-board",
    basket_rates: "basket-rates",
    fare_clients: "fare-clients",
    ledger_post: "ledger-post",
    render_lease: "render-lease",
    parcel_events: "parcel-events",
    house_seats: "house-seats",
    ledger_feed: "ledger-feed",
    depot_stock: "depot-stock",
    coupon_search: "coupon-search",
    shuttle_desk: "shuttle-desk",
    print_desk: "print-desk",
    receipt_numbers: "receipt-numbers",
    invoice_tax: "invoice-tax",
    seat_renewers: "seat-renewers",
    meter_ledger: "meter-ledger",
    gateway_quotes: "gateway-quotes",
    mailed_receipts: "mailed-receipts",
    departure_board: "departure-board",
    seat_renewals: "seat-renewals",
    stock_list: "stock-list",
    metered_tiles: "metered-tiles",
    standby_seats: "standby-seats",
    label_deadlines: "label-deadlines",
    turnstile: "turnstile",
    tide_quiet: "tide-quiet",
    standby_ledger: "standby-ledger",
    stockroom: "stockroom",
    read_counter: "read-counter",
    sale_room: "sale-room",
    delivery_promise: "delivery-promise",
    label_counter: "label-counter",
    weigh_bridge: "weigh-bridge",
    parcel_sync: "parcel-sync",
    status_page: "status-page",
    price_ticker: "price-ticker",
    settlement_ledger: "settlement-ledger",
    seat_leases: "seat-leases",
    clinic_agenda: "clinic-agenda",
    receipt_vault: "receipt-vault",
    fare_desk: "fare-desk",
    ticket_mailbox: "ticket-mailbox",
    iban_ledger: "iban-ledger",
    cart_totals: "cart-totals",
    stock_tags: "stock-tags",
    price_feed: "price-feed",
}

/// What `.ci/run` runs: mechanisms that show however little CPU there is. The places alone are asserted: on a machine of
/// many neighbours a healthy program may wait for a CPU, and say so.
#[test]
#[ignore = "builds the programs and runs three of them under load"]
fn fast() {
    if subject::is_unable() {
        return;
    }
    for name in ["backoff", "token-refresh", "ticket"] {
        let case = named(name);
        let mut starved = true;
        let right = (0..most_attempts()).any(|_| {
            let result = subject::explained_at_its_rate(case, Twin::Broken);
            eprintln!("{name}: {}", verdict::shown(&result));
            starved &= verdict::is_starved(&result);
            verdict::of_broken(case, &result).is_right()
        });
        if !right && starved {
            subject::skipped(&format!(
                "{name}: the load driver never kept up: this machine is too busy to blame anybody"
            ));
            continue;
        }
        assert!(right, "`{name}` was not blamed on its fault");
    }
}
