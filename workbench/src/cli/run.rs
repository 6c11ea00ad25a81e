//! Flags of what is driven, and of the evidence that is gathered of it.

use clap::{Args, ValueEnum};

/// `workbench run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Scenario name (see `list scenarios`) or path of a scenario file [default: http-service, or the command alone].
    pub scenario: Option<String>,
    #[command(flatten)]
    pub program: Program,
    /// Give a knob one value for every variant.
    #[arg(long, value_name = "KNOB=VALUE")]
    pub set: Vec<String>,
    /// Run every value of a knob; repeated, every combination. Values that contain commas are separated by `;`.
    #[arg(long, value_name = "KNOB=A,B,…")]
    pub vary: Vec<String>,
    /// A part of the load: `200:5s` is 200 operations a second for 5 s, `200..800:10s` a ramp (repeat for several).
    #[arg(long = "stage", visible_alias = "ramp", value_name = "RATE:TIME", conflicts_with_all = ["resume", "rate", "duration"])]
    pub stages: Vec<String>,
    /// Operations that arrive together, on top of the others: `50/1s` is 50 each second.
    #[arg(long, value_name = "SIZE/TIME", conflicts_with = "resume")]
    pub burst: Option<String>,
    /// Replay recorded arrivals: a file of `t_us,op` lines, sorted.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["resume", "stages", "burst", "rate", "duration"])]
    pub trace: Option<std::path::PathBuf>,
    /// How many operations each recorded arrival becomes, on average.
    #[arg(long, value_name = "FACTOR", conflicts_with = "resume")]
    pub scale: Option<f64>,
    /// Trust certificates signed by an authority in this file (PEM), too.
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub tls_ca: Option<std::path::PathBuf>,
    /// What to speak: auto, http1, http2 or lines [default: by the target].
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub protocol: Option<String>,
    /// Run only this variant of the scenario (repeat for several).
    #[arg(long, value_name = "NAME")]
    pub variant: Vec<String>,
    /// Measured trials per variant (= randomised blocks).
    #[arg(long, value_name = "N", conflicts_with = "budget")]
    pub trials: Option<u32>,
    /// Wall-time budget instead of a number of trials, e.g. `5m`.
    #[arg(long = "for", value_name = "DURATION")]
    pub budget: Option<String>,
    /// Evidence to gather, in trials of its own after the measured ones [default: what
    /// the scenario says, else cpu; for a program cpu,wait,trace].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub evidence: Vec<Evidence>,
    /// Trials of each variant for CPU evidence, in blocks: six show which functions grew and which only seem
    /// to [default: 1; 3 where programs are compared].
    #[arg(long, value_name = "N")]
    pub evidence_trials: Option<u32>,
    /// Look for an incident: record the allocator as well, at 100 Hz instead of 10.
    #[arg(long, conflicts_with = "resume")]
    pub incident: bool,
    /// Who samples CPU evidence [default: perf]. Where perf events are refused the sampler takes their place, where that
    /// cannot work pprof does, and the report says why.
    #[arg(long, value_enum, value_name = "BACKEND")]
    pub cpu_backend: Option<CpuBackend>,
    /// Samples per second of CPU [default: 999 by perf and the sampler, 99 by pprof].
    #[arg(long, value_name = "HZ")]
    pub cpu_hz: Option<u32>,
    /// Who samples heap evidence [default: sampler].
    #[arg(long, value_enum, value_name = "BACKEND")]
    pub heap_backend: Option<HeapBackend>,
    /// Evidence of tasks catches polls longer than this as stalls [default: 10ms].
    #[arg(long, value_name = "DURATION")]
    pub stall_after: Option<String>,
    /// Evidence of tasks measures these waits for a worker [default: first].
    #[arg(long, value_enum, value_name = "WHICH")]
    pub task_waits: Option<TaskWaits>,
    /// Seed of block order and arrivals; random unless given, always recorded.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep the finished run as a baseline of this name, with a copy of the program it measured.
    #[arg(long, value_name = "NAME")]
    pub save_as: Option<String>,
    /// A look in a few seconds: 3 blocks of short trials; too little for a verdict.
    #[arg(long, conflicts_with_all = ["trials", "budget"])]
    pub quick: bool,
    /// Print the plan and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Finish an interrupted run: the latest, or the one named.
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "@",
          conflicts_with_all = ["scenario", "Program", "set", "vary", "variant", "trials", "budget", "cpu_backend", "cpu_hz", "evidence_trials", "heap_backend", "stall_after", "task_waits", "seed", "quick", "dry_run"])]
    pub resume: Option<String>,
    /// Print one JSON document instead of the table.
    #[arg(long)]
    pub json: bool,
    /// Print what happens as it happens, a JSON document a line, and the result as the last (see `schema events`).
    #[arg(long, conflicts_with = "json")]
    pub events: bool,
    #[command(flatten)]
    pub outputs: super::ci::Outputs,
}

