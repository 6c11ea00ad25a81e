//! A parsed document with spans, and the list of its problems.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Problem, Problems, listed, nearest, shown};

/// The text and what was found wrong with it so far.
pub(super) struct Report<'a> {
    pub(super) text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

/// A table of the document.
#[derive(Clone)]
pub(super) struct Section<'a> {
    /// As messages name it, e.g. `[load]`.
    pub(super) title: &'a str,
    pub(super) table: &'a DeTable<'a>,
    pub(super) span: Range<usize>,
    pub(super) report: &'a Report<'a>,
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) key_span: Range<usize>,
    pub(super) value: &'a DeValue<'a>,
    pub(super) span: Range<usize>,
    pub(super) report: &'a Report<'a>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    pub(super) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Problems in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        problems
    }
}

/// The parser's words for a key that occurs twice.
const DUPLICATE: &str = "duplicate key";

/// Parses the text. Where it is no TOML, only that is reported: the rest would be guesswork.
pub(super) fn parse<'a>(report: &Report<'a>) -> Option<Spanned<DeTable<'a>>> {
    let (root, errors) = DeTable::parse_recoverable(report.text);
    // After another error the parser takes headings for what they are not, and calls them duplicates.
    let misled = errors.iter().any(|error| error.message() != DUPLICATE);
    for error in errors.iter().filter(|error| !misled || error.message() != DUPLICATE) {
        let span = error.span().unwrap_or(report.text.len()..report.text.len());
        report.add(Problem::new(format!("not valid TOML: {}", error.message()), span));
    }
    errors.is_empty().then_some(root)
}

/// What `read` makes of a text of which nothing else is looked at; `file` is the name that messages give it.
///
/// # Errors
/// Text that is no TOML, and whatever `read` reports.
pub(super) fn part<T: Default>(file: &str, text: &str, read: impl FnOnce(&Section<'_>) -> T) -> Result<T, Problems> {
    let report = Report::new(text);
    let root = parse(&report);
    let found = root.as_ref().map(|root| read(&Section::root(root, &report))).unwrap_or_default();
    drop(root);
    match report.into_problems() {
        problems if problems.is_empty() => Ok(found),
        problems => Err(Problems { file: file.to_owned(), source: text.to_owned(), problems }),
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Spanned<DeTable<'a>>, report: &'a Report<'a>) -> Self {
        Self { title: "the scenario", table: table.get_ref(), span: 0..0, report }
    }

    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.field(key, value))
    }

    /// Fields in the order of the file.
    pub(super) fn fields(&self) -> Vec<Field<'a>> {
        let mut fields: Vec<_> = self.table.iter().map(|(key, value)| self.field(key, value)).collect();
        fields.sort_by_key(|field| field.key_span.start);
        fields
    }

    fn field(&self, key: &'a Spanned<std::borrow::Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Field<'a> {
        Field {
            key: key.get_ref(),
            key_span: key.span(),
            value: value.get_ref(),
            span: value.span(),
            report: self.report,
        }
    }

    /// A key that must be there.
    pub(super) fn required(&self, key: &str) -> Option<Field<'a>> {
        let field = self.get(key);
        if field.is_none() {
            let message = format!("missing field `{key}` in {}", self.title);
            self.report.add(Problem::new(message, self.span.clone()));
        }
        field
    }

    /// Reports every key that is none of `known`.
    pub(super) fn allow_only(&self, known: &[&str]) {
        for field in self.fields().into_iter().filter(|field| !known.contains(&field.key)) {
            let message =
                format!("unknown field `{}` in {}, expected one of {}", shown(field.key), self.title, listed(known));
            let help = nearest(field.key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.report.add(Problem::new(message, field.key_span).maybe_help(help));
        }
    }

    /// The table at a key, if there is one.
    pub(super) fn section(&self, key: &str, title: &'a str) -> Option<Section<'a>> {
        self.get(key)?.as_section(title)
    }

    /// The tables of an array of tables, if there is one; `title` as it stands in the file.
    pub(super) fn sections(&self, key: &str, title: &'a str) -> Vec<Section<'a>> {
        let Some(field) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = field.value else {
            let help = format!("write `{title}` above its keys");
            field.wrong_type("an array of tables", Some(help));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let entry = Field { value: item.get_ref(), span: item.span(), ..field.clone() };
                if !entry.value.is_table() {
                    entry.wrong_type("an array of tables", Some(format!("write `{title}` above its keys")));
                    return None;
                }
                entry.as_section(title)
            })
            .collect()
    }
}

impl<'a> Field<'a> {
    /// The field as a table; anything else is reported.
    pub(super) fn as_section(&self, title: &'a str) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Section { title, table, span: self.span.clone(), report: self.report }),
            _ => {
                self.wrong_type("a table", None);
                None
            }
        }
    }

    /// Reports a problem with the value.
    pub(super) fn problem(&self, message: impl Into<String>, help: Option<String>) {
        self.report.add(Problem::new(message, self.span.clone()).maybe_help(help));
    }

    /// Reports a problem with the key.
    pub(super) fn key_problem(&self, message: impl Into<String>, help: Option<String>) {
        self.report.add(Problem::new(message, self.key_span.clone()).maybe_help(help));
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type(&self, expected: &str, help: Option<String>) {
        let message = format!("`{}` must be {expected}", shown(self.key));
        let label = format!("this is {}", type_name(self.value));
        self.report.add(Problem::new(message, self.span.clone()).label(label).maybe_help(help));
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
