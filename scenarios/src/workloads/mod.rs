//! Built-in workloads: realistic services and allocator exercises.

pub mod allocator_lab;
pub mod drain;
pub mod http_service;
#[cfg(test)]
mod loopback;
pub mod memory_limit;
mod splitmix;
