//! `/debug/pprof/heap` and `/debug/pprof/allocs`: what is in use, and what was allocated.
//!
//! Go's sampler runs from the start of the program, ours from that of the endpoints: what was allocated before is not in
//! the profile. With `seconds` the answer is how much was added meanwhile, as Go's. Where the sampler is not to run all
//! the time ([`super::Endpoints::heap_rate`]) it runs while somebody asks, and `seconds` must be given. Sample types, their
//! order and the two defaults are Go's, and so is the text of `debug=1`.

use std::io;
use std::time::SystemTime;

use flamegraphs::names;
use flamegraphs::profile::{BuildError, Builder, Profile, ValueType};

use super::connection::Connection;
use super::memory::Memory;
use super::profile::{length, nanoseconds, only_one, since_epoch};
use super::request::Request;
use super::response::{Response, Status, TEXT};
use super::{frames, heap_text, purge};
use crate::heap::{self, DEFAULT_RATE, HeapError, Profiler};

/// The two names of Go's, which differ in the value that viewers show first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Heap,
    Allocs,
}

impl View {
    fn name(self) -> &'static str {
        match self {
            Self::Heap => "heap",
            Self::Allocs => "allocs",
        }
    }

    fn default_sample_type(self) -> &'static str {
        match self {
            Self::Heap => "inuse_space",
            Self::Allocs => "alloc_space",
        }
    }
}

/// Takes a profile of the length asked for.
///
/// # Errors
/// The client hung up meanwhile.
pub(super) fn answer(
    view: View,
    running: Option<&Profiler>,
    request: &Request,
    connection: &Connection<'_>,
) -> io::Result<Response> {
    let name = view.name();
    let as_text = match request.query("debug") {
        None | Some("0") => false,
        Some("1") => true,
        Some(other) => {
            let refusal = format!("debug={other}: 0 (a profile for tools) or 1 (a text) is needed");
            return Ok(Response::refusal(Status::BadRequest, refusal));
        }
    };
    let absent = |reason: &dyn std::fmt::Display| {
        let text = format!(
            "{name} is not available: {reason}. Nearest: /debug/metrics.json has live, allocated and resident memory."
        );
        Ok(Response::refusal(Status::NotFound, text))
    };
    if !crate::allocator::is_installed() {
        return absent(&HeapError::NotInstalled);
    }
    let length = match request.query("seconds").map(|asked| length(Some(asked), 0)).transpose() {
        Ok(length) => length,
        Err(refusal) => return Ok(Response::refusal(Status::BadRequest, refusal)),
    };
    if length.is_none() && running.is_none() {
        return absent(&format!(
            "the sampler runs only while somebody asks, and does not know what was allocated before; ask for \
             /debug/pprof/{name}?seconds=30"
        ));
    }
    if request.method == "HEAD" {
        return Ok(Response::file_header(name));
    }
    let purged = (view == View::Heap && gc(request)).then(purge::purge);
    let failed = |reason: &dyn std::fmt::Display| {
        Ok(Response::refusal(Status::Failed, format!("Could not enable heap profiling: {reason}")))
    };
    let Some(_one) = only_one() else {
        return failed(&"another profile is being taken (one at a time)");
    };
    let began = SystemTime::now();
    let recorded = match (running, length) {
        (Some(running), None) => running.snapshot(),
        (Some(running), Some(length)) => {
            let mark = running.mark();
            connection.wait(length)?;
            running.since(&mark)
        }
        (None, length) => match Profiler::start(DEFAULT_RATE) {
            Ok(profiler) => {
                connection.wait(length.unwrap_or_default())?;
                profiler.stop()
            }
            Err(error) => Err(error),
        },
    };
    let recorded = match recorded {
        Ok(recorded) => recorded,
        Err(error) => return failed(&error),
    };
    if as_text {
        return Ok(Response::ok(TEXT, heap_text::render(&recorded, &Memory::read(), purged.as_deref())));
    }
    Ok(match convert(&recorded, view, began, purged, length.is_some()) {
        Ok(profile) => Response::file(name, flamegraphs::write::pprof(&profile)),
        Err(reason) => Response::refusal(Status::Failed, format!("The profile could not be made: {reason}")),
    })
}

/// As Go reads it: any number above 0.
fn gc(request: &Request) -> bool {
    request.query("gc").and_then(|gc| gc.parse::<i64>().ok()).is_some_and(|gc| gc > 0)
}

fn convert(
    recorded: &heap::Profile,
    view: View,
    began: SystemTime,
    purged: Option<String>,
    of_a_time: bool,
) -> Result<Profile, BuildError> {
    let types =
        [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")];
    let mut builder = Builder::new(types.map(|(kind, unit)| ValueType::new(kind, unit)));
    frames::mappings(&mut builder, &recorded.mappings, recorded.build_id.as_deref());
    for sample in &recorded.samples {
        let stack = frames::stack(&mut builder, &sample.frames);
        let (allocated, in_use) = (sample.allocated, sample.in_use);
        let values = [allocated.objects, allocated.bytes, in_use.objects, in_use.bytes];
        builder.sample(&stack, &values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)), &[])?;
    }
    let meta = builder.meta();
    meta.default_sample_type = view.default_sample_type().to_owned();
    meta.drop_frames = names::DROP_ALLOCATOR_FRAMES.to_owned();
    meta.period_type = Some(ValueType::new("space", "bytes"));
    meta.period = i64::try_from(recorded.rate).unwrap_or(i64::MAX);
    meta.time_nanos = since_epoch(began);
    meta.duration_nanos = nanoseconds(recorded.wall_s);
    meta.comments.push(format!(
        "sampler: one byte in {} in the allocator, stacks by {}; {}; a resize counts as a new block",
        recorded.rate,
        recorded.walked_by,
        if of_a_time { "only what was allocated meanwhile" } else { "all since the sampler started" }
    ));
    meta.comments.extend(purged);
    for (count, loss) in [
        (recorded.lost_stacks, "samples have no stack: the table was full"),
        (recorded.untracked, "samples are missing from what is in use: the table was full"),
    ] {
        if count > 0 {
            meta.comments.push(format!("{count} {loss}"));
        }
    }
    Ok(builder.finish())
}
