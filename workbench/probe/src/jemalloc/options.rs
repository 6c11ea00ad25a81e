//! Options in force, `opt.*` of jemalloc(3), each read as the type that `src/ctl.c` of jemalloc 5.3.1 gives it.

use std::collections::BTreeMap;
use std::ffi::c_uint;

use super::control::{ControlError, read, text};

/// C type of an option.
#[derive(Debug, Clone, Copy)]
enum Type {
    Bool,
    Unsigned,
    Size,
    SignedSize,
    Signed64,
    Text,
}

/// Options that `_RJEM_MALLOC_CONF` takes and `opt.*` shows.
const OPTIONS: &[(&str, Type)] = &[
    ("background_thread", Type::Bool),
    ("cache_oblivious", Type::Bool),
    ("dirty_decay_ms", Type::SignedSize),
    ("disable_large_size_classes", Type::Bool),
    ("dss", Type::Text),
    ("experimental_tcache_gc", Type::Bool),
    ("hpa", Type::Bool),
    ("junk", Type::Text),
    ("lg_extent_max_active_fit", Type::Size),
    ("lg_tcache_flush_large_div", Type::Unsigned),
    ("lg_tcache_flush_small_div", Type::Unsigned),
    ("lg_tcache_nslots_mul", Type::SignedSize),
    ("max_background_threads", Type::Size),
    ("metadata_thp", Type::Text),
    ("mutex_max_spin", Type::Signed64),
    ("muzzy_decay_ms", Type::SignedSize),
    ("narenas", Type::Unsigned),
    ("oversize_threshold", Type::Size),
    ("percpu_arena", Type::Text),
    ("process_madvise_max_batch", Type::Size),
    ("retain", Type::Bool),
    ("tcache", Type::Bool),
    ("tcache_gc_delay_bytes", Type::Size),
    ("tcache_gc_incr_bytes", Type::Size),
    ("tcache_max", Type::Size),
    ("tcache_nslots_large", Type::Unsigned),
    ("tcache_nslots_small_max", Type::Unsigned),
    ("tcache_nslots_small_min", Type::Unsigned),
    ("thp", Type::Text),
    ("trust_madvise", Type::Bool),
    ("zero", Type::Bool),
    ("zero_realloc", Type::Text),
];

/// The options in force, by name, in the spelling of `_RJEM_MALLOC_CONF`: sizes in bytes, without a unit.
///
/// # Errors
/// jemalloc does not know one of them.
pub fn effective() -> Result<BTreeMap<&'static str, String>, ControlError> {
    OPTIONS.iter().map(|(name, kind)| Ok((*name, option(name, *kind)?))).collect()
}

fn option(name: &str, kind: Type) -> Result<String, ControlError> {
    let name = format!("opt.{name}");
    Ok(match kind {
        Type::Bool => read::<bool>(&name)?.to_string(),
        Type::Unsigned => read::<c_uint>(&name)?.to_string(),
        Type::Size => read::<usize>(&name)?.to_string(),
        Type::SignedSize => read::<isize>(&name)?.to_string(),
        Type::Signed64 => read::<i64>(&name)?.to_string(),
        Type::Text => text(&name)?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_answers() {
        let options = effective().unwrap();
        assert_eq!(options.len(), OPTIONS.len());
        assert!(options.values().all(|value| !value.is_empty()), "{options:?}");
    }
}
