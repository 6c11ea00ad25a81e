//! Recorded arrivals: `t_us,op[,…]` in a file of comma-separated values, sorted, times relative to any begin.

use std::path::Path;

use crate::problem::{Problem, Problems, listed, nearest, shown};
use crate::spec::{Arrival, Operation, Scenario, Trace};

/// A trace that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file could not be read.
    #[error("cannot read the trace {file}: {source}")]
    Io {
        /// Path as given.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file was read and is wrong.
    #[error("{0}")]
    Problems(#[from] Problems),
    /// It holds more than can be driven.
    #[error("the trace {file}: {problem}")]
    Load {
        /// Path as given.
        file: String,
        /// What is too much.
        problem: String,
    },
}

/// Problems that are looked for in one file.
const MOST_PROBLEMS: usize = 20;
/// What a first line may say in the place of an arrival.
const HEADING: &str = "t_us";

/// Reads the file of the scenario's trace, where it has one; a relative path begins at `folder`. The path becomes an
/// absolute one, so that the scenario can be run again from elsewhere.
///
/// # Errors
/// [`TraceError`], which names the file, and the line where one is wrong.
pub fn fill(scenario: &mut Scenario, folder: &Path) -> Result<(), TraceError> {
    let Some(trace) = &mut scenario.load.trace else { return Ok(()) };
    let path = folder.join(&trace.file);
    let path = std::path::absolute(&path).unwrap_or(path);
    let file = path.to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path).map_err(|source| TraceError::Io { file: file.clone(), source })?;
    trace.arrivals = parse(&file, &text, &scenario.mix)?;
    trace.file.clone_from(&file);
    scenario.load.settle().map_err(|problem| TraceError::Load { file, problem })
}

/// The arrivals of a scenario's trace as a file that [`parse`] reads back to equal ones.
pub fn to_csv(trace: &Trace, mix: &[Operation]) -> String {
    let mut text = format!("{HEADING},op\n");
    for arrival in &trace.arrivals {
        let name = mix.get(usize::from(arrival.operation)).map_or("", |operation| operation.name.as_str());
        text.push_str(&format!("{},{name}\n", arrival.at_us));
    }
    text
}

/// Reads a trace of operations of this mix. Where the mix has one operation only, a line may be its time alone. A first
/// line that begins with `t_us` is a heading; columns after the second are left alone.
///
/// # Errors
/// Every line that is wrong, up to twenty; of those with the same mistake the first.
pub fn parse(file: &str, text: &str, mix: &[Operation]) -> Result<Vec<Arrival>, Problems> {
    let mut problems = Vec::new();
    let mut arrivals = Vec::new();
    let (mut first_us, mut last_us) = (None, 0);
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let begin = at;
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() || number == 0 && line.trim_start().starts_with(HEADING) {
            continue;
        }
        match row(line, begin, mix) {
            Ok((time_us, _)) if time_us < last_us => {
                let message = format!("{time_us} µs is before the arrival above it, at {last_us} µs");
                let end = begin + line.find(',').unwrap_or(line.len());
                problems.push(Problem::new(message, begin..end).help("sort the lines by time: `sort -t, -n -k1,1`"));
            }
            Ok((time_us, operation)) => {
                last_us = time_us;
                arrivals.push(Arrival { at_us: time_us - *first_us.get_or_insert(time_us), operation });
            }
            // A name that the mix does not have is mostly in many lines.
            Err(problem) if problems.iter().any(|known| known.message == problem.message) => {}
            Err(problem) => problems.push(problem),
        }
        if problems.len() == MOST_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() && arrivals.is_empty() {
        let help = "a line is a time in microseconds and an operation: `1500,orders`";
        problems.push(Problem::new("the trace holds no arrival", 0..text.len().min(1)).help(help));
    }
    if problems.is_empty() {
        return Ok(arrivals);
    }
    Err(Problems { file: file.to_owned(), source: text.to_owned(), problems })
}

