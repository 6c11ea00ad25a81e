//! A YAML document with places, and the list of its problems.

use std::cell::RefCell;
use std::ops::Range;

use saphyr::{MarkedYaml, Scalar, YamlData};

use crate::problem::Problem;

/// The text and what was found wrong with it so far.
pub(super) struct Text<'a> {
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, problems: RefCell::default() }
    }

    pub(super) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn is_right(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        problems
    }

    /// The reader counts in characters.
    pub(super) fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
    }
}

/// A node of the document.
#[derive(Clone)]
pub(super) struct Node<'a> {
    yaml: &'a MarkedYaml<'a>,
    source: &'a Text<'a>,
    /// Key, as messages name it.
    name: &'a str,
}

impl<'a> Node<'a> {
    pub(super) fn root(yaml: &'a MarkedYaml<'a>, source: &'a Text<'a>) -> Self {
        Self { yaml, source, name: "the document" }
    }

    /// An empty document, as one behind a last `---`.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.yaml.data, YamlData::Value(Scalar::Null))
    }

    pub(super) fn get(&self, key: &'a str) -> Option<Node<'a>> {
        let YamlData::Mapping(map) = &self.yaml.data else { return None };
        let found =
            map.iter().find(|(name, _)| matches!(&name.data, YamlData::Value(Scalar::String(name)) if name == key));
        found.map(|(_, yaml)| Node { yaml, source: self.source, name: key })
    }

    /// The node at a path.
    pub(super) fn at(&self, path: &[&'a str]) -> Option<Node<'a>> {
        path.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    /// A key that must be there.
    pub(super) fn required(&self, key: &'a str) -> Option<Node<'a>> {
        let found = self.get(key);
        if found.is_none() {
            self.problem_at(None, format!("missing field `{key}` in {}", self.name), None);
        }
        found
    }

    /// The items of a list; what is no list is reported.
    pub(super) fn items(&self) -> Vec<Node<'a>> {
        match &self.yaml.data {
            YamlData::Sequence(items) => {
                items.iter().map(|yaml| Node { yaml, source: self.source, name: self.name }).collect()
            }
            _ => {
                self.problem_at(None, format!("`{}` must be a list", self.name), None);
                Vec::new()
            }
        }
    }

    /// A text, without a word where it is none.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.yaml.data {
            YamlData::Value(Scalar::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A text on one line, not empty; anything else is reported.
    pub(super) fn name(&self) -> Option<String> {
        let text = self.text().filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
        if text.is_none() {
            self.problem_at(None, format!("`{}` must be a text on one line", self.name), None);
        }
        text.map(str::to_owned)
    }

    /// A number; anything else is reported.
    pub(super) fn number(&self) -> Option<f64> {
        let number = match &self.yaml.data {
            YamlData::Value(Scalar::Integer(number)) => {
                #[allow(clippy::cast_precision_loss, reason = "out of range either way")]
                let number = *number as f64;
                Some(number)
            }
            YamlData::Value(Scalar::FloatingPoint(number)) => Some(number.into_inner()),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.problem_at(None, format!("`{}` must be a number", self.name), None);
        }
        number
    }

    /// Reports a problem here, or at another node.
    pub(super) fn problem_at(&self, other: Option<&Node<'_>>, message: String, help: Option<String>) {
        let yaml = other.map_or(self.yaml, |other| other.yaml);
        let start = self.source.byte(yaml.span.start.index());
        let end = self.source.byte(yaml.span.end.index()).max(start);
        // Whole tables would mark half of the file.
        let line_end = self.source.text[start..].find('\n').map_or(self.source.text.len(), |length| start + length);
        let span: Range<usize> = start..end.min(line_end);
        self.source.add(Problem::new(message, span).maybe_help(help));
    }
}
