//! The programs, what is asked of them, and which mechanisms are a right answer.

/// A program and its load.
pub(crate) struct Case {
    /// As the binary of its package knows it; its source is this with `_` for `-`.
    pub(crate) name: &'static str,
    /// Where it is built from.
    pub(crate) package: Package,
    /// The file of `depotkit` in which its fault lies too, or alone.
    pub(crate) library: Option<&'static str>,
    /// Slugs that name the mechanism. Several where the same fault is two of them.
    pub(crate) slugs: &'static [&'static str],
    /// Operations per second.
    pub(crate) rate: u32,
    /// Connections.
    pub(crate) concurrency: u32,
    /// Whether half a CPU is all it gets.
    pub(crate) has_quota: bool,
    /// Whether there is a line to blame. The broken twin of a program without one is its source, built without optimisation.
    pub(crate) has_line: bool,
    /// Load of other routes beside, as `--background` takes it.
    pub(crate) beside: &'static [&'static str],
    /// How its first score came about.
    pub(crate) written: Written,
}

/// Where programs are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// `programs`: they share an HTTP server.
    Programs,
    /// `strangers`: each as its author wrote it.
    Strangers,
    /// `go_strangers`: the same in Go.
    GoStrangers,
    /// A folder in it: those of one hand.
    GoStrangersOf(&'static str),
}

/// What the rules knew of a program when it was scored first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// They were tuned on it.
    Along,
    /// It was held out: written by someone who had not read them. They were mended after its first score.
    HeldOut,
    /// It was held out again: written as those before, scored first after the rules were mended for them.
    HeldOutAgain,
    /// It was written by a third hand, who had not read the rules either, after the second mending.
    Blind,
    /// Written by that hand before its first ones were scored, and scored first after the rules were mended for them.
    BlindAgain,
    /// Written by two more hands, who had not read the rules, in the night to 2026-11-27; scored first after those above.
    Third,
    /// Written in the same night by one who had read them.
    ThirdInformed,
    /// Written by three more hands, who had not read the rules, on 2026-11-27; scored first after those above.
    Fourth,
    /// Written by nine more hands, who had not read the rules, on 2026-11-27 in three rounds; each round was scored first after the
    /// rules were mended for those before.
    Fifth,
}

impl Package {
    /// Whether it is built by Go.
    pub(crate) fn is_go(self) -> bool {
        matches!(self, Self::GoStrangers | Self::GoStrangersOf(_))
    }
}

const fn case(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    let written = Written::Along;
    let package = Package::Programs;
    let (has_quota, has_line) = (false, true);
    Case { name, package, library: None, slugs, rate, concurrency, has_quota, has_line, beside: &[], written }
}

const fn held_out(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::HeldOut, ..case(name, slugs, rate, concurrency) }
}

const fn again(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::HeldOutAgain, ..case(name, slugs, rate, concurrency) }
}

const fn blind(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Blind, ..case(name, slugs, rate, concurrency) }
}

const fn second(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::BlindAgain, ..case(name, slugs, rate, concurrency) }
}

const fn third(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    let package = Package::Strangers;
    Case { package, written: Written::Third, ..case(name, slugs, rate, concurrency) }
}

const fn informed(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::ThirdInformed, ..third(name, slugs, rate, concurrency) }
}

const fn fourth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Fourth, ..third(name, slugs, rate, concurrency) }
}

const fn fifth(name: &'static str, slugs: &'static [&'static str], rate: u32, concurrency: u32) -> Case {
    Case { written: Written::Fifth, ..third(name, slugs, rate, concurrency) }
}

const fn in_library(file: &'static str, case: Case) -> Case {
    Case { library: Some(file), ..case }
}

const fn in_go(case: Case) -> Case {
    Case { package: Package::GoStrangers, ..case }
}

const fn in_go_of(folder: &'static str, case: Case) -> Case {
    Case { package: Package::GoStrangersOf(folder), ..case }
}

const fn beside(beside: &'static [&'static str], case: Case) -> Case {
    Case { beside, ..case }
}

/// Threads that wait for ever do so for somebody, or in a call.
const HANG: &[&str] = &["never-answered", "waiting-on-owner", "poll-blocked"];

