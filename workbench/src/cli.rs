//! The command line: types only.

pub(crate) mod ci;
pub(crate) mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use run::{Connection, CpuBackend, Evidence, HeapBackend, Program, Run, TaskWaits};

/// Finds out why an async service is slow, and which runtime or allocator setting fixes it, with proof.
#[derive(Debug, Parser)]
#[command(name = "workbench", version = crate::build_info::version_line(), arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Say more: -v for spans of plan, trial and phase, -vv for details.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan, measure, gather evidence, compare variants and write the report.
    Run(Box<Run>),
    /// List scenarios, knobs, Go habits or runs.
    List(List),
    /// Show a run again.
    Show(Show),
    /// Say what a run's evidence names as the cause: findings with their proof, what was ruled out, what cannot be told.
    Explain(Explain),
    /// Compare the variants of a run, or describe two runs side by side.
    Compare(Compare),
    /// Judge a change: measure it against a baseline, here and now, until its limits are decided.
    Gate(Box<Gate>),
    /// List, remove or export baselines.
    Baseline(Baseline),
    /// Show a metric over all runs of a scenario, and where it changed.
    History(History),
    /// Profile a program that runs already, from outside or by asking its /debug/pprof endpoints; nothing is restarted.
    Attach(Attach),
    /// Start a scenario with tokio-console attached, live.
    Console(Console),
    /// Write a run for other programs: JUnit, GitHub, benchstat, Bencher, OpenMetrics, CSV, SARIF.
    Export(ci::Export),
    /// Objectives and error budgets: judge a run, write Prometheus rules, read sloth and OpenSLO files.
    Slo(ci::Slo),
    /// Write files that a repository needs: a workflow that gates pull requests. Nothing is overwritten.
    Init(ci::Init),
    /// Print the script that completes this command in a shell.
    Completions(ci::Completions),
    /// Print the manual page, or write one for every command.
    Man(ci::Man),
    /// Print the JSON Schema of scenario files, of --json or of --events.
    Schema(ci::Schema),
    /// Check what this machine allows, and say how to get the rest.
    Doctor(Doctor),
    /// The measured process; started by `run`.
    #[command(name = crate::child::COMMAND, hide = true)]
    Child,
    /// The guard that kills subjects when their parent is gone; started by `run`.
    #[command(name = crate::subject::guard::COMMAND, hide = true)]
    Guard,
}

/// `workbench list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// What to list.
    #[arg(value_enum, default_value = "scenarios")]
    pub what: Listing,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Things that can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    /// Built-in scenarios.
    Scenarios,
    /// Settings: range, default, what they do, and what a Go engineer would reach for.
    Knobs,
    /// What a Go engineer does, and what does the same here.
    Habits,
    /// Runs in this folder.
    Runs,
}

/// `workbench explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// `@` (latest), `@-1` (the one before), a unique beginning of a run's name, or a path.
    #[arg(default_value = "@")]
    pub run: String,
    /// One JSON document: findings, undecided, ruled out, unused.
    #[arg(long)]
    pub json: bool,
}

/// `workbench show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// `@` (latest), `@-1` (the one before), a unique beginning of a run's name, or a path.
    #[arg(default_value = "@")]
    pub run: String,
    /// The plan instead of the result.
    #[arg(long)]
    pub plan: bool,
    /// Tasks instead of the result: by spawn site (gathered by `run --evidence tasks` or `console`), or by type, with what
    /// they waited for (`run --evidence trace`).
    #[arg(long, conflicts_with = "plan")]
    pub tasks: bool,
    /// The timeline of one task, by its number in the table of `run --evidence trace`.
    #[arg(long, value_name = "ID", requires = "tasks", conflicts_with = "json")]
    pub task: Option<u64>,
    /// The allocator over time instead of the result (gathered by `run --evidence allocator`).
    #[arg(long, conflicts_with_all = ["plan", "tasks"])]
    pub allocator: bool,
    /// Mutexes, semaphores, channels, timers and who waited on them (gathered by `run --evidence console`).
    #[arg(long, conflicts_with_all = ["plan", "tasks"])]
    pub resources: bool,
    /// Where threads waited, who was off its CPU why, and what the kernel counted (gathered by `run --evidence wait`).
    #[arg(long, conflicts_with_all = ["plan", "tasks", "allocator", "resources"])]
    pub waits: bool,
    /// What ran while operations were late, against the rest of the same trial.
    #[arg(long, conflicts_with_all = ["plan", "tasks", "resources", "allocator", "waits"])]
    pub breach: bool,
    /// Functions and crates that spend more or less CPU an operation than in the first variant.
    #[arg(long, conflicts_with_all = ["plan", "tasks", "resources", "allocator", "waits", "breach"])]
    pub movers: bool,
    /// The moment of the recording to look at, e.g. `2.5s` after its begin; its end unless given.
    #[arg(long, value_name = "DURATION", conflicts_with = "plan")]
    pub at: Option<String>,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

