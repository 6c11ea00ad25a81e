//! Replays the gate and the rules of other tools over a file of recorded trials:
//! `cargo run --release -p reports --example replay_gate -- FILE.csv[.gz]`.
//!
//! Columns, in any order: `block` (and `set`, `chunk`, which with it name a block), `label` (or `arm`), `t_ms` where the
//! order of lines is not the order of time, and one for each metric. Others are ignored. What else was tried to see less than
//! 3 %, and did not help, stands in a table of `reports::stats`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::process::ExitCode;

use reports::replay::{Options, ReplayError, Rule, read, replay, text};

const USAGE: &str = "\
usage: replay_gate FILE.csv[.gz] [options]
  --metric COLUMN       the metric (default: cap_cpu_us, cpu_per_op, cpu_us or cap_ops_s, the first there is)
  --base LABEL[,LABEL]  labels of identical programs (default: A, A1, A2 … or base, main, old …)
  --pairs N[,N]         budgets (default: 8,12,16,24,32 … as far as the file has blocks)
  --swaps N             label swaps for false alarms (default 40000)
  --resamples N         resamples for what is found (default 2000)
  --margin PERCENT      margin of `same` (default: 3 for CPU, 5 for capacity, 10 for latency)
  --least PERCENT       smallest estimate that counts as a difference (default 0: any that is shown)
  --alpha P             error rate of the gate over all looks (default 2/256)
  --seed N              seed of swaps and resamples (default 1)
  --gate-only           leave out the other tools' rules
  --json                one JSON document";

fn main() -> ExitCode {
    let (path, options, json) = match arguments(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("error: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&path, &options, json) {
        Ok(shown) => {
            use std::io::Write;
            // A closed pipe is the reader's wish.
            let _ = writeln!(std::io::stdout(), "{}", shown.trim_end());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(path: &str, options: &Options, json: bool) -> Result<String, ReplayError> {
    let trials = read(path.as_ref(), options)?;
    let found = replay(&trials, options)?;
    Ok(if json { serde_json::to_string_pretty(&found).unwrap_or_default() } else { text(&found) })
}

type Asked = (String, Options, bool);

/// `None` where help is asked for.
fn arguments(mut words: impl Iterator<Item = String>) -> Result<Option<Asked>, String> {
    let (mut path, mut options, mut json) = (None, Options::default(), false);
    while let Some(word) = words.next() {
        let (name, given) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
            _ => (word.clone(), None),
        };
        let mut value = || given.clone().or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(None),
            "--json" => json = true,
            "--gate-only" => options.rules = vec![Rule::Gate],
            "--metric" => options.metric = Some(value()?),
            "--base" => options.base = value()?.split(',').map(str::to_owned).collect(),
            "--pairs" => {
                let asked = value()?;
                options.budgets = asked.split(',').map(|one| number(&name, one)).collect::<Result<_, _>>()?;
            }
            "--swaps" => options.swaps = number(&name, &value()?)?,
            "--resamples" => options.resamples = number(&name, &value()?)?,
            "--margin" => options.margin = Some(percent(&name, &value()?)?),
            "--least" => options.least_effect = percent(&name, &value()?)?,
            "--alpha" => {
                let asked = value()?;
                let alpha = asked.trim().parse().ok().filter(|alpha: &f64| 0.0 < *alpha && *alpha < 1.0);
                options.alpha = alpha.ok_or_else(|| format!("{name}: `{asked}` is no number between 0 and 1"))?;
            }
            "--seed" => options.seed = number(&name, &value()?)?,
            unknown if unknown.starts_with('-') => return Err(format!("unknown option {unknown}")),
            _ if path.is_some() => return Err(format!("one file only; {word} is a second")),
            _ => path = Some(word),
        }
    }
    if options.budgets.contains(&0) || options.swaps == 0 || options.resamples == 0 {
        return Err("--pairs, --swaps and --resamples are at least 1".to_owned());
    }
    Ok(Some((path.ok_or("no file given")?, options, json)))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.trim().parse().map_err(|_| format!("{name}: `{value}` is no whole number"))
}

fn percent(name: &str, value: &str) -> Result<f64, String> {
    let number: Option<f64> = value.trim().trim_end_matches('%').trim().parse().ok();
    let number = number.filter(|number| (0.0..=1000.0).contains(number));
    number.map(|number| number / 100.0).ok_or_else(|| format!("{name}: `{value}` is no percentage"))
}
