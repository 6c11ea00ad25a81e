//! Builds, runs and compares.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ratios::{Cost, Order, line, median};
use crate::works::WORKS;

/// One way to build.
struct Build {
    /// Folder below `target/builds`.
    name: &'static str,
    flags: &'static str,
    features: &'static str,
}

const UNSTABLE: &str = "--cfg tokio_unstable";
const POINTERS: &str = "-C force-frame-pointers=yes";
/// As `.cargo/config.toml` has it.
const OURS: &str = "--cfg tokio_unstable -C force-frame-pointers=yes";

const BUILDS: [Build; 7] = [
    Build { name: "stock", flags: "", features: "" },
    Build { name: "frame-pointers", flags: POINTERS, features: "" },
    Build { name: "unstable", flags: UNSTABLE, features: "" },
    Build { name: "unstable-schedule-latency", flags: UNSTABLE, features: "schedule-latency" },
    Build { name: "unstable-tracing", flags: UNSTABLE, features: "tracing" },
    Build { name: "ours", flags: OURS, features: "schedule-latency" },
    Build { name: "ours-tracing", flags: OURS, features: "schedule-latency,tracing" },
];

/// What is compared with what: one thing more in each.
const PAIRS: [(&str, &str, &str); 6] = [
    ("frame pointers", "frame-pointers", "stock"),
    ("tokio_unstable", "unstable", "stock"),
    ("schedule-latency, compiled in", "unstable-schedule-latency", "unstable"),
    ("tracing, compiled in", "unstable-tracing", "unstable"),
    ("all of ours", "ours", "stock"),
    ("tracing in a build like ours", "ours-tracing", "ours"),
];

/// Builds what is missing, then measures so many rounds.
pub(crate) fn run(rounds: usize) {
    let programs: Vec<PathBuf> = BUILDS.iter().map(build).collect();
    let mut order = Order(0x9e37_79b9_7f4a_7c15);
    // By build, then by round, then by kind of work.
    let mut costs: Vec<Vec<Vec<Cost>>> = vec![Vec::new(); BUILDS.len()];
    for _ in 0..rounds {
        let mut turns: Vec<usize> = (0..BUILDS.len()).collect();
        order.shuffle(&mut turns);
        for turn in turns {
            costs[turn].push(figures(&programs[turn]));
        }
    }
    println!("{rounds} rounds; medians and intervals of 95 % of ratios within a round");
    for (at, (work, _, _)) in WORKS.iter().enumerate() {
        let of = |name: &str| &costs[BUILDS.iter().position(|build| build.name == name).unwrap()];
        let [_, stock, _] = median(of("stock").iter().map(|round| round[at].cpu).collect());
        println!("{work}: {stock:.0} ns of CPU an operation, stock");
        for (title, with, without) in PAIRS {
            let pairs = || of(with).iter().zip(of(without)).map(|(with, without)| (with[at], without[at]));
            let wall = pairs().map(|(with, without)| with.wall / without.wall).collect();
            let cpu = pairs().map(|(with, without)| with.cpu / without.cpu).collect();
            println!("{}", line(title, wall, cpu));
        }
    }
}

/// Has cargo build it; a build that is there costs nothing.
fn build(build: &Build) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../..");
    let target = workspace.join("target/builds").join(build.name);
    let done = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "--package", "builds", "--features", build.features, "--target-dir"])
        .arg(&target)
        .current_dir(&workspace)
        // Replaces the flags of the workspace.
        .env("RUSTFLAGS", build.flags)
        // It changes no code, and takes longest.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .status()
        .unwrap();
    assert!(done.success(), "`{}` does not build", build.name);
    target.join("release/builds")
}

fn figures(program: &Path) -> Vec<Cost> {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let cost = |line: &str| {
        let (wall, cpu) = line.split_once(' ').unwrap();
        Cost { wall: wall.parse().unwrap(), cpu: cpu.parse().unwrap() }
    };
    text.lines().map(cost).collect()
}
