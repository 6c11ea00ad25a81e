//! Places other than the environment from which jemalloc took options.
//!
//! Its order: compiled in < symbol `_rjem_malloc_conf` < link `/etc/_rjem_malloc.conf` < environment < symbol
//! `_rjem_malloc_conf_2_conf_harder`. Options that nobody asked for must not decide a comparison unnoticed.

use super::control::text;

/// Each hidden source with the options it gave, one line each; empty where there is none.
pub fn hidden_sources() -> Vec<String> {
    [
        ("config.malloc_conf", "compiled in"),
        ("opt.malloc_conf.global_var", "symbol _rjem_malloc_conf"),
        ("opt.malloc_conf.symlink", "link /etc/_rjem_malloc.conf"),
        ("opt.malloc_conf.global_var_2_conf_harder", "symbol _rjem_malloc_conf_2_conf_harder"),
    ]
    .into_iter()
    .filter_map(|(name, place)| {
        // A jemalloc too old for the question has no such source worth naming.
        let options = text(name).ok()??;
        (!options.is_empty()).then(|| format!("{place}: {options}"))
    })
    .collect()
}
