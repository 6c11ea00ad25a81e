//! Go's `debug=1`: a heap profile as text, and what the allocators say.

use std::fmt::Write as _;

use super::memory::Memory;
use crate::heap::{Profile, Values};
use crate::usage;

/// Go's form: live blocks and bytes, allocated ones in brackets, addresses, then a line for each frame. Behind the `@`
/// stands `heapprofile`, by which `go tool pprof` knows that figures are whole and not of samples.
pub(super) fn render(recorded: &Profile, memory: &Memory, purge: Option<&str>) -> String {
    let mut text = format!("heap profile: {} @ heapprofile\n", values(recorded.in_use(), recorded.allocated()));
    let mut samples: Vec<_> = recorded.samples.iter().collect();
    // Most live memory first, as Go has it.
    samples.sort_by_key(|sample| std::cmp::Reverse((sample.in_use.bytes, sample.allocated.bytes)));
    for sample in samples {
        let frames = sample.frames.iter().filter(|frame| frame.address != 0);
        // Writing to a String never fails.
        let _ = write!(text, "{} @", values(sample.in_use, sample.allocated));
        for frame in frames.clone() {
            let _ = write!(text, " {:#x}", frame.address);
        }
        text.push('\n');
        for frame in frames {
            for symbol in &frame.symbols {
                let file = symbol.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
                let line = symbol.line.unwrap_or(0);
                let _ = writeln!(text, "#\t{:#x}\t{}\t{}:{line}", frame.address, plain(&symbol.name), plain(&file));
            }
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "# Estimates of what was allocated in {:.3} s, one byte in {} sampled",
        recorded.wall_s, recorded.rate
    );
    if let Some(purge) = purge {
        let _ = writeln!(text, "# {purge}");
    }
    text.push_str(&totals(memory));
    text
}

fn values(live: Values, allocated: Values) -> String {
    format!("{}: {} [{}: {}]", live.objects, live.bytes, allocated.objects, allocated.bytes)
}

/// Names are data: a line feed in one would begin a line of its own.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Named as in Go's `runtime.MemStats`, where they mean about the same.
fn totals(memory: &Memory) -> String {
    let mut text = format!("\n# {} (names of runtime.MemStats)\n", memory.allocator());
    let mut line = |name: &str, value: u64| {
        let _ = writeln!(text, "# {name} = {value}");
    };
    if let Ok(counters) = &memory.counted {
        line("Alloc", counters.live_bytes());
        line("TotalAlloc", counters.bytes_allocated);
        line("Mallocs", counters.allocations);
        line("Frees", counters.frees);
    }
    if let Ok(stats) = &memory.jemalloc {
        line("HeapAlloc", stats.allocated);
        line("HeapInuse", stats.active);
        line("HeapIdle", stats.resident.saturating_sub(stats.active + stats.metadata));
        line("HeapReleased", stats.retained);
        line("HeapSys", stats.mapped);
    }
    if let Ok(stats) = &memory.mimalloc {
        line("HeapSys", stats.committed);
    }
    if let Ok(resident) = usage::rss_bytes() {
        line("Resident", resident);
    }
    text.push_str("# NumGC = n/a: there is no garbage collector\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{Frame, Symbol};
    use crate::heap::Sample;

    #[test]
    fn a_text_is_shaped_like_that_of_go() {
        let frame = |address, name: &str| Frame {
            address,
            symbols: vec![Symbol { name: name.into(), file: Some("src/main.rs".into()), line: Some(7) }],
        };
        let values = |objects, bytes| Values { objects, bytes };
        let sample = |frames, live, all| Sample {
            frames,
            sampled: 1,
            allocated: all,
            in_use: live,
            at_peak: crate::heap::Moment::default(),
        };
        let recorded = Profile {
            rate: 512 << 10,
            wall_s: 1.0,
            samples: vec![
                sample(vec![frame(0x1010, "app::small")], values(1, 64), values(2, 128)),
                sample(vec![frame(0x2020, "app::large\nforged"), frame(0, "end")], values(3, 3000), values(9, 9000)),
            ],
            peak: None,
            lost_stacks: 0,
            untracked: 0,
            walked_by: "frame pointers".into(),
            build_id: None,
            mappings: vec![],
        };
        let memory = Memory { counted: Err("x".into()), jemalloc: Err("x".into()), mimalloc: Err("x".into()) };
        let text = render(&recorded, &memory, Some("gc=1: purged"));
        let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("# Resident = ")).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
