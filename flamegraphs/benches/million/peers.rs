//! `perf record`, then `perf script | inferno-collapse-perf | inferno-flamegraph`.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::cost::{Cost, reap};
use super::{HZ, size};

pub(crate) fn run(pid: u32, seconds: f64, folder: &Path) -> Result<Cost, String> {
    let (data, folded, picture) = (folder.join("perf.data"), folder.join("folded"), folder.join("inferno.svg"));
    let record = spawn(
        Command::new("perf")
            .args(["record", "-q", "-e", "cpu-clock", "-F", &HZ.to_string(), "-g", "-m", "4096", "-o"])
            .arg(&data)
            .args(["-p", &pid.to_string(), "--", "sleep", &format!("{seconds:.2}")])
            .stderr(Stdio::null()),
    )?;
    let (recording_s, recording_kib) = reap(record)?;
    let began = Instant::now();
    let out = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut script =
        spawn(Command::new("perf").args(["script", "-i"]).arg(&data).stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let text = script.stdout.take().ok_or("perf script without output")?;
    let collapse =
        spawn(Command::new("inferno-collapse-perf").stdin(text).stdout(out(&folded)?).stderr(Stdio::null()))?;
    let (script_s, script_kib) = reap(script)?;
    let (collapse_s, collapse_kib) = reap(collapse)?;
    let stacks = File::open(&folded).map_err(|error| error.to_string())?;
    let draw = spawn(Command::new("inferno-flamegraph").stdin(stacks).stdout(out(&picture)?).stderr(Stdio::null()))?;
    let (draw_s, draw_kib) = reap(draw)?;
    // Weights of cpu-clock are periods, nanoseconds (design 05 §1.7).
    let period = 1_000_000_000 / u64::from(HZ);
    let weights = std::fs::read_to_string(&folded).map_err(|error| error.to_string())?;
    let weight: u64 = weights.lines().filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum();
    Ok(Cost {
        samples: weight / period,
        cpu_s: recording_s + script_s + collapse_s + draw_s,
        wait_s: began.elapsed().as_secs_f64(),
        peak_kib: recording_kib.max(script_kib + collapse_kib).max(draw_kib),
        disk: size(&data) + size(&folded),
        picture: size(&picture),
        lost: None,
    })
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| format!("`{}`: {error}", command.get_program().display()))
}
