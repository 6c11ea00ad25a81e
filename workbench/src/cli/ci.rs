//! Flags of the commands that continuous integration calls.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `workbench export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// `@` (latest), `@-1` (the one before), a unique beginning of a run's name, or a path.
    #[arg(default_value = "@")]
    pub run: String,
    /// Format, and the file it goes to: `junit=out/junit.xml` (repeat for several). Without a file it is printed.
    #[arg(long = "format", short, value_name = "FORMAT[=FILE]", required = true)]
    pub formats: Vec<String>,
}

/// `workbench slo`.
#[derive(Debug, Args)]
pub(crate) struct Slo {
    #[command(subcommand)]
    pub command: SloCommand,
}

/// What to do about an objective.
#[derive(Debug, Subcommand)]
pub(crate) enum SloCommand {
    /// Judge a run by its objective: how fast it burns the error budget, and whether enough of it is left. Exit codes: 0
    /// met, 10 missed, 11 cannot tell, 13 frozen.
    Check(Check),
    /// Write Prometheus rules that watch an objective: error ratios, the budget that is left, burn-rate alerts.
    Rules(Rules),
    /// Print the objectives of a sloth or OpenSLO file as a scenario file has them.
    Import(Import),
}

/// An objective given by flags instead of the scenario.
#[derive(Debug, Args)]
pub(crate) struct Objective {
    /// Part of operations that must be good, e.g. `0.999`, in the place of the scenario's.
    #[arg(long, value_name = "PART")]
    pub objective: Option<f64>,
    /// An operation answered later is bad, e.g. `350ms`.
    #[arg(long, value_name = "DURATION")]
    pub latency: Option<String>,
    /// Window of the budget, e.g. `30d`.
    #[arg(long, value_name = "DURATION", requires = "objective")]
    pub window: Option<String>,
    /// Take objective and window from a sloth or OpenSLO file.
    #[arg(long, value_name = "FILE", conflicts_with = "objective")]
    pub from: Option<PathBuf>,
    /// Which of the file's objectives, where it has several.
    #[arg(long, value_name = "NAME", requires = "from")]
    pub name: Option<String>,
}

/// The error budget in production.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Budget {
    /// What is left of the error budget: a part (`0.37`, `37%`), a JSON file with `remaining`, or a Prometheus query
    /// (`http://HOST:9090/api/v1/query?query=…`). Below 5 % the gate is frozen.
    #[arg(long = "budget", value_name = "PART|FILE|URL", allow_negative_numbers = true)]
    pub error_budget: Option<String>,
    /// Go on all the same; the reason is kept in run.json.
    #[arg(long, value_name = "REASON", requires = "error_budget")]
    pub override_budget: Option<String>,
}

/// `workbench slo check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// `@` (latest), `@-1` (the one before), a unique beginning of a run's name, or a path.
    #[arg(default_value = "@")]
    pub run: String,
    #[command(flatten)]
    pub objective: Objective,
    #[command(flatten)]
    pub budget: Budget,
    /// Judge only this variant (repeat for several).
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

/// `workbench slo rules`.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Scenario with an objective: a name or a path; not needed with `--from` or `--objective`.
    pub scenario: Option<String>,
    #[command(flatten)]
    pub objective: Objective,
    /// Query for bad operations per second, with `{{.window}}` for its range; sloth's and OpenSLO's files have one.
    #[arg(long, value_name = "PROMQL")]
    pub bad: Option<String>,
    /// The same for all operations.
    #[arg(long, value_name = "PROMQL")]
    pub total: Option<String>,
}

/// `workbench slo import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// sloth (`prometheus/v1`) or OpenSLO (`openslo/v1`).
    pub file: PathBuf,
    /// One JSON document.
    #[arg(long)]
    pub json: bool,
}

/// Files for other programs, beside what is printed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Outputs {
    /// Also write the result for another program (repeat for several): `junit=out/junit.xml`, `step-summary`,
    /// `annotations`, …; see `export`.
    #[arg(long = "output", value_name = "FORMAT[=FILE]")]
    pub outputs: Vec<String>,
}

/// `workbench completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `workbench man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page of every command into this folder instead of printing the first.
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// `workbench schema`.
#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Of what.
    #[arg(value_enum, default_value = "scenario")]
    pub of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Scenario files, as JSON sees TOML.
    Scenario,
    /// What `--json` prints.
    Run,
    /// A line of `--events`.
    Events,
}

/// `workbench init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write a workflow that gates pull requests, and the action it calls.
    #[arg(long, value_enum)]
    pub ci: Option<InitCi>,
    /// Write .cargo/config.toml with the build flags of tokio's unstable knobs and of frame pointers.
    #[arg(long)]
    pub cargo_config: bool,
    /// Scenario to gate: a name or the path of a file [default: http-service].
    #[arg(long, value_name = "SCENARIO", requires = "ci")]
    pub scenario: Option<String>,
    /// What is allowed (repeat for several) [default: cpu_per_op<+5% and error_rate<=0.1%].
    #[arg(long, value_name = "LIMIT", requires = "ci")]
    pub limit: Vec<String>,
    /// How a runner calls workbench [default: `cargo run --release --quiet --` where Cargo.toml names it].
    #[arg(long, value_name = "COMMAND", requires = "ci")]
    pub workbench: Option<String>,
    /// How a runner gets it.
    #[arg(long, value_name = "COMMAND", requires = "ci")]
    pub install: Option<String>,
    /// Top of the repository [default: here].
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Print the files instead of writing them.
    #[arg(long)]
    pub print: bool,
}

/// Continuous integration that `init` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitCi {
    /// GitHub Actions.
    Github,
}
