//! Service-level objectives: how fast a run burns its error budget, and whether enough is left of the one in production.
//! Pure: whoever fetches a number hands it in as text.

mod binomial;
mod burn;
mod count;
mod remaining;
mod rules;
mod settle;

pub use binomial::{Interval, interval};
pub use burn::judge;
pub use count::count;
pub use remaining::{BudgetError, FREEZE_BELOW, answer, decide, document, number};
pub use rules::{RulesError, Sli, WINDOW, rules};
pub use settle::settle;
