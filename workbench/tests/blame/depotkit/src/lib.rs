//! Code shared by the depot services of the blame set, as its author wrote it: some faults lie here.

#![allow(missing_docs, reason = "a stranger to our style on purpose")]

pub mod digest;
pub mod edition;
pub mod memo;
pub mod policy;
pub mod waybill;
