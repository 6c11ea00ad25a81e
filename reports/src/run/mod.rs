//! Run directories: the only code that knows their file names.
//!
//! [`writer`] makes them, [`reader`] loads them, [`store`] finds them, [`hlog`] keeps the histograms in between. The
//! format is [`FORMAT`]; other major versions are refused by name.

mod allocator;
mod attached;
pub(crate) mod breach;
pub mod console;
mod error;
mod event;
pub(crate) mod files;
mod gate;
mod goroutines;
mod head;
pub mod hlog;
mod host;
mod journal;
pub(crate) mod kernel;
pub mod levels;
mod movers;
mod paths;
mod planned;
pub mod reader;
mod record;
pub(crate) mod samples;
mod slo;
mod slug;
pub(crate) mod stalls;
pub mod store;
mod summary;
mod sums;
mod tasks;
pub(crate) mod threads;
pub(crate) mod trace;
mod trial;
pub(crate) mod version;
pub mod writer;

pub use crate::findings::{Culprit, Finding, RuledOut, Undecided, Unused};
pub use allocator::{AllocatorHead, AllocatorRecord, AllocatorSample, PressureChange, PressureLevel};
pub use attached::{
    Attached, AttachedProfile, Figure, GoroutineGroup, Goroutines, Hot, LabelShare, Origin, Picture, ThreadTime,
};
pub use breach::{Breach, BreachRow, BreachWindow};
pub use error::RunError;
pub use event::Event;
pub use gate::{GateOutcome, GateSide, GateVerdict, LimitOutcome, LimitSource, LimitVerdict, OnCannotTell, Stopped};
pub use goroutines::{Begun, StartedBy, Ticks};
pub use head::{GateHead, RunHead, VariantHead};
pub use host::{BuildInfo, Machine};
pub use kernel::{KernelHead, KernelRecord, KernelSample};
pub use levels::{LevelRecord, LevelSummary};
pub use movers::{MoveKind, Moved, MoverRow, Movers};
pub use paths::CPU_PROFILE;
pub use planned::{
    BackgroundLoad, CpuBackend, CpuSampling, HeapBackend, LadderPlan, Late, Phases, Plan, PlannedTrial, PlannedVariant,
};
pub use reader::{BreachEvidence, HeapFlamegraphs, LoadedRun, Unread, WaitEvidence, load};
pub use record::{EvidenceKind, FORMAT, Metrics, Settings, Status, TrialKind, TrialOutcome};
pub use samples::{FrameTree, Kinds, MOST_SAMPLES, OperationColumns, Samples, TakenColumns};
pub use slo::{BudgetRecord, BurnRate, Slo, SloCount, SloSummary, SloVerdict};
pub use slug::slugs;
pub use stalls::{Place, StallClass, StallFrame, StallOthers, StallRecord, StallWatch, Stalls};
pub use summary::{
    Blame, Comparison, HeapPeak, LateSummary, MetricValue, ProfileSummary, RunSummary, StallLine, StallSummary,
    VariantSummary, Verdict,
};
pub use tasks::{SiteKind, SiteRecord, Waits};
pub use threads::{
    GOROUTINES, LaneShares, LongWait, POOL, ThreadLane, ThreadsHead, ThreadsRecord, WaitCause, WaitPlace,
};
pub use trace::{
    Trace, TraceBeside, TraceCase, TraceCause, TraceEnd, TraceEndKind, TraceFrame, TraceHead, TraceHolder,
    TraceInstead, TraceKind, TraceLink, TracePolls, TraceSaturated, TraceSite, TraceSpan, TraceStep, TraceTask,
    TraceWait, TraceWaker, TraceWhat,
};
pub use trial::{Count, DrainRecord, DriverRecord, ExitRecord, Heed, OperationRecord, TimelinePoint, TrialRecord};
