//! Why there is no history.

/// Why there is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No finished run at all, or none of the scenario.
    #[error("{}", match scenario {
        Some(name) => format!("no finished run of scenario `{name}`{}", hint(known)),
        None => "no finished runs yet: `workbench run` makes one".to_owned(),
    })]
    Empty {
        /// Scenario asked for.
        scenario: Option<String>,
        /// Scenarios that have runs.
        known: Vec<String>,
    },
    /// No such metric.
    #[error("unknown metric `{name}`{}", nearest.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default())]
    Metric {
        /// As given.
        name: String,
        /// The nearest there is.
        nearest: Option<&'static str>,
    },
    /// No such variant.
    #[error("no run of `{scenario}` measured a variant `{name}`{}", hint(known))]
    Variant {
        /// Scenario.
        scenario: String,
        /// As given.
        name: String,
        /// Those that were measured.
        known: Vec<String>,
    },
    /// Nobody measured it.
    #[error(
        "no run of `{scenario}` has a value of {metric} for `{variant}` that is more than zero: was no operation answered?"
    )]
    NoValues {
        /// Scenario.
        scenario: String,
        /// Variant.
        variant: String,
        /// Metric.
        metric: String,
    },
    /// Gates alone measured it: each says how two programs differ, and none of them what all the others are set against.
    #[error(
        "only gates measured `{variant}` of `{scenario}`: a history needs a run as its reference (`workbench run {scenario} \
         --variant {variant} --save-as NAME`); gates against that program join it"
    )]
    OnlyGates {
        /// Scenario.
        scenario: String,
        /// Variant.
        variant: String,
    },
    /// The reference is none of the runs that could be one.
    #[error("run {run} cannot be the reference: {why}")]
    Reference {
        /// Run.
        run: String,
        /// Why.
        why: String,
    },
}

fn hint(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!("; there are {}", known.join(", ")),
    }
}
