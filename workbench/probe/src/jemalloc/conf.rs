//! Typed start-up options.

/// Environment variable that jemalloc reads before `main`. Its options cannot be changed later.
pub const ENV: &str = "_RJEM_MALLOC_CONF";

/// Start-up options; `None` leaves jemalloc's default. Names are those of `opt.*` in jemalloc(3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conf {
    /// Arenas (default: four per CPU, or one on a single CPU).
    pub narenas: Option<u32>,
    /// Milliseconds until unused dirty pages go back; 0 at once, −1 never (default 10 000).
    pub dirty_decay_ms: Option<i64>,
    /// Milliseconds until muzzy pages (`MADV_FREE`) go back; 0 at once, −1 never (default 0).
    pub muzzy_decay_ms: Option<i64>,
    /// Purge in threads of jemalloc's own (default false).
    pub background_thread: Option<bool>,
    /// Cache of each thread (default true).
    pub tcache: Option<bool>,
}

impl Conf {
    /// Options that were set, by name, in the spelling that [`super::effective`] reads back.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        [
            ("narenas", self.narenas.map(|v| v.to_string())),
            ("dirty_decay_ms", self.dirty_decay_ms.map(|v| v.to_string())),
            ("muzzy_decay_ms", self.muzzy_decay_ms.map(|v| v.to_string())),
            ("background_thread", self.background_thread.map(|v| v.to_string())),
            ("tcache", self.tcache.map(|v| v.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// Value of [`ENV`]; `None` where nothing is set, and the variable should be absent.
    pub fn value(&self) -> Option<String> {
        let options = self.options();
        (!options.is_empty())
            .then(|| options.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_as_jemalloc_reads_them() {
        let conf = Conf {
            narenas: Some(2),
            dirty_decay_ms: Some(-1),
            muzzy_decay_ms: Some(0),
            background_thread: Some(true),
            tcache: Some(false),
        };
        insta::assert_snapshot!(conf.value().unwrap(), @"narenas:2,dirty_decay_ms:-1,muzzy_decay_ms:0,background_thread:true,tcache:false");
        assert_eq!(Conf::default().value(), None);
        assert_eq!(Conf { tcache: Some(true), ..Conf::default() }.value().as_deref(), Some("tcache:true"));
    }
}
