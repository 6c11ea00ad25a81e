//! The error budget that is left in production: a number, a file, or what Prometheus answers.

use serde_json::Value;

use crate::run::BudgetRecord;

/// Releases are frozen below this part of the budget.
pub const FREEZE_BELOW: f64 = 0.05;

/// Why a remaining budget cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Not a number, or one that is no part.
    #[error(
        "{0} is not a remaining budget: a part such as `0.37` or `37%` (0 is spent, below 0 overspent, 1 untouched)"
    )]
    NotAPart(String),
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON without a budget.
    #[error(
        "there is no remaining budget in it: write `{{\"remaining\": 0.37}}`, or keep an answer of Prometheus' /api/v1/query"
    )]
    NoField,
    /// Prometheus refused.
    #[error("Prometheus refused the query ({kind}): {message}")]
    Refused {
        /// `errorType`.
        kind: String,
        /// `error`.
        message: String,
    },
    /// No series.
    #[error("the query matched no series: is the name right, and is it scraped and recorded?")]
    Empty,
    /// More than one.
    #[error(
        "the query gave {count} series where one budget is asked for: narrow it with labels, or take `min(…)` of it; the first: {first}"
    )]
    Several {
        /// How many.
        count: usize,
        /// Labels of the first.
        first: String,
    },
    /// A range or a string.
    #[error("the query gave a {0}, not an instant vector or a scalar: ask /api/v1/query for one number")]
    OtherType(String),
}

/// Reads `0.37`, `37%`, `-0.2`.
///
/// # Errors
/// [`BudgetError::NotAPart`].
pub fn number(text: &str) -> Result<f64, BudgetError> {
    let wrong = || BudgetError::NotAPart(format!("`{}`", shown(text)));
    let text = text.trim();
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim_end(), 0.01),
        None => (text, 1.0),
    };
    let value: f64 = digits.parse().map_err(|_| wrong())?;
    part(value * scale).ok_or_else(wrong)
}

/// Reads a JSON document: the number in `remaining`, or a kept answer of Prometheus.
///
/// # Errors
/// What is wrong with it.
pub fn document(text: &str) -> Result<f64, BudgetError> {
    let json: Value = serde_json::from_str(text).map_err(|error| BudgetError::NotJson(error.to_string()))?;
    match json.get("remaining") {
        Some(Value::Number(value)) => {
            let value = value.as_f64().and_then(part);
            value.ok_or_else(|| BudgetError::NotAPart(format!("`remaining` = {}", json["remaining"])))
        }
        Some(Value::String(text)) => number(text),
        Some(other) => Err(BudgetError::NotAPart(format!("`remaining` = {}", shown(&other.to_string())))),
        None if json.get("status").is_some() => prometheus(&json),
        None => Err(BudgetError::NoField),
    }
}

/// Reads an answer of Prometheus' HTTP API, `/api/v1/query`.
///
/// # Errors
/// What is wrong with it.
pub fn answer(text: &str) -> Result<f64, BudgetError> {
    let json: Value = serde_json::from_str(text).map_err(|error| BudgetError::NotJson(error.to_string()))?;
    prometheus(&json)
}

fn prometheus(json: &Value) -> Result<f64, BudgetError> {
    let text = |key: &str| shown(json[key].as_str().unwrap_or_default());
    if json["status"] != "success" {
        return Err(BudgetError::Refused { kind: text("errorType"), message: text("error") });
    }
    let result = &json["data"]["result"];
    let sample = match json["data"]["resultType"].as_str() {
        Some("scalar") => result,
        Some("vector") => match result.as_array().map(Vec::as_slice) {
            Some([one]) => &one["value"],
            Some([]) => return Err(BudgetError::Empty),
            Some(several @ [first, ..]) => {
                let first = shown(&first["metric"].to_string());
                return Err(BudgetError::Several { count: several.len(), first });
            }
            None => return Err(BudgetError::NoField),
        },
        Some(other) => return Err(BudgetError::OtherType(shown(other))),
        None => return Err(BudgetError::NoField),
    };
    number(sample[1].as_str().ok_or(BudgetError::NoField)?)
}

/// A part of the budget: never more than all of it, and overspent by whatever.
fn part(value: f64) -> Option<f64> {
    // Recording rules round.
    (value.is_finite() && value <= 1.0 + 1e-6).then_some(value)
}

/// Whether releases are frozen, and why somebody goes on all the same.
pub fn decide(remaining: f64, source: String, overridden: Option<String>) -> BudgetRecord {
    BudgetRecord { remaining, source, freeze_below: FREEZE_BELOW, frozen: remaining < FREEZE_BELOW, overridden }
}

fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_percentages() {
        for (text, expected) in
            [("0.37", 0.37), ("37%", 0.37), (" 4.9 % ", 0.049), ("-20%", -0.2), ("1", 1.0), ("0", 0.0)]
        {
            assert!((number(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in ["37", "1.5", "NaN", "inf", "", "%", "much", "101%"] {
            assert!(number(text).unwrap_err().to_string().contains("is not a remaining budget"), "{text}");
        }
    }

    #[test]
    fn documents() {
        assert_eq!(document(r#"{"remaining": 0.42, "slo": "checkout"}"#), Ok(0.42));
        assert_eq!(document(r#"{"remaining": "4%"}"#), Ok(0.04));
        let kept =
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1.5,"0.5"]}]}}"#;
        assert_eq!(document(kept), Ok(0.5));
        assert_eq!(document("{}"), Err(BudgetError::NoField));
        assert!(matches!(document("{"), Err(BudgetError::NotJson(_))));
        assert!(document(r#"{"remaining": null}"#).unwrap_err().to_string().contains("`remaining` = null"));
        assert!(document(r#"{"remaining": 42}"#).unwrap_err().to_string().contains("`remaining` = 42"));
    }

    #[test]
    fn answers_of_prometheus() {
        assert_eq!(answer(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"0.25"]}}"#), Ok(0.25));
        let vector = |result: &str| {
            answer(&format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#))
        };
        insta::assert_snapshot!(vector("[]").unwrap_err(), @"the query matched no series: is the name right, and is it scraped and recorded?");
        insta::assert_snapshot!(
            vector(r#"[{"metric":{"slo":"a"},"value":[1,"0.5"]},{"metric":{"slo":"b"},"value":[1,"0.1"]}]"#).unwrap_err(),
            @r#"the query gave 2 series where one budget is asked for: narrow it with labels, or take `min(…)` of it; the first: {"slo":"a"}"#
        );
        insta::assert_snapshot!(
            vector(r#"[{"metric":{},"value":[1,"NaN"]}]"#).unwrap_err(),
            @"`NaN` is not a remaining budget: a part such as `0.37` or `37%` (0 is spent, below 0 overspent, 1 untouched)"
        );
        insta::assert_snapshot!(
            answer(r#"{"status":"error","errorType":"bad_data","error":"1:8: parse error: \u001b[31m"}"#).unwrap_err(),
            @"Prometheus refused the query (bad_data): 1:8: parse error: �[31m"
        );
        insta::assert_snapshot!(
            answer(r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#).unwrap_err(),
            @"the query gave a matrix, not an instant vector or a scalar: ask /api/v1/query for one number"
        );
    }

    #[test]
    fn below_a_twentieth_releases_freeze() {
        assert!(!decide(0.05, "given".into(), None).frozen);
        let spent = decide(-0.1, "given".into(), Some("hotfix".into()));
        assert_eq!((spent.frozen, spent.overridden.as_deref()), (true, Some("hotfix")));
    }
}