/// Time and operation of a line that begins at this byte of the file.
fn row(line: &str, begin: usize, mix: &[Operation]) -> Result<(u64, u16), Problem> {
    let mut columns = line.split(',');
    let time = columns.next().unwrap_or_default();
    let digits = time.trim();
    let time_us = digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    let time_us = time_us.filter(|us| *us < 1 << 52).ok_or_else(|| {
        Problem::new(format!("`{}` is not a time in whole microseconds", shown(digits)), begin..begin + time.len())
            .help("`t_us` counts from any begin: 1500 is 1.5 ms after it")
    })?;
    let Some(name) = columns.next() else {
        return if mix.len() == 1 {
            Ok((time_us, 0))
        } else {
            let message = "no operation after the time, and the mix has several";
            Err(Problem::new(message, begin..begin + line.len()).help("write `t_us,op`, as in `1500,orders`"))
        };
    };
    let span = begin + time.len() + 1..begin + time.len() + 1 + name.len();
    let name = name.trim();
    let names: Vec<&str> = mix.iter().map(|operation| operation.name.as_str()).collect();
    match names.iter().position(|known| *known == name).and_then(|index| u16::try_from(index).ok()) {
        Some(operation) => Ok((time_us, operation)),
        None => {
            let near = nearest(name, names.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| format!("there are {}", listed(&names)));
            Err(Problem::new(format!("`{}` is no operation of the mix", shown(name)), span).help(help))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mix(names: &[&str]) -> Vec<Operation> {
        let operation = |name: &&str| Operation {
            name: (*name).to_owned(),
            weight: 1.0,
            rate: None,
            measured: true,
            request: None,
            line: None,
        };
        names.iter().map(operation).collect()
    }

    #[test]
    fn a_trace_is_read_with_heading_and_further_columns() {
        let text = "t_us,op,key\r\n100,orders,7\r\n\n100,login\n250, orders ,x,y";
        let read = parse("a.csv", text, &mix(&["login", "orders"])).unwrap();
        let read: Vec<(u64, u16)> = read.iter().map(|arrival| (arrival.at_us, arrival.operation)).collect();
        assert_eq!(read, [(0, 1), (0, 0), (150, 1)]);
        let alone = parse("a.csv", "5\n9\n", &mix(&["orders"])).unwrap();
        assert_eq!(alone.last(), Some(&Arrival { at_us: 4, operation: 0 }));
    }

    #[test]
    fn what_is_wrong_with_a_trace_is_pointed_at() {
        let text = "t_us,op\n100,orders\n1.5,orders\n90,orders\n200,oders\n300\n-4,login\n";
        insta::assert_snapshot!(parse("arrivals.csv", text, &mix(&["login", "orders"])).unwrap_err().to_string());
        insta::assert_snapshot!(parse("empty.csv", "t_us,op\n", &mix(&["login"])).unwrap_err().to_string());
    }

    #[test]
    fn the_same_mistake_is_told_once() {
        let text = "1,get\n2,put\n3,get\n4,put\n";
        let problems = parse("a.csv", text, &mix(&["orders"])).unwrap_err().problems;
        assert_eq!(problems.iter().map(|problem| problem.span.start).collect::<Vec<_>>(), [2, 8]);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_arrivals_are_sorted(text in "[0-9a-z,.\\-\n\r é]{0,120}") {
            if let Ok(arrivals) = parse("a.csv", &text, &mix(&["a", "b"])) {
                prop_assert!(arrivals.is_sorted_by_key(|arrival| arrival.at_us));
                prop_assert_eq!(arrivals[0].at_us, 0);
            }
        }

        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec((0_u64..1 << 40, 0_u16..2), 1..50)) {
            let mut rows = rows;
            rows.sort_unstable();
            let names = ["a", "b"];
            let text: String = rows.iter().map(|(us, o)| format!("{us},{}\n", names[usize::from(*o)])).collect();
            let read = parse("a.csv", &text, &mix(&names)).unwrap();
            prop_assert_eq!(read.len(), rows.len());
            let trace = Trace { file: String::new(), scale: 1.0, arrivals: read.clone() };
            prop_assert_eq!(&parse("b.csv", &to_csv(&trace, &mix(&names)), &mix(&names)).unwrap(), &read);
            for (arrival, (us, operation)) in read.iter().zip(&rows) {
                prop_assert_eq!((arrival.at_us, arrival.operation), (us - rows[0].0, *operation));
            }
        }
    }
}
