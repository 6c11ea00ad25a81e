//! What this executable was built from and how.

use std::sync::OnceLock;

use reports::run::BuildInfo;

use crate::digest;

/// Reads it; the executable is hashed once.
pub fn read() -> BuildInfo {
    static BINARY: OnceLock<String> = OnceLock::new();
    let mut flags: Vec<String> =
        env!("WORKBENCH_FLAGS").split(',').filter(|flag| !flag.is_empty()).map(str::to_owned).collect();
    if cfg!(debug_assertions) {
        flags.push("debug-assertions".to_owned());
    }
    BuildInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: env!("WORKBENCH_COMMIT").to_owned(),
        date: env!("WORKBENCH_COMMIT_DATE").to_owned(),
        profile: env!("WORKBENCH_PROFILE").to_owned(),
        rustc: env!("WORKBENCH_RUSTC").to_owned(),
        flags,
        binary: BINARY.get_or_init(|| hash_of_executable().unwrap_or_default()).clone(),
    }
}

/// `0.1.0 (commit 0123456789ab, 2026-11-24, release, rustc 1.95.0, tokio_unstable, frame-pointers)`.
pub fn version_line() -> &'static str {
    static LINE: OnceLock<String> = OnceLock::new();
    LINE.get_or_init(|| {
        let commit = env!("WORKBENCH_COMMIT");
        let mut flags = env!("WORKBENCH_FLAGS").replace(',', ", ");
        if cfg!(debug_assertions) {
            flags.push_str(", debug-assertions");
        }
        format!(
            "{} (commit {commit} of {}; {} build, opt-level {}; {}; {flags})",
            env!("CARGO_PKG_VERSION"),
            env!("WORKBENCH_COMMIT_DATE"),
            env!("WORKBENCH_PROFILE"),
            env!("WORKBENCH_OPT_LEVEL"),
            env!("WORKBENCH_RUSTC"),
        )
    })
}

fn hash_of_executable() -> std::io::Result<String> {
    digest::of_file(std::fs::File::open(std::env::current_exe()?)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_names_commit_and_flags() {
        let line = super::version_line();
        assert!(line.starts_with(env!("CARGO_PKG_VERSION")), "{line}");
        assert!(line.contains("commit ") && line.contains("rustc ") && line.contains("opt-level"), "{line}");
    }
}
