//! `workbench init`.

use std::path::Path;

use crate::cli::ci::{Init, InitCi};
use crate::exit::{Exit, Refusal};
use crate::{init, ui};

/// Writes files that a repository needs, or shows them.
pub(super) fn init(flags: &Init) -> anyhow::Result<Exit> {
    let root = flags.folder.as_deref().unwrap_or(Path::new("."));
    if !root.is_dir() {
        return Err(Refusal::usage(format!("there is no folder {}", root.display())));
    }
    let mut files = match flags.ci {
        Some(InitCi::Github) => {
            let wish = init::Wish {
                scenario: flags.scenario.clone().unwrap_or_default(),
                limits: flags.limit.clone(),
                workbench: flags.workbench.clone(),
                install: flags.install.clone(),
            };
            init::github(root, &wish)?
        }
        None => Vec::new(),
    };
    files.extend(flags.cargo_config.then(init::cargo_config));
    if files.is_empty() {
        return Err(Refusal::usage(
            "nothing to write: `--ci github` writes a workflow that gates pull requests, `--cargo-config` the build flags \
             with which tokio's unstable knobs and frame pointers work",
        ));
    }
    if flags.print {
        let shown = files.iter().map(|file| format!("# {}\n{}", file.path.display(), file.text));
        ui::result(&shown.collect::<Vec<_>>().join("\n"))?;
        return Ok(Exit::Done);
    }
    init::write(root, &files)?;
    let place = |file: &init::File| if root == Path::new(".") { file.path.clone() } else { root.join(&file.path) };
    let written = files.iter().map(|file| format!("wrote {}", place(file).display()));
    ui::result(&written.collect::<Vec<_>>().join("\n"))?;
    Ok(Exit::Done)
}