/// One fault each.
pub(crate) const CASES: &[Case] = &[
    case("audit-pool", &["waiting-on-owner", "throughput-pinned"], 120, 16),
    case("backoff", &["poll-blocked"], 120, 16),
    case("batch-tick", &["latency-pinned"], 120, 16),
    case("chatty-reply", &["latency-pinned"], 30, 3),
    case("clerk", &["throughput-pinned", "waiting-on-owner"], 120, 16),
    case("compactor", &["rare-stall", "long-poll-cpu"], 120, 16),
    case("config-parse", &["repeated-work"], 120, 16),
    case("dribble", &["repeated-work"], 120, 16),
    case("journal", &["poll-blocked"], 120, 16),
    case("late-reply", &["ready-not-polled", "long-poll-cpu"], 120, 16),
    case("login", &["long-poll-cpu"], 120, 16),
    case("mailbox", &["unbounded-growth"], 150, 16),
    case("metrics-dump", &["poll-blocked", "waiting-on-owner"], 150, 16),
    case("polling-wait", &["latency-pinned"], 120, 16),
    case("scratch", &["allocator-churn"], 30, 16),
    case("settings-lock", &["waiting-on-owner"], 120, 16),
    case("thumbnails", &["throughput-pinned", "waiting-on-owner"], 200, 16),
    case("ticket", &["never-answered"], 120, 16),
    case("token-refresh", &["waiting-on-owner", "throughput-pinned"], 120, 16),
    case("watchers", &["task-growth"], 120, 16),
    case("big-drop", &["rare-stall", "long-poll-cpu"], 120, 16),
    case("cancelled", &["never-answered"], 120, 16),
    Case { has_line: false, ..case("checksum", &["wrong-build"], 120, 16) },
    case("cold-map", &["poll-blocked"], 80, 16),
    Case { has_quota: true, ..case("crowd", &["throttled"], 45, 16) },
    case("gather", &["waiting-on-owner", "throughput-pinned", "ready-not-polled"], 120, 16),
    case("herd", &["repeated-work"], 60, 16),
    case("impatient", &["repeated-work"], 60, 16),
    case("ledger", &["waiting-on-owner", "throughput-pinned"], 100, 16),
    case("log-pipe", &["poll-blocked"], 100, 16),
    case("spinners", &["runnable-not-scheduled"], 120, 16),
    // The same mechanisms in another shape.
    case("export-json", &["long-poll-cpu"], 120, 16),
    case("one-by-one", &["repeated-work"], 120, 16),
    case("sessions", &["unbounded-growth"], 150, 16),
    case("snapshot-lock", &["poll-blocked", "waiting-on-owner"], 150, 16),
    case("sync-client", &["poll-blocked"], 120, 16),
    case("transfer", &["never-answered"], 120, 16),
    case("upstream-halves", &["latency-pinned"], 60, 4),
    // They hang with their first operations.
    case("credit-limit", HANG, 120, 16),
    case("label-printer", HANG, 120, 16),
    case("seat-map", HANG, 120, 16),
    // Who keeps what grows is not who makes it.
    case("labels", &["unbounded-growth"], 150, 16),
    case("shelf", &["unbounded-growth"], 150, 16),
    // Held out. Where two slugs stand the catalogue of causes allows both for the mechanism.
    held_out("alder", &["long-poll-cpu"], 120, 16),
    beside(&["list=20:/list", "book=15:POST /book"], held_out("birch", &["poll-blocked", "waiting-on-owner"], 120, 16)),
    held_out("cedar", &["poll-blocked"], 60, 16),
    held_out("elder", &["repeated-work", "latency-pinned"], 120, 16),
    held_out("fir", &["waiting-on-owner", "throughput-pinned"], 100, 16),
    held_out("gorse", &["rare-stall", "long-poll-cpu"], 120, 16),
    held_out("hazel", &["repeated-work"], 120, 16),
    held_out("iris", &["unbounded-growth"], 150, 16),
    held_out("kelp", &["allocator-churn", "repeated-work"], 60, 16),
    held_out("larch", &["task-growth"], 120, 16),
    held_out("nettle", &["never-answered"], 120, 16),
    held_out("oak", &["poll-blocked"], 120, 16),
    held_out("quince", &["latency-pinned"], 120, 16),
    held_out("rowan", &["poll-blocked"], 60, 16),
    beside(&["import=6:/import"], held_out("sorrel", &["long-poll-cpu"], 120, 16)),
    held_out("tansy", &["waiting-on-owner", "throughput-pinned"], 100, 16),
    // Held out again.
    again("dogwood", &["throughput-pinned", "waiting-on-owner"], 80, 16),
    again("juniper", &["long-poll-cpu", "repeated-work"], 60, 16),
    again("maple", &["latency-pinned"], 30, 3),
    again("pine", &["throughput-pinned", "waiting-on-owner"], 100, 16),
    again("sedge", &["repeated-work"], 100, 16),
    again("yew", &["waiting-on-owner", "throughput-pinned"], 120, 16),
    // Written blind. Work that grows with the data is one long poll where there are polls, and repeated work anywhere.
    blind("doc-preview", &["poll-blocked"], 60, 16),
    blind("geo-lookup", &["unbounded-growth"], 150, 16),
    blind("image-meta", &["waiting-on-owner", "throughput-pinned"], 100, 16),
    blind("ingest", &["long-poll-cpu", "waiting-on-owner"], 120, 16),
    blind("invoice-xml", &["repeated-work", "long-poll-cpu"], 60, 16),
    blind("media-session", &["poll-blocked"], 80, 16),
    blind("pdf-pool", &["throughput-pinned", "waiting-on-owner"], 90, 16),
    blind("presence", &["waiting-on-owner", "throughput-pinned"], 120, 16),
    blind("price-quotes", &["long-poll-cpu", "repeated-work"], 60, 16),
    blind("recommend", &["ready-not-polled", "rare-stall"], 120, 16),
    blind("search-suggest", &["long-poll-cpu", "repeated-work"], 80, 16),
    blind("session-store", &["latency-pinned"], 60, 16),
    blind("sms-gateway", &["never-answered"], 120, 16),
    blind("webhook-fanout", &["allocator-churn", "repeated-work"], 40, 16),
    // The second half of them.
    second("billing", &["repeated-work"], 60, 16),
    second("feature-flags", &["poll-blocked"], 120, 16),
    second("inventory", &["throughput-pinned", "waiting-on-owner"], 100, 16),
    second("janitor", &["rare-stall", "long-poll-cpu"], 120, 16),
    second("orders-log", &["repeated-work", "long-poll-cpu"], 80, 16),
    second("tariffs", &["poll-blocked", "waiting-on-owner"], 120, 16),
    // The strangers of one hand: asynchronous, with a library.
    third("beacon", &["poll-blocked", "waiting-on-owner"], 150, 16),
    in_library("memo.rs", third("courier", &["unbounded-growth"], 300, 16)),
    in_library("edition.rs", third("harbor", &["rare-stall", "long-poll-cpu"], 150, 16)),
    third("lantern", &["task-growth", "unbounded-growth"], 300, 16),
    third("ledgerly", &["waiting-on-owner", "throughput-pinned"], 60, 16),
    third("mosaic", &["ready-not-polled", "throughput-pinned"], 60, 16),
    third("orchard", &["latency-pinned"], 80, 16),
    in_library("waybill.rs", third("parcel", &["long-poll-cpu"], 30, 16)),
    in_library("policy.rs", third("quarry", &["repeated-work", "long-poll-cpu"], 25, 16)),
    third("tidepool", &["waiting-on-owner"], 150, 16),
    // Of another: threads, runtimes of their own, Go.
    third("almanac", &["repeated-work"], 70, 16),
    third("courier-quotes", &["latency-pinned"], 150, 16),
    third("gazette", &["waiting-on-owner", "rare-stall"], 150, 16),
    third("harbor-cache", &["long-poll-cpu", "repeated-work"], 340, 16),
    third("mosaic-journal", &["unbounded-growth"], 500, 16),
    third("thumbs", &["waiting-on-owner", "throughput-pinned"], 150, 16),
    third("tideway", &["task-growth", "unbounded-growth"], 300, 16),
    in_go(third("lantern-relay", &["throughput-pinned", "waiting-on-owner"], 150, 16)),
    in_go(third("meadow-sheet", &["repeated-work", "allocator-churn"], 60, 16)),
    in_go(third("orchard-board", &["waiting-on-owner", "throughput-pinned"], 150, 16)),
    // Of one who knew the rules.
    informed("atlas", &["repeated-work"], 40, 16),
    informed("ember", &["repeated-work"], 60, 16),
    informed("fjord", &["poll-blocked", "waiting-on-owner"], 150, 16),
    informed("lantern-legacy", &["poll-blocked"], 60, 16),
    informed("meadow", &["long-poll-cpu"], 120, 16),
    informed("moor", &["allocator-churn", "repeated-work", "long-poll-cpu"], 80, 16),
    informed("pebble", &["repeated-work"], 60, 16),
    informed("roster", &["poll-blocked", "waiting-on-owner", "never-answered"], 60, 16),
    informed("tarn", &["waiting-on-owner", "throughput-pinned"], 90, 16),
    informed("willow", &["repeated-work"], 60, 16),
    // Of three more hands: asynchronous.
    fourth("atlas-tiles", &["throttled"], 120, 16),
    fourth("bird-count", &["allocator-churn"], 80, 16),
    fourth("coin-ledger", &["waiting-on-owner", "throughput-pinned"], 220, 16),
    fourth("corner-shop", &["unbounded-growth"], 200, 16),
    fourth("night-radio", &["rare-stall", "waiting-on-owner", "long-poll-cpu"], 150, 16),
    fourth("parcel-desk", &["poll-blocked"], 300, 16),
    fourth("pigeon-post", &["ready-not-polled", "repeated-work"], 100, 16),
    fourth("quiz-hall", &["latency-pinned"], 100, 16),
    fourth("recipe-box", &["repeated-work"], 80, 16),
    fourth("river-feed", &["long-poll-cpu"], 80, 16),
    fourth("stage-tickets", &["never-answered"], 100, 16),
    fourth("train-board", &["task-growth"], 300, 16),
    // Threads.
    fourth("box-office", &["waiting-on-owner"], 200, 16),
    fourth("cart-hold", &["task-growth", "unbounded-growth"], 200, 16),
    fourth("club-door", &["rare-stall", "waiting-on-owner"], 200, 16),
    fourth("coin-frames", &["latency-pinned"], 150, 16),
    fourth("label-press", &["throughput-pinned", "waiting-on-owner"], 120, 16),
    fourth("rate-board", &["never-answered"], 200, 16),
    fourth("street-feed", &["repeated-work"], 100, 16),
    fourth("tide-table", &["runnable-not-scheduled"], 150, 16),
    // Go.
    in_go(fourth("bike-routes", &["allocator-churn"], 150, 16)),
    in_go(fourth("cash-ledger", &["rare-stall"], 200, 16)),
    in_go(fourth("comment-wall", &["repeated-work"], 300, 16)),
    in_go(fourth("fare-finder", &["task-growth"], 200, 16)),
    in_go(fourth("parcel-labels", &["latency-pinned"], 200, 16)),
    in_go(fourth("reading-room", &["unbounded-growth"], 300, 16)),
    in_go(fourth("repair-desk", &["never-answered"], 100, 16)),
    in_go(fourth("stock-check", &["throughput-pinned", "waiting-on-owner"], 200, 16)),
    in_go(fourth("ticket-desk", &["waiting-on-owner"], 200, 16)),
    // Of nine more hands. Asynchronous.
    fifth("label-shelf", &["rare-stall", "waiting-on-owner", "long-poll-cpu"], 200, 16),
    fifth("freight-quote", &["throughput-pinned", "waiting-on-owner"], 130, 16),
    fifth("tide-gauge", &["latency-pinned"], 200, 16),
    fifth("rail-board", &["never-answered"], 200, 16),
    fifth("fx-desk", &["throttled"], 130, 16),
    fifth("quay-watch", &["task-growth", "unbounded-growth"], 200, 16),
    fifth("customs-desk", &["ready-not-polled", "throughput-pinned"], 200, 16),
    fifth("toll-gate", &["poll-blocked"], 200, 16),
    fifth("auction-quote", &["never-answered"], 200, 16),
    fifth("meter-intake", &["runnable-not-scheduled"], 150, 16),
    fifth("loyalty-replay", &["allocator-churn", "long-poll-cpu"], 120, 16),
    fifth("tariff-board", &["waiting-on-owner"], 150, 16),
    fifth("coin-audit", &["rare-stall", "long-poll-cpu", "waiting-on-owner"], 200, 16),
    fifth("doc-shelf", &["repeated-work"], 100, 16),
    fifth("lot-auction", &["unbounded-growth"], 300, 16),
    fifth("basket-quote", &["never-answered"], 200, 16),
    fifth("harbor-tides", &["latency-pinned"], 200, 16),
    // Threads.
    fifth("ferry-routes", &["rare-stall", "waiting-on-owner"], 200, 16),
    fifth("freight-papers", &["repeated-work"], 100, 16),
    fifth("parcel-lockers", &["never-answered"], 200, 16),
    fifth("toll-clearing", &["throughput-pinned"], 250, 16),
    fifth("tile-server", &["throttled"], 150, 16),
    fifth("quote-desk", &["runnable-not-scheduled"], 200, 16),
    fifth("checkout-lane", &["never-answered"], 200, 16),
    fifth("audit-trail", &["rare-stall"], 200, 16),
    fifth("seat-holds", &["task-growth"], 80, 16),
    fifth("parcel-manifest", &["repeated-work"], 60, 16),
    fifth("auction-hooks", &["waiting-on-owner"], 150, 16),
    fifth("seat-expiry", &["unbounded-growth"], 400, 16),
    fifth("courier-routes", &["allocator-churn"], 80, 16),
    fifth("till-receipts", &["latency-pinned"], 100, 16),
    fifth("carrier-quotes", &["throughput-pinned", "waiting-on-owner"], 250, 16),
    fifth("spot-prices", &["never-answered"], 150, 16),
    // Go.
    in_go_of("depot", fifth("parcel-depot", &["task-growth", "unbounded-growth", "repeated-work"], 200, 16)),
    in_go_of("depot", fifth("till-journal", &["rare-stall", "waiting-on-owner"], 200, 16)),
    in_go_of("depot", fifth("harbour-feed", &["allocator-churn"], 70, 16)),
    in_go_of("depot", fifth("fare-counter", &["never-answered"], 100, 16)),
    in_go_of("board", fifth("freight-tariff", &["latency-pinned"], 150, 16)),
    in_go_of("board", fifth("audit-roll", &["rare-stall"], 400, 16)),
    in_go_of("board", fifth("stock-link", &["never-answered"], 150, 16)),
    in_go_of("board", fifth("receipts", &["task-growth", "unbounded-growth"], 300, 16)),
    in_go_of("board", fifth("price-board", &["waiting-on-owner"], 200, 16)),
    in_go_of("board", fifth("ticket-index", &["ready-not-polled", "waiting-on-owner"], 150, 16)),
    in_go_of("board", fifth("departures", &["repeated-work"], 150, 16)),
    in_go_of("ledger", fifth("seat-board", &["waiting-on-owner"], 200, 16)),
    in_go_of("ledger", fifth("basket-rates", &["unbounded-growth"], 150, 16)),
    in_go_of("ledger", fifth("fare-clients", &["repeated-work"], 80, 16)),
    in_go_of("ledger", fifth("ledger-post", &["throughput-pinned", "waiting-on-owner"], 200, 16)),
    in_go_of("ledger", fifth("render-lease", &["task-growth"], 250, 16)),
    in_go_of("ledger", fifth("parcel-events", &["allocator-churn"], 120, 16)),
];

/// Healthy programs without a broken twin: nothing may be said of them.
pub(crate) const WELL: &[Case] = &[
    case("well-beside", &[], 120, 16),
    case("well-busy", &[], 400, 16),
    case("well-gateway", &[], 120, 16),
    case("well-streaming", &[], 120, 16),
    held_out("well-calls", &[], 120, 16),
    held_out("well-commit", &[], 120, 16),
    held_out("well-cron", &[], 120, 16),
    held_out("well-drip", &[], 120, 16),
    held_out("well-half", &[], 600, 16),
    held_out("well-pool", &[], 120, 16),
    again("well-cache", &[], 120, 16),
    again("well-queue", &[], 120, 16),
    blind("well-branch", &[], 120, 16),
    blind("well-cart", &[], 200, 16),
    blind("well-notify", &[], 120, 16),
    blind("well-tiles", &[], 120, 16),
    second("well-jobs", &[], 120, 16),
    second("well-rank", &[], 120, 16),
];

/// The program of that name.
pub(crate) fn named(name: &str) -> &'static Case {
    CASES.iter().chain(WELL).find(|case| case.name == name).expect("a program of the table")
}
