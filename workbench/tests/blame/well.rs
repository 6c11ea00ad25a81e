//! The healthy programs that have no broken twin.

use crate::case::{Case, again, blind, case, held_out, second};

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