/// A program to drive, and its load.
#[derive(Debug, Args)]
#[group(id = "Program", multiple = true)]
pub(crate) struct Program {
    /// A program of yours to start and drive, with its arguments. `${port}` becomes a free port.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Where it listens and what to ask for, e.g. `http://127.0.0.1:8080/orders`.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Operations per second of the open loop.
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Connections, or clients of the saturated phase.
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u32>,
    /// Length of the open loop in each trial.
    #[arg(long, value_name = "DURATION")]
    pub duration: Option<String>,
    /// Load at the start of each trial that is not counted.
    #[arg(long, value_name = "DURATION")]
    pub warmup: Option<String>,
    /// Load beside the measured one, at a rate of its own and over its own connections, during the open loop:
    /// `export=20:/export`, `import=5:POST /import {"rows":100}`; for tcp a line (repeat for several).
    #[arg(long, value_name = "NAME=RATE:REQUEST")]
    pub background: Vec<String>,
    /// Closed loops of rising concurrency at the end of the first trials: auto (1, 2, 4 and so on), off, or numbers of
    /// clients [default: as the scenario says; auto].
    #[arg(long, value_name = "1,2,4,…|off|auto")]
    pub ladder: Option<String>,
    /// Keep connections, or make one for each request [default: keep-alive].
    #[arg(long, value_enum, value_name = "HOW")]
    pub connection: Option<Connection>,
    /// Take any certificate, whoever signed it.
    #[arg(long)]
    pub insecure: bool,
    /// Method of the request [default: GET, with a body POST].
    #[arg(long)]
    pub method: Option<String>,
    /// Header of the request, `name: value` (repeat for several).
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
    /// Body of the request; `${sequence}` and `${random:N}` are replaced, as in its path.
    #[arg(long)]
    pub body: Option<String>,
    /// Status that counts as answered [default: 200].
    #[arg(long, value_name = "STATUS")]
    pub expect_status: Option<u16>,
    /// Text that the answer must contain.
    #[arg(long, value_name = "TEXT")]
    pub expect_body: Option<String>,
    /// When the program may be driven: `port` (open), `http:/health` (status 200) or `line:listening on` (printed)
    /// [default: port].
    #[arg(long)]
    pub ready: Option<String>,
    /// How long that may take [default: 30s].
    #[arg(long, value_name = "DURATION")]
    pub start_timeout: Option<String>,
    /// A variant by its command (repeat for several); the arguments after `--` follow it, unless they begin with a
    /// program and it has arguments of its own.
    #[arg(long, value_name = "NAME=COMMAND")]
    pub vary_cmd: Vec<String>,
}

/// How long a connection lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Connection {
    /// As long as the other side keeps it.
    KeepAlive,
    /// One request; connecting is part of the latency.
    Close,
}

/// Waits of tasks for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TaskWaits {
    /// From spawn to first poll, of a sample of the tasks.
    First,
    /// From each wake to the poll that follows. tokio measures it, at more than the price of all else that is recorded.
    Every,
}

/// Kinds of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Evidence {
    /// CPU profile and flamegraph.
    Cpu,
    /// Heap profile and flamegraphs of what is allocated.
    Heap,
    /// Polls, stalls, allocations and waits by the place that spawned the tasks.
    Tasks,
    /// Memory by state, page faults and memory given back over time, beside latency.
    Allocator,
    /// tokio-console, recorded: tasks, resources, who waits on which.
    Console,
    /// Where threads wait, thread by thread over time, and what the kernel counts meanwhile.
    Wait,
    /// What tasks do, seen from outside: who woke them, what they wait for, and for whom.
    Trace,
    /// None.
    None,
}

/// Who samples CPU evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CpuBackend {
    /// The kernel's perf events, from outside: nothing runs in the subject.
    Perf,
    /// Our own: a timer for each thread, weighted, safe beside panics.
    Sampler,
    /// The pprof crate: accurate up to 99 Hz.
    Pprof,
}

/// Who samples heap evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeapBackend {
    /// Our own: every allocator, in the very program that measures.
    Sampler,
    /// jemalloc's own profiler, in a second program that has it compiled in (about 3 minutes to build, once).
    Jemalloc,
}
