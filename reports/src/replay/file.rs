//! Tables separated by commas, semicolons or tabs, compressed or not.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::ReplayError;

/// Column names and the fields of every line.
#[derive(Debug)]
pub(super) struct Table {
    /// Path as given.
    pub(super) file: String,
    pub(super) columns: Vec<String>,
    /// Line number and fields, as many as there are columns.
    pub(super) lines: Vec<(usize, Vec<String>)>,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, ReplayError> {
        let file = path.display().to_string();
        let unreadable = |hint| {
            let file = file.clone();
            move |error| ReplayError::Unreadable { file, error, hint }
        };
        let bytes = std::fs::read(path).map_err(unreadable(""))?;
        let mut text = Vec::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let broken = unreadable(": the compressed file is cut off or corrupt; copy it again");
            MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).map_err(broken)?;
        } else {
            text = bytes;
        }
        let text = String::from_utf8(text)
            .map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e.utf8_error().to_string()))
            .map_err(unreadable(": a table is UTF-8 text"))?;
        Self::parse(file, &text)
    }

    pub(super) fn parse(file: String, text: &str) -> Result<Self, ReplayError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Remarks stand in lines of their own.
        let told = |line: &str| !line.trim().is_empty() && !line.starts_with('#');
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| told(line));
        let Some((_, header)) = lines.next() else {
            return Err(ReplayError::Empty { file });
        };
        let count = |separator: &char| header.matches(*separator).count();
        // The last of those that stand equally often.
        let separator = [';', '\t', ','].into_iter().max_by_key(count).unwrap_or(',');
        let columns = fields(header, separator);
        for (position, column) in columns.iter().enumerate() {
            if columns[..position].contains(column) {
                return Err(ReplayError::Twice { file, column: column.clone() });
            }
        }
        let lines: Vec<(usize, Vec<String>)> = lines.map(|(number, line)| (number, fields(line, separator))).collect();
        if lines.is_empty() {
            return Err(ReplayError::Empty { file });
        }
        if let Some((line, found)) = lines.iter().find(|(_, fields)| fields.len() != columns.len()) {
            return Err(ReplayError::Fields { file, line: *line, found: found.len(), expected: columns.len() });
        }
        Ok(Self { file, columns, lines })
    }

    /// Position of a column, by its very name or else in other cases of letters.
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|name| name == column);
        exact.or_else(|| self.columns.iter().position(|name| name.eq_ignore_ascii_case(column)))
    }

    /// A number, `None` for an empty field or one that says it is none.
    pub(super) fn number(&self, line: usize, fields: &[String], column: usize) -> Result<Option<f64>, ReplayError> {
        let value = fields[column].as_str();
        if ["", "nan", "na", "null", "none"].contains(&value.to_lowercase().as_str()) {
            return Ok(None);
        }
        value.parse().ok().filter(|number: &f64| number.is_finite()).map(Some).ok_or_else(|| ReplayError::Number {
            file: self.file.clone(),
            line,
            column: self.columns[column].clone(),
            value: value.chars().take(40).collect(),
        })
    }
}

/// Fields of a line; quotes hold separators, two quotes within them are one (RFC 4180, without line ends in fields).
fn fields(line: &str, separator: char) -> Vec<String> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut characters) = (false, line.chars().peekable());
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                fields[last].push('"');
            }
            '"' => quoted = !quoted,
            other if other == separator && !quoted => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    fields.into_iter().map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn quotes_hold_commas() {
        assert_eq!(fields(r#"a, "b,c" ,"d""e","#, ','), ["a", "b,c", "d\"e", ""]);
        assert_eq!(fields("a;1,5;\"b;c\"", ';'), ["a", "1,5", "b;c"]);
        assert_eq!(fields("", ','), [""]);
    }
}
