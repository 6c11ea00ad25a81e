//! HTTP/2: many requests at a time over few connections, by the protocol machine of `h2` and the driver's own epoll loop.
//!
//! `h2` does no I/O of its own and knows no clock; its futures are polled here, on the driver's thread, when the socket or
//! another of them woke them. So arrivals are paced as everywhere, and no runtime lies between.

mod link;
mod multiplexer;
mod pipe;
mod request;
mod stream;
mod woken;

pub(super) use self::multiplexer::Multiplexer;
