//! The atomics of our lock-free tables. The models of `workbench/probe/models` put loom's in their place.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::thread::yield_now;
