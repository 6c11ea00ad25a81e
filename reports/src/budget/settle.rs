//! What an objective adds to a gate.

use crate::run::{GateOutcome, GateVerdict, SloSummary, SloVerdict};

/// Exit code of a gate that is broken.
const BROKEN: u8 = 10;

/// A candidate that is shown to miss its objective breaks the gate, whatever the limits say. One that cannot be told breaks
/// nothing: a short gate could never show a strict objective.
pub fn settle(gate: &mut GateOutcome, judged: Option<&SloSummary>) {
    let burn = judged.and_then(|judged| judged.burn.iter().find(|burn| burn.variant == gate.candidate.variant));
    let Some(burn) = burn.filter(|burn| burn.verdict == SloVerdict::Missed) else { return };
    if !matches!(gate.verdict, GateVerdict::Passed | GateVerdict::CannotTell | GateVerdict::Broken) {
        return;
    }
    let [rate, low, high] = [burn.rate, burn.low, burn.high].map(|value| value.unwrap_or(f64::NAN));
    let limits = gate.sentence.trim_end_matches('.');
    gate.sentence = format!(
        "The objective is missed: the error budget burns at {rate:.2}× [{low:.2}, {high:.2}]. Limits: {limits}."
    );
    (gate.verdict, gate.exit) = (GateVerdict::Broken, BROKEN);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{BurnRate, GateSide, OnCannotTell, Slo, Stopped};

    fn gate(verdict: GateVerdict) -> GateOutcome {
        GateOutcome {
            verdict,
            exit: 0,
            sentence: "Passed, after all 12 pairs: all limits are held.".into(),
            base: GateSide { variant: "base".into(), ..GateSide::default() },
            candidate: GateSide { variant: "new".into(), ..GateSide::default() },
            on_cannot_tell: OnCannotTell::Pass,
            alpha: 0.01,
            looks: vec![12],
            pairs: 12,
            stopped: Stopped::AllPairs,
            limits: Vec::new(),
        }
    }

    fn judged(variant: &str, verdict: SloVerdict) -> SloSummary {
        let burn = BurnRate {
            variant: variant.into(),
            operations: 1000,
            failed: 0,
            slow: 22,
            rate: Some(22.0),
            low: Some(14.1),
            high: Some(33.0),
            design_effect: 1.0,
            verdict,
            operations_needed: None,
            why: None,
        };
        SloSummary { slo: Slo { objective: 0.999, latency_s: None, window_s: 1.0 }, burn: vec![burn] }
    }

    #[test]
    fn a_missed_objective_breaks_a_gate() {
        let mut passed = gate(GateVerdict::Passed);
        settle(&mut passed, Some(&judged("new", SloVerdict::Missed)));
        assert_eq!((passed.verdict, passed.exit), (GateVerdict::Broken, 10));
        insta::assert_snapshot!(passed.sentence, @"The objective is missed: the error budget burns at 22.00× [14.10, 33.00]. Limits: Passed, after all 12 pairs: all limits are held.");
    }

    #[test]
    fn nothing_else_does() {
        for (verdict, judged) in [
            (GateVerdict::Passed, Some(judged("new", SloVerdict::CannotTell))),
            (GateVerdict::Passed, Some(judged("base", SloVerdict::Missed))),
            (GateVerdict::SubjectFailed, Some(judged("new", SloVerdict::Missed))),
            (GateVerdict::CannotTell, None),
        ] {
            let mut settled = gate(verdict);
            settle(&mut settled, judged.as_ref());
            assert_eq!(settled, gate(verdict));
        }
    }
}
