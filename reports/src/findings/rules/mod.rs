//! One mechanism a file.

mod ahead;
pub(super) mod allocator_churn;
mod backing_off;
mod behind_jobs;
mod building;
pub(super) mod computing;
pub(super) mod connecting;
mod copying;
pub(super) mod delayed_acks;
mod dropped;
mod file_locks;
mod flood;
mod gathering;
mod given_up;
mod goroutine_growth;
mod goroutine_waits;
mod growing;
mod hanging;
mod herd;
mod idling;
mod in_flight;
mod in_turn;
mod kept_waiting;
pub(super) mod latency_pinned;
mod let_go;
mod lingering;
pub(super) mod long_poll_cpu;
pub(super) mod never_answered;
pub(super) mod other_side;
mod out_of_turn;
mod own_limit;
pub(super) mod poll_blocked;
mod put_off;
pub(super) mod rare_stall;
mod ready_not_polled;
pub(super) mod repeated_work;
mod round_trips;
mod rounds;
mod runnable_not_scheduled;
pub(super) mod standing;
mod starting;
pub(super) mod task_growth;
mod thread_growth;
pub(super) mod throttled;
pub(super) mod throughput_pinned;
mod timed_out;
pub(super) mod unbounded_growth;
pub(super) mod waiting_on_owner;
mod wrong_build;

pub(super) use poll_blocked::FUTEX;

use super::cause::Answer;
use super::joined::Joined;

/// A mechanism and how it is looked for.
pub(super) struct Rule {
    /// Slug (design 01).
    pub(super) slug: &'static str,
    /// What is to be seen in the tables.
    pub(super) look: fn(&Joined<'_>) -> Answer,
}

/// All of them.
pub(super) const RULES: &[Rule] = &[
    Rule { slug: wrong_build::SLUG, look: wrong_build::look },
    Rule { slug: throttled::SLUG, look: throttled::look },
    Rule { slug: never_answered::SLUG, look: never_answered::look },
    Rule { slug: long_poll_cpu::SLUG, look: long_poll_cpu::look },
    Rule { slug: poll_blocked::SLUG, look: poll_blocked::look },
    Rule { slug: waiting_on_owner::SLUG, look: waiting_on_owner::look },
    Rule { slug: throughput_pinned::SLUG, look: throughput_pinned::look },
    Rule { slug: latency_pinned::SLUG, look: latency_pinned::look },
    Rule { slug: rare_stall::SLUG, look: rare_stall::look },
    Rule { slug: ready_not_polled::SLUG, look: ready_not_polled::look },
    Rule { slug: runnable_not_scheduled::SLUG, look: runnable_not_scheduled::look },
    Rule { slug: task_growth::SLUG, look: task_growth::look },
    Rule { slug: unbounded_growth::SLUG, look: unbounded_growth::look },
    Rule { slug: repeated_work::SLUG, look: repeated_work::look },
    Rule { slug: allocator_churn::SLUG, look: allocator_churn::look },
];
