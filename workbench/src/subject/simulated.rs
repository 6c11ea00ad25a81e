//! A subject without a process, a clock or a wait: for tests of everything around it.

use std::collections::BTreeMap;

use reports::run::{
    DriverRecord, ExitRecord, FORMAT, Metrics, OperationRecord, Plan, PlannedTrial, Settings, TrialOutcome, TrialRecord,
};

use super::{Phase, Subject, SubjectError, TrialData};

/// What a simulated trial does.
pub(crate) type Behaviour = Box<dyn FnMut(&PlannedTrial) -> Result<Metrics, SubjectError>>;

/// A subject whose every trial is a function call.
pub(crate) struct SimulatedSubject {
    /// Settings that each variant asks for; they take.
    pub(crate) requested: BTreeMap<String, Settings>,
    /// Settings that a preflight reports instead.
    pub(crate) effective: Settings,
    /// Metrics or failure of each trial.
    pub(crate) behaviour: Behaviour,
    /// Attempts, from the first on, at which the driver cannot keep up.
    pub(crate) late: usize,
    /// Why evidence trials would show nothing.
    pub(crate) lacks: Option<String>,
    /// Trials that ran, in order.
    pub(crate) ran: Vec<(u32, String)>,
}

impl SimulatedSubject {
    /// Every trial of the plan yields what `behaviour` says.
    pub(crate) fn new(
        plan: &Plan,
        behaviour: impl FnMut(&PlannedTrial) -> Result<Metrics, SubjectError> + 'static,
    ) -> Self {
        let requested = plan.variants.iter().map(|v| (v.name.clone(), v.requested.clone())).collect();
        Self {
            requested,
            effective: Settings::new(),
            behaviour: Box::new(behaviour),
            late: 0,
            lacks: None,
            ran: Vec::new(),
        }
    }
}

impl Subject for SimulatedSubject {
    fn preflight(&mut self, variant: &str) -> Result<Settings, SubjectError> {
        let mut effective = self.requested.get(variant).cloned().unwrap_or_default();
        effective.extend(self.effective.clone());
        Ok(effective)
    }

    fn lacks(&self, trial: &PlannedTrial) -> Option<String> {
        self.lacks.clone().filter(|_| trial.kind.evidence().is_some())
    }

    fn run(&mut self, trial: &PlannedTrial, watch: &mut dyn FnMut(Phase)) -> Result<TrialData, SubjectError> {
        for phase in [Phase::Starting, Phase::WarmUp, Phase::Saturated, Phase::Open, Phase::Stopping] {
            watch(phase);
        }
        let metrics = (self.behaviour)(trial)?;
        self.ran.push((trial.index, trial.variant.clone()));
        let operations = vec![OperationRecord {
            name: "orders".into(),
            measured: true,
            scheduled: 2000,
            sent: 2000,
            answered: 2000,
            ..OperationRecord::default()
        }];
        Ok(TrialData {
            answered: 0,
            record: TrialRecord {
                format: FORMAT,
                index: trial.index,
                block: trial.block,
                variant: trial.variant.clone(),
                kind: trial.kind,
                outcome: TrialOutcome::Ok,
                started_at: "2026-01-01T00:00:00.000Z".into(),
                duration_s: 1.0,
                effective: self.effective.clone(),
                metrics,
                counts: Default::default(),
                operations,
                driver: DriverRecord {
                    limited: (self.ran.len() <= self.late).then(|| format!("late at attempt {}", self.ran.len())),
                    ..DriverRecord::default()
                },
                noise: Metrics::new(),
                drain: None,
                exit: ExitRecord::default(),
                remarks: Vec::new(),
                heeded: Default::default(),
                levels: Vec::new(),
            },
            intervals: Vec::new(),
            timeline: Vec::new(),
            log: String::new(),
            recorded: trial.kind.evidence().map(|_| Err("simulated".to_owned())),
        })
    }
}
