//! `report.html`: one self-contained page.

use super::Page;
use super::table::Table;
use super::text::{html, name, sentence};

/// The page; offline, without external references.
pub fn page(page: &Page<'_>) -> String {
    let table = Table::new(page.summary);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title><h1>{0}</h1><p>{1}</p><table>",
        html(&name(&page.summary.scenario)),
        html(&sentence(&page.summary.verdict))
    );
    for row in &table.headline {
        out.push_str(&format!("<tr><th>{}</th>", html(&row.metric)));
        for cell in &row.cells {
            out.push_str(&format!("<td>{}</td>", html(&cell.value)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></html>");
    out
}
