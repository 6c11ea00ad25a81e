//! `workbench console`.

use scenarios::catalog::Catalog;
use scenarios::resolve;

use crate::cli::Console;
use crate::console::live::{News, Wish, look};
use crate::console::{self, viewer};
use crate::exit::{Exit, Refusal};
use crate::subject::builtin::live::Seen;
use crate::{session, signals, ui};

/// Starts the subject, opens tokio-console, says at the end what there was to see.
pub(super) fn console(flags: &Console, catalog: &Catalog) -> anyhow::Result<Exit> {
    let stop = signals::stop_on_interrupt()?;
    let installed = console::find_viewer();
    let opens = !flags.no_ui && viewer::has_terminal();
    let wish = wish(flags, installed.clone().filter(|_| opens))?;
    let mut failed = Ok(());
    let seen = look(&wish, catalog, &stop, &mut |news| match news {
        News::Working(text) => ui::remark(text),
        News::Attached { scenario, variant, command, .. } => {
            let mut text = format!("{scenario} (`{variant}`) runs under tokio-console:\n    {command}\n");
            if installed.is_none() {
                text.push_str(&format!("{} is not installed: `{}`\n", console::PROGRAM, console::INSTALL));
            }
            text.push_str(
                "In it, `r` shows resources; → twice sorts them by kind: stall detector, spawn sites and allocator on top.\n",
            );
            let end = if wish.viewer.is_some() { "`q` there" } else { "Ctrl-C" };
            text.push_str(&format!("{end} ends it. Times under tokio-console are not those of the service alone.\n"));
            failed = ui::result(&text);
        }
    })?;
    failed?;
    ui::result(&summary(&seen))?;
    Ok(Exit::Done)
}

fn wish(flags: &Console, viewer: Option<std::path::PathBuf>) -> anyhow::Result<Wish> {
    let duration = flags.duration.as_deref().map(scenarios::knobs::parse_duration).transpose().map_err(|e| {
        Refusal::usage(format!("`--for` = {} is not {e}", flags.duration.as_deref().unwrap_or_default()))
    })?;
    Ok(Wish {
        scenario: flags.scenario.clone(),
        variant: flags.variant.clone(),
        set: flags.set.iter().map(|s| resolve::parse_set(s)).collect::<Result<_, _>>().map_err(Refusal::usage)?,
        port: flags.port,
        duration,
        viewer,
        seed: session::random(),
    })
}

fn summary(seen: &Seen) -> String {
    let sites = || seen.record.sites.iter().filter(|site| site.kind == probe::tasks::Kind::Task);
    let spawned: u64 = sites().map(|site| site.spawned).sum();
    let stalls: u64 = sites().map(|site| site.stalls).sum();
    let mut text = format!("tasks spawned: {spawned}; polls of more than 10 ms: {stalls}");
    if let Some(worst) = sites().max_by(|a, b| a.longest_poll_s.total_cmp(&b.longest_poll_s)) {
        let longest = reports::metric::format_value(worst.longest_poll_s, "s");
        let file = reports::render::printable(&worst.file);
        text.push_str(&format!("; the longest {longest}, of a task spawned at {file}:{}", worst.line));
    }
    if let Some(trouble) = &seen.trouble {
        text.push_str(&format!("\nlast trouble: {trouble}"));
    }
    text
}
