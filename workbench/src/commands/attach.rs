//! `workbench attach`.

use reports::render;

use crate::attach::{self, Target, Wish};
use crate::cli::Attach;
use crate::exit::{Exit, Refusal};
use crate::load::network::Tls;
use crate::{signals, ui};

/// Watches a running process, or asks a server of debug endpoints, and says where its time and memory go.
pub(super) fn attach(flags: &Attach) -> anyhow::Result<Exit> {
    let span = scenarios::knobs::parse_duration(&flags.duration)
        .map_err(|e| Refusal::usage(format!("`--for` = {} is not {e}", flags.duration)))?;
    let target = Target::parse(&flags.target).map_err(Refusal::usage)?;
    let trust = match &flags.tls_ca {
        Some(file) => Tls::Authorities(file.clone()),
        None if flags.insecure => Tls::Insecure,
        None => Tls::System,
    };
    let wish = Wish { target, span, hz: flags.hz, waits: !flags.no_waits, trust, tasks: flags.tasks };
    let stop = signals::stop_on_interrupt()?;
    let summary = attach::attach(&wish, &stop, &super::store()?, &mut ui::remark)?;
    ui::result(&if flags.json {
        render::json::document(&summary)
    } else {
        render::terminal::result(&summary, ui::color(), ui::width())
    })?;
    if summary.attached.is_none_or(|seen| seen.is_empty()) {
        return Err(Refusal::subject("nothing could be had of it: the reasons are above and in the run"));
    }
    Ok(Exit::Done)
}
