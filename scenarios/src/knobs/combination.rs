//! Settings that are right one by one and wrong together.

use super::{Condition, KNOBS, Knob, KnobError, Needed};
use crate::spec::Settings;

/// Refuses knobs that the other settings make ineffective, such as a jemalloc knob under mimalloc.
///
/// # Errors
/// [`KnobError::NoEffect`] for the first one, in the order of the table; [`KnobError::OnlyGo`].
pub fn check_combination(settings: &Settings) -> Result<(), KnobError> {
    super::for_program::check_for_workload(settings)?;
    for knob in KNOBS {
        let (Some(value), Some(condition)) = (settings.get(knob.path), knob.condition) else { continue };
        if acts_in(condition, value, settings) {
            continue;
        }
        let actual = effective(settings, condition);
        return Err(KnobError::NoEffect {
            path: knob.path.to_owned(),
            condition: condition.path,
            actual: actual.to_owned(),
            needed: condition.needed,
            allowed: condition.except,
        });
    }
    Ok(())
}

/// Whether a knob with this condition has an effect at `value`, given the other settings.
pub(crate) fn acts_in(condition: Condition, value: &str, settings: &Settings) -> bool {
    condition.except == Some(value) || condition.needed.is_met_by(effective(settings, condition))
}

/// What the setting is or defaults to. A default that depends on the machine counts as the needed value.
fn effective(settings: &Settings, condition: Condition) -> &str {
    let default = || KNOBS.iter().find(|knob: &&Knob| knob.path == condition.path).and_then(|knob| knob.default.value);
    settings.get(condition.path).map(String::as_str).or_else(default).unwrap_or(match condition.needed {
        Needed::Value(value) => value,
        Needed::AnyBut(_) => "",
    })
}

impl Needed {
    pub(crate) fn is_met_by(self, actual: &str) -> bool {
        match self {
            Self::Value(value) => actual == value,
            Self::AnyBut(value) => actual != value,
        }
    }
}
