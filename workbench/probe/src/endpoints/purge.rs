//! What `gc=1` can mean where there is no garbage collector.

use crate::allocator::{self, Kind};
use crate::{glibc, jemalloc, mimalloc, usage};

/// Has the allocator give free pages back, and says so. Nothing that lives is touched, and nothing that was freed was
/// still counted: what a collection would do to a profile cannot happen here.
pub(super) fn purge() -> String {
    const NO_COLLECTOR: &str = "gc=1: there is no garbage collector, and the profile is the same without it";
    let before = usage::rss_bytes().ok();
    let done = if !allocator::is_installed() {
        Err("whose allocator serves this program is not known".to_owned())
    } else {
        match allocator::kind() {
            Kind::Jemalloc => jemalloc::purge().map(|()| "jemalloc").map_err(|error| error.to_string()),
            Kind::Mimalloc => {
                mimalloc::collect();
                Ok("mimalloc")
            }
            Kind::System => {
                glibc::trim();
                Ok("the system's allocator")
            }
        }
    };
    match (done, before, usage::rss_bytes().ok()) {
        (Ok(name), Some(before), Some(after)) => {
            format!("{NO_COLLECTOR}; {name} gave free pages back: {before} B resident before, {after} B after")
        }
        (Ok(name), _, _) => format!("{NO_COLLECTOR}; {name} gave free pages back"),
        (Err(reason), _, _) => format!("{NO_COLLECTOR}; no pages were given back either: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_claims_to_collect() {
        // This test program has no selectable allocator.
        assert!(purge().starts_with("gc=1: there is no garbage collector"), "{}", purge());
        assert!(purge().contains("no pages were given back"), "{}", purge());
    }
}