/// `workbench compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Run; alone, its variants are compared with its first.
    #[arg(default_value = "@")]
    pub a: String,
    /// A second run. It was never interleaved with the first, so the two are only described.
    pub b: Option<String>,
    /// Draw the CPU profiles of both runs to one scale into this file; where they share several variants, a file for each
    /// with its name before the ending.
    #[arg(long, value_name = "FILE", requires = "b")]
    pub svg: Option<std::path::PathBuf>,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

/// `workbench gate`.
#[derive(Debug, Args)]
pub(crate) struct Gate {
    /// Scenario name (see `list scenarios`) or path of a scenario file [default: http-service, or the command alone].
    pub scenario: Option<String>,
    #[command(flatten)]
    pub program: Program,
    /// Measure against this baseline: its program was kept by `run --save-as`, and runs again beside the new one. A name,
    /// or the folder of an exported one.
    #[arg(long, value_name = "BASELINE", conflicts_with_all = ["against_rev", "against_variant"])]
    pub against: Option<String>,
    /// Measure against a revision of this repository: it is built once, in a tree of its own.
    #[arg(long, value_name = "REVISION", conflicts_with = "against_variant")]
    pub against_rev: Option<String>,
    /// How that is built, by the shell [default: cargo build, as this program was].
    #[arg(long, value_name = "COMMAND", requires = "against_rev")]
    pub build: Option<String>,
    /// Measure against another variant of the scenario.
    #[arg(long, value_name = "NAME")]
    pub against_variant: Option<String>,
    /// Judge this baseline instead of this build, or of the program given.
    #[arg(long, value_name = "BASELINE")]
    pub candidate: Option<String>,
    /// What is allowed: `cpu_per_op<+3%` against the base, `latency.p99<50ms` by itself, `error_rate<=0.1%` (repeat for
    /// several; those under [limits] of the scenario file hold, too).
    #[arg(long, value_name = "LIMIT")]
    pub limit: Vec<String>,
    /// Variant of the scenario to gate [default: the first].
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Give a knob one value, on both sides.
    #[arg(long, value_name = "KNOB=VALUE")]
    pub set: Vec<String>,
    /// Wall-time budget, e.g. `60s`: the gate ends sooner where its limits are decided sooner.
    #[arg(long = "for", value_name = "DURATION")]
    pub budget: Option<String>,
    /// Pairs of trials at most [default: 32, or what fits in the time].
    #[arg(long, value_name = "N")]
    pub trials: Option<u32>,
    /// What the exit code is where nothing can be told: 11, or 0.
    #[arg(long, value_enum, value_name = "pass|fail", default_value = "fail")]
    pub cannot_tell: CannotTell,
    /// Seed of order and arrivals; random unless given, always recorded.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the plan and the limits, and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    pub json: bool,
    /// Print what happens as it happens, a JSON document a line, and the result as the last (see `schema events`).
    #[arg(long, conflicts_with = "json")]
    pub events: bool,
    #[command(flatten)]
    pub error_budget: ci::Budget,
    #[command(flatten)]
    pub outputs: ci::Outputs,
}

/// What the exit code is where nothing can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CannotTell {
    /// 0.
    Pass,
    /// 11.
    Fail,
}

