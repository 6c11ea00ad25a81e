//! `faulty PROGRAM broken|healthy PORT`: a small service with one planted fault, or its healthy twin.
//!
//! Each module is one program. The line at fault ends in the word `guilty` as a comment: the harness finds the function by
//! it. A second marked line means that either answer is right (the work, and who called it where it must not run).

use std::process::ExitCode;

mod http;
mod plain;

mod alder;
mod audit_pool;
mod backoff;
mod batch_tick;
mod big_drop;
mod billing;
mod birch;
mod cancelled;
mod cedar;
mod chatty_reply;
mod checksum;
mod clerk;
mod cold_map;
mod compactor;
mod config_parse;
mod crowd;
mod doc_preview;
mod dogwood;
mod dribble;
mod elder;
mod export_json;
mod feature_flags;
mod fir;
mod gather;
mod geo_lookup;
mod gorse;
mod hazel;
mod herd;
mod image_meta;
mod impatient;
mod ingest;
mod inventory;
mod invoice_xml;
mod iris;
mod janitor;
mod journal;
mod juniper;
mod kelp;
mod larch;
mod late_reply;
mod ledger;
mod log_pipe;
mod login;
mod mailbox;
mod maple;
mod media_session;
mod metrics_dump;
mod nettle;
mod oak;
mod one_by_one;
mod orders_log;
mod pdf_pool;
mod pine;
mod polling_wait;
mod presence;
mod price_quotes;
mod quince;
mod recommend;
mod rowan;
mod scratch;
mod search_suggest;
mod sedge;
mod session_store;
mod sessions;
mod settings_lock;
mod sms_gateway;
mod snapshot_lock;
mod sorrel;
mod spinners;
mod sync_client;
mod tansy;
mod tariffs;
mod thumbnails;
mod ticket;
mod token_refresh;
mod transfer;
mod upstream_halves;
mod watchers;
mod webhook_fanout;
mod well;
mod well_branch;
mod well_cart;
mod well_held;
mod well_jobs;
mod well_more;
mod well_notify;
mod well_rank;
mod well_tiles;
mod yew;

/// Which of the twins to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twin {
    Broken,
    Healthy,
}

type Program = fn(Twin, u16) -> std::io::Result<()>;

const PROGRAMS: &[(&str, Program)] = &[
    ("alder", alder::run),
    ("audit-pool", audit_pool::run),
    ("backoff", backoff::run),
    ("batch-tick", batch_tick::run),
    ("big-drop", big_drop::run),
    ("billing", billing::run),
    ("birch", birch::run),
    ("cancelled", cancelled::run),
    ("cedar", cedar::run),
    ("chatty-reply", chatty_reply::run),
    ("checksum", checksum::run),
    ("clerk", clerk::run),
    ("cold-map", cold_map::run),
    ("compactor", compactor::run),
    ("config-parse", config_parse::run),
    ("crowd", crowd::run),
    ("doc-preview", doc_preview::run),
    ("dogwood", dogwood::run),
    ("dribble", dribble::run),
    ("elder", elder::run),
    ("export-json", export_json::run),
    ("feature-flags", feature_flags::run),
    ("fir", fir::run),
    ("gather", gather::run),
    ("geo-lookup", geo_lookup::run),
    ("gorse", gorse::run),
    ("hazel", hazel::run),
    ("herd", herd::run),
    ("image-meta", image_meta::run),
    ("impatient", impatient::run),
    ("ingest", ingest::run),
    ("inventory", inventory::run),
    ("invoice-xml", invoice_xml::run),
    ("iris", iris::run),
    ("janitor", janitor::run),
    ("journal", journal::run),
    ("juniper", juniper::run),
    ("kelp", kelp::run),
    ("larch", larch::run),
    ("late-reply", late_reply::run),
    ("ledger", ledger::run),
    ("log-pipe", log_pipe::run),
    ("login", login::run),
    ("mailbox", mailbox::run),
    ("maple", maple::run),
    ("media-session", media_session::run),
    ("metrics-dump", metrics_dump::run),
    ("nettle", nettle::run),
    ("oak", oak::run),
    ("one-by-one", one_by_one::run),
    ("orders-log", orders_log::run),
    ("pdf-pool", pdf_pool::run),
    ("pine", pine::run),
    ("polling-wait", polling_wait::run),
    ("presence", presence::run),
    ("price-quotes", price_quotes::run),
    ("quince", quince::run),
    ("recommend", recommend::run),
    ("rowan", rowan::run),
    ("scratch", scratch::run),
    ("search-suggest", search_suggest::run),
    ("sedge", sedge::run),
    ("session-store", session_store::run),
    ("sessions", sessions::run),
    ("settings-lock", settings_lock::run),
    ("sms-gateway", sms_gateway::run),
    ("snapshot-lock", snapshot_lock::run),
    ("sorrel", sorrel::run),
    ("spinners", spinners::run),
    ("sync-client", sync_client::run),
    ("tansy", tansy::run),
    ("tariffs", tariffs::run),
    ("thumbnails", thumbnails::run),
    ("ticket", ticket::run),
    ("token-refresh", token_refresh::run),
    ("transfer", transfer::run),
    ("upstream-halves", upstream_halves::run),
    ("watchers", watchers::run),
    ("webhook-fanout", webhook_fanout::run),
    ("well-beside", well::beside),
    ("well-branch", well_branch::run),
    ("well-busy", well::busy),
    ("well-cache", well_more::cache),
    ("well-calls", well_held::calls),
    ("well-cart", well_cart::run),
    ("well-commit", well_held::commit),
    ("well-cron", well_held::cron),
    ("well-drip", well_held::drip),
    ("well-gateway", well::gateway),
    ("well-half", well_held::half),
    ("well-jobs", well_jobs::run),
    ("well-notify", well_notify::run),
    ("well-pool", well_held::pool),
    ("well-queue", well_more::queue),
    ("well-rank", well_rank::run),
    ("well-streaming", well::streaming),
    ("well-tiles", well_tiles::run),
    ("yew", yew::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, twin, port] = &arguments[..] else { return usage("three arguments are needed") };
    let Some((_, run)) = PROGRAMS.iter().find(|(name, _)| name == program) else {
        return usage(&format!("no program is called `{program}`"));
    };
    let twin = match twin.as_str() {
        "broken" => Twin::Broken,
        "healthy" => Twin::Healthy,
        other => return usage(&format!("`{other}` is neither `broken` nor `healthy`")),
    };
    let Ok(port) = port.parse() else { return usage(&format!("`{port}` is not a port")) };
    match join_group().and_then(|()| run(twin, port)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Goes under a quota where there is one: `FAULTY_GROUP` is the control group's list of processes.
fn join_group() -> std::io::Result<()> {
    match std::env::var_os("FAULTY_GROUP") {
        Some(processes) => std::fs::write(processes, std::process::id().to_string()),
        None => Ok(()),
    }
}

fn usage(problem: &str) -> ExitCode {
    let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
    eprintln!("error: {problem}\nusage: faulty PROGRAM broken|healthy PORT\nprograms: {}", names.join(" "));
    ExitCode::from(2)
}
