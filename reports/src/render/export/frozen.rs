//! A gate that measured nothing, since the error budget is spent.

use super::{Format, marker};
use crate::render::markdown::line;
use crate::render::{slo, text};
use crate::run::BudgetRecord;

/// What a gate for this scenario leaves where it is frozen; `None` for formats that need a run.
pub fn frozen(format: Format, scenario: &str, budget: &BudgetRecord) -> Option<String> {
    let said = slo::budget(budget);
    let markdown = format!("### ⛔ frozen: {}\n\n{}\n", line(scenario), line(&said));
    match format {
        Format::Annotations => {
            let data = said.replace('%', "%25");
            Some(format!("::error title=workbench%3A error budget::{data}\n"))
        }
        Format::Comment => Some(format!("{}\n{markdown}", marker(scenario))),
        Format::StepSummary => Some(markdown),
        Format::Junit => {
            let (name, said) = (text::html(&text::name(scenario)), text::html(&said));
            let counts = "tests=\"1\" failures=\"1\" errors=\"0\"";
            Some(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"workbench\" {counts}>\n  \
                 <testsuite name=\"{name}\" {counts} skipped=\"0\">\n    <testcase classname=\"{name}\" name=\"error budget\" \
                 time=\"0\">\n      <failure type=\"frozen\" message=\"{said}\">{said}</failure>\n    </testcase>\n  \
                 </testsuite>\n</testsuites>\n"
            ))
        }
        _ => None,
    }
}