/// `workbench baseline`.
#[derive(Debug, Args)]
pub(crate) struct Baseline {
    /// What to do.
    #[command(subcommand)]
    pub action: BaselineAction,
}

/// `workbench history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Scenario [default: that of the latest run].
    pub scenario: Option<String>,
    /// Variant [default: the first of the latest run].
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Metric.
    #[arg(long, value_name = "NAME", default_value = "cpu_per_op")]
    pub metric: String,
    /// The run that all others are set against [default: the oldest]: `@`, a beginning of its name, or a path.
    #[arg(long, value_name = "RUN")]
    pub reference: Option<String>,
    /// Write a page with a chart.
    #[arg(long, value_name = "FILE")]
    pub html: Option<std::path::PathBuf>,
    /// Measure the two programs around each change side by side, where both were kept.
    #[arg(long)]
    pub rerun: bool,
    /// Wall-time budget of each of these.
    #[arg(long = "for", value_name = "DURATION", requires = "rerun")]
    pub budget: Option<String>,
    /// Seed of the permutation test that finds changes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What can be done with baselines; `run --save-as NAME` makes them.
#[derive(Debug, Subcommand)]
pub(crate) enum BaselineAction {
    /// Every baseline of this folder.
    List {
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Remove a baseline, and its program where no other baseline has the same.
    Rm {
        /// Baseline.
        name: String,
    },
    /// Copy a baseline with its program into a new folder, which `gate --against` takes on any machine of the kind.
    Export {
        /// Baseline.
        name: String,
        /// Folder to make.
        folder: std::path::PathBuf,
    },
}

/// `workbench attach`.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Number or name of a process, which is watched from outside with its children; or the address of a server of
    /// /debug/pprof, Go's or ours, which is asked: `http://HOST:PORT`, `https://HOST`, `:6060`.
    #[arg(value_name = "PID|NAME|URL")]
    pub target: String,
    /// How long to watch or to ask, e.g. `30s`.
    #[arg(long = "for", value_name = "DURATION", default_value = "10s")]
    pub duration: String,
    /// Samples for each second of CPU of a thread.
    #[arg(long, default_value_t = 999, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hz: u32,
    /// Then trace the tasks of a tokio program for as long again, by uprobes: who woke whom, who waits for whom. Needs root
    /// or CAP_PERFMON.
    #[arg(long)]
    pub tasks: bool,
    /// Take any certificate of a server asked by https.
    #[arg(long, conflicts_with = "tls_ca")]
    pub insecure: bool,
    /// Trust certificates signed by an authority in this file (PEM), too; of a self-signed one, itself.
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<std::path::PathBuf>,
    /// Do not record where threads wait: for programs with hundreds of thousands of waits a second.
    #[arg(long)]
    pub no_waits: bool,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

/// `workbench console`.
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Scenario name (see `list scenarios`) or path of a scenario file.
    #[arg(default_value = "http-service")]
    pub scenario: String,
    /// Variant of the scenario; the first unless given.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Give a knob a value.
    #[arg(long, value_name = "KNOB=VALUE")]
    pub set: Vec<String>,
    /// Port for tokio-console on 127.0.0.1; 0 for any free one.
    #[arg(long, value_name = "N", default_value_t = probe::console::DEFAULT_PORT)]
    pub port: u16,
    /// End after this much time, e.g. `30s`; otherwise at Ctrl-C, or when tokio-console is left.
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Only print the address: tokio-console is opened elsewhere.
    #[arg(long)]
    pub no_ui: bool,
    /// Play the recording of a run (`run --evidence console`) instead: `@`, a beginning of its name, or a path.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scenario", "set"])]
    pub replay: Option<String>,
    /// How many seconds of a recording pass in one.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "replay")]
    pub speed: f64,
}

/// `workbench doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Examine a program's file instead: names, lines, frame pointers, tokio's functions.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// Run two identical programs by turns, and say the smallest change that can be seen here.
    #[arg(long, conflicts_with = "binary")]
    pub noise: bool,
    /// How long to measure the noise; 60s where nothing is said.
    #[arg(long = "for", value_name = "DURATION", requires = "noise")]
    pub budget: Option<String>,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
