//! Simulated trials.

use std::collections::BTreeMap;

use rand_free::Noise;

use crate::run::{
    BuildInfo, DriverRecord, ExitRecord, FORMAT, Machine, OperationRecord, Phases, Plan, PlannedTrial, PlannedVariant,
    RunSummary, Status, TrialKind, TrialOutcome, TrialRecord, VariantSummary,
};

mod rand_free {
    //! Repeatable noise without a dependency: a 64-bit linear congruential generator (Knuth's MMIX constants).

    pub(super) struct Noise(pub(super) u64);

    impl Noise {
        /// Uniform in −1 to 1.
        pub(super) fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            #[allow(clippy::cast_precision_loss)]
            let unit = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
            2.0 * unit - 1.0
        }
    }
}

/// A plan of these variants in `blocks` blocks, in the order given.
pub(crate) fn plan(variants: &[&str], blocks: u32) -> Plan {
    let mut trials = Vec::new();
    for block in 1..=blocks {
        for variant in variants {
            let index = u32::try_from(trials.len() + 1).unwrap();
            let variant = (*variant).to_owned();
            trials.push(PlannedTrial { index, block: Some(block), variant, kind: TrialKind::Measure });
        }
    }
    let planned = |name: &&str| PlannedVariant {
        name: (*name).to_owned(),
        summary: format!("the {name} one"),
        requested: [("workload.login".to_owned(), (*name).to_owned())].into(),
        command: Vec::new(),
    };
    Plan {
        format: FORMAT,
        scenario: "http-service".to_owned(),
        scenario_version: 1,
        scenario_hash: "cafe".to_owned(),
        seed: 7,
        blocks,
        variants: variants.iter().map(planned).collect(),
        trials,
        schedule_hashes: Vec::new(),
        incident: false,
        phases: Phases {
            warmup_s: 0.1,
            saturated_s: 0.2,
            operations: 2_000,
            rate: 1_000.0,
            arrivals: "poisson".to_owned(),
            concurrency: 32,
            timeout_s: 2.0,
            background: Vec::new(),
            ladder: None,
        },
        cpu: None,
        heap: None,
        stall_after_s: None,
        task_waits: None,
        attached: None,
        slo: None,
        late: None,
        target: None,
        build: BuildInfo::default(),
    }
}

/// A trial for each planned one: every metric of `metrics` is its value for the variant, times noise of the block (shared,
/// up to ±`shared`) and of the trial (up to ±`own`).
pub(crate) fn trials(plan: &Plan, metrics: &[(&str, &[f64])], shared: f64, own: f64) -> Vec<TrialRecord> {
    let mut noise = Noise(plan.seed);
    let mut block_noise = BTreeMap::new();
    plan.trials
        .iter()
        .map(|planned| {
            let position = plan.variants.iter().position(|variant| variant.name == planned.variant).unwrap();
            let drift = *block_noise.entry(planned.block).or_insert_with(|| (shared * noise.next()).exp());
            let values = metrics
                .iter()
                .map(|(name, values)| ((*name).to_owned(), values[position] * drift * (own * noise.next()).exp()))
                .collect();
            trial(planned, values)
        })
        .collect()
}

/// A trial that ended well: 2,000 measured `orders`, 500 background `login`.
pub(crate) fn trial(planned: &PlannedTrial, metrics: BTreeMap<String, f64>) -> TrialRecord {
    let operation = |name: &str, measured, scheduled| OperationRecord {
        name: name.to_owned(),
        measured,
        scheduled,
        sent: scheduled,
        answered: scheduled,
        latency: [("p99".to_owned(), 0.05)].into(),
        ..OperationRecord::default()
    };
    TrialRecord {
        format: FORMAT,
        index: planned.index,
        block: planned.block,
        variant: planned.variant.clone(),
        kind: planned.kind,
        outcome: TrialOutcome::Ok,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        duration_s: 3.0,
        effective: [("runtime.worker_threads".to_owned(), "2".to_owned())].into(),
        metrics,
        counts: BTreeMap::new(),
        operations: vec![operation("orders", true, 2_000), operation("login", false, 500)],
        driver: DriverRecord::default(),
        noise: BTreeMap::new(),
        drain: None,
        exit: ExitRecord::default(),
        remarks: Vec::new(),
        heeded: Default::default(),
        levels: Vec::new(),
    }
}

/// A run's summary of these variants.
pub(crate) fn run(id: &str, variants: Vec<VariantSummary>) -> RunSummary {
    RunSummary {
        format: FORMAT,
        run: id.to_owned(),
        path: String::new(),
        scenario: "http-service".to_owned(),
        scenario_version: 1,
        summary: String::new(),
        status: Status::Complete,
        started_at: String::new(),
        finished_at: String::new(),
        seed: 7,
        build: BuildInfo { profile: "release".to_owned(), ..BuildInfo::default() },
        host: Machine { fingerprint: "f00d".to_owned(), cpu: "EPYC 9".to_owned(), ..Machine::default() },
        verdict: String::new(),
        warnings: Vec::new(),
        variants,
        comparisons: Vec::new(),
        profiles: Vec::new(),
        findings: Vec::new(),
        undecided: Vec::new(),
        ruled_out: Vec::new(),
        unused: Vec::new(),
        attached: None,
        movers: Vec::new(),
        late: Vec::new(),
        blame: Vec::new(),
        gate: None,
        slo: None,
        budget: None,
    }
}
