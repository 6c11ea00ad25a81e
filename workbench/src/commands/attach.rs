//! `workbench attach`.

use crate::attach::{self, Wish};
use crate::cli::Attach;
use crate::exit::{Exit, Refusal};
use crate::{signals, ui};

/// Watches a running process and says where its time goes.
pub(super) fn attach(flags: &Attach) -> anyhow::Result<Exit> {
    let pid = flags.target.parse().map_err(|_| {
        Refusal::usage(format!("`{}` is not the number of a process; `pgrep NAME` finds it", flags.target))
    })?;
    let duration = scenarios::knobs::parse_duration(&flags.duration)
        .map_err(|e| Refusal::usage(format!("`--for` = {} is not {e}", flags.duration)))?;
    let wish = Wish { pid, duration, hz: flags.hz, waits: !flags.no_waits };
    let stop = signals::stop_on_interrupt()?;
    ui::remark(&format!("watching process {pid} for {duration:?}; Ctrl-C ends it early"));
    let watched = attach::watch(&wish, &stop).map_err(Refusal::usage)?;
    let found = attach::conclude(&wish, &watched, super::store()?.root())?;
    ui::result(&if flags.json { serde_json::to_string_pretty(&found)? } else { found.text(ui::width()) })?;
    Ok(Exit::Done)
}
