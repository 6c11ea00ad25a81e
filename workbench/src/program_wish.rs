//! A program from the command line: alone it makes a scenario, beside a scenario with a program it replaces parts of it.
//!
//! Everything goes through the scenario file's own reader, so that what runs is what `scenario.toml` of the run says.

mod background;
mod request;
mod vary_cmd;

use std::time::Duration;

use scenarios::catalog::Catalog;
use scenarios::problem::shown;
use scenarios::spec::{
    Arrivals, Connection, Ladder, Load, PORT, Program, Protocol, Ready, Scenario, Target, Trial, Variant,
};

pub use self::background::Background;
pub use self::request::RequestWish;
pub use self::vary_cmd::parse_vary_cmd;
use crate::exit::Refusal;

/// Operations per second where nobody says.
const RATE: f64 = 100.0;
/// Length of the open loop where nobody says.
const DURATION: Duration = Duration::from_secs(10);
/// Blocks of a diagnosis: one variant, nothing to compare.
const DIAGNOSIS_BLOCKS: u32 = 3;
/// The least for a firm verdict.
const COMPARISON_BLOCKS: u32 = 12;

/// What the command line says of a program.
#[derive(Debug, Clone, Default)]
pub struct ProgramWish {
    /// What stands after `--`: program and arguments; with [`ProgramWish::variants`], arguments alone will do.
    pub command: Vec<String>,
    /// `http://127.0.0.1:8080/orders`.
    pub target: Option<String>,
    /// Variants by command: name, and words of the command.
    pub variants: Vec<(String, Vec<String>)>,
    /// How to tell that it is ready.
    pub ready: Option<String>,
    /// How long that may take.
    pub start_timeout: Option<Duration>,
    /// Operations per second.
    pub rate: Option<f64>,
    /// Connections.
    pub concurrency: Option<u32>,
    /// Length of the open loop.
    pub duration: Option<Duration>,
    /// Load that is not counted.
    pub warmup: Option<Duration>,
    /// Closed loops of rising concurrency.
    pub ladder: Option<Ladder>,
    /// Load beside the mix, with rates of its own.
    pub background: Vec<Background>,
    /// How long a connection lives.
    pub connection: Option<Connection>,
    /// Any certificate is taken.
    pub insecure: bool,
    /// What is sent.
    pub request: RequestWish,
    /// Whether a setting is varied, so that there will be something to compare.
    pub varied: bool,
}

impl ProgramWish {
    /// Whether anything was said of a program at all.
    pub fn is_empty(&self) -> bool {
        let Self { command, target, variants, ready, start_timeout, request, .. } = self;
        command.is_empty()
            && target.is_none()
            && variants.is_empty()
            && ready.is_none()
            && start_timeout.is_none()
            && *request == RequestWish::default()
            && !self.is_about_load()
    }

    fn is_about_load(&self) -> bool {
        let Self { connection, insecure, rate, concurrency, duration, warmup, ladder, background, .. } = self;
        let said = [rate.is_some(), concurrency.is_some(), duration.is_some(), warmup.is_some(), ladder.is_some()];
        connection.is_some() || *insecure || said.contains(&true) || !background.is_empty()
    }

    /// The scenario: of the program alone where `name` is empty, else the named one with these changes.
    ///
    /// # Errors
    /// A [`Refusal`] with exit code 2 for whatever is missing or wrong.
    pub fn scenario(&self, name: &str, catalog: &Catalog) -> anyhow::Result<Scenario> {
        let scenario =
            if name.is_empty() { self.alone()? } else { self.over(catalog.load(name).map_err(Refusal::usage)?)? };
        // What a file could not say must not run either.
        let text = scenarios::file::to_toml(&scenario);
        catalog.parse("the scenario of this command line", &text).map_err(Refusal::usage)
    }

    fn alone(&self) -> anyhow::Result<Scenario> {
        let Some(target) = &self.target else {
            return Err(Refusal::usage(
                "where does the program listen? Add `--target http://127.0.0.1:PORT/path` before `--`",
            ));
        };
        let (target, path) = target_of(target)?;
        let command = self.whole_command()?;
        let operation = self.request.operation(target.scheme, path.as_deref().unwrap_or("/"))?;
        let compared = self.varied || self.variants.len() > 1;
        let mut program = Program::new(command.clone(), target);
        self.adjust(&mut program)?;
        let (trial, load) = shape(compared);
        let variants =
            if self.variants.is_empty() { vec![Variant::plain("default")] } else { self.variants_of(&command) };
        let mut scenario = Scenario {
            name: slug_of(&command[0]),
            version: 1,
            summary: summary_of(&command, &program.target, path.as_deref()),
            workload: String::new(),
            subject: Some(program),
            trial,
            load,
            mix: vec![operation],
            settings: scenarios::spec::Settings::new(),
            variants,
            slo: None,
        };
        self.drive(&mut scenario)?;
        Ok(scenario)
    }

    fn over(&self, mut scenario: Scenario) -> anyhow::Result<Scenario> {
        let name = scenario.name.clone();
        let about_program = !self.command.is_empty() || self.target.is_some() || !self.variants.is_empty();
        match &mut scenario.subject {
            None if about_program || self.ready.is_some() || self.start_timeout.is_some() => {
                return Err(Refusal::usage(format!(
                    "`{name}` has a workload of its own and starts no program: leave its name out, or the command"
                )));
            }
            None => {}
            Some(program) => {
                if !self.command.is_empty() {
                    program.command.clone_from(&self.command);
                }
                if let Some(target) = &self.target {
                    let (target, path) = target_of(target)?;
                    if path.is_some() {
                        return Err(Refusal::usage(format!(
                            "`--target` has a path, and `{name}` has its own mix of requests: leave the path out"
                        )));
                    }
                    program.target = target;
                }
                self.adjust(program)?;
                let command = program.command.clone();
                if !self.variants.is_empty() {
                    scenario.variants = self.variants_of(&command);
                }
            }
        }
        if self.request != RequestWish::default() {
            return Err(Refusal::usage(format!(
                "`{name}` has its own mix of requests: `--method`, `--header`, `--body` and `--expect-…` are for a program \
                 without a scenario"
            )));
        }
        self.drive(&mut scenario)?;
        Ok(scenario)
    }

    /// Program and arguments of a scenario of its own.
    fn whole_command(&self) -> anyhow::Result<Vec<String>> {
        match (&self.variants[..], self.has_arguments_only()) {
            (_, false) => Ok(self.command.clone()),
            ([(_, first), ..], true) => Ok(first.iter().take(1).chain(&self.command).cloned().collect()),
            ([], true) if self.command.is_empty() => {
                Err(Refusal::usage("which program? Write its command after `--`, as in `-- ./my-service --port 8080`"))
            }
            ([], true) => Err(Refusal::usage(format!(
                "`{}` after `--` is no program: it comes first, as in `-- ./my-service --port 8080`",
                self.command[0]
            ))),
        }
    }

    /// Whether no program stands after `--`: then what stands there can only be meant for every variant.
    fn has_arguments_only(&self) -> bool {
        let is_argument = |word: &String| word.starts_with('-') || word.contains(PORT);
        self.command.first().is_none_or(is_argument)
    }

    /// A variant whose command is one word takes the arguments of the command that it replaces, and every variant those
    /// that stand after `--` without a program.
    fn variants_of(&self, command: &[String]) -> Vec<Variant> {
        let shared = command.get(1..).unwrap_or_default();
        let whole = |words: &Vec<String>| match &words[..] {
            [program] => [std::slice::from_ref(program), shared].concat(),
            _ if self.has_arguments_only() => [words, &self.command[..]].concat(),
            _ => words.clone(),
        };
        let variant = |(name, words): &(String, Vec<String>)| Variant {
            command: Some(whole(words)),
            ..Variant::plain(name.clone())
        };
        self.variants.iter().map(variant).collect()
    }

    fn adjust(&self, program: &mut Program) -> anyhow::Result<()> {
        if let Some(ready) = &self.ready {
            program.ready = ready
                .parse::<Ready>()
                .map_err(|error| Refusal::usage(format!("`--ready` = {ready} is not {error}")))?;
        }
        if let Some(patience) = self.start_timeout {
            program.start_timeout = patience;
        }
        Ok(())
    }

    /// Puts what was said of the load in its place.
    fn drive(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        if scenario.load.is_shaped() && (self.rate.is_some() || self.duration.is_some()) {
            return Err(Refusal::usage(
                "`--rate` and `--duration` follow from the stages, bursts or trace of the scenario: leave them out",
            ));
        }
        if let Some(rate) = self.rate {
            if !rate.is_finite() || rate <= 0.0 {
                return Err(Refusal::usage(format!(
                    "`--rate` = {rate} is out of range: more than 0 operations a second"
                )));
            }
            scenario.load.rate = rate;
        }
        if let Some(concurrency) = self.concurrency {
            scenario.load.concurrency = concurrency;
        }
        if let Some(connection) = self.connection {
            scenario.load.connection = connection;
        }
        scenario.load.tls_insecure |= self.insecure;
        if let Some(warmup) = self.warmup {
            scenario.trial.warmup = warmup;
        }
        if let Some(ladder) = &self.ladder {
            scenario.trial.ladder.clone_from(ladder);
        }
        for background in &self.background {
            scenario.mix.push(background.operation(scenario)?);
        }
        if let Some(duration) = self.duration {
            let operations = scenario.load.rate * duration.as_secs_f64();
            if scenario.load.rate <= 0.0 {
                return Err(Refusal::usage("`--duration` needs a rate: add `--rate`"));
            }
            if operations < 1.0 {
                return Err(Refusal::usage(format!(
                    "`--duration` = {} at {} operations a second is not one operation",
                    scenarios::knobs::duration_text(duration),
                    scenario.load.rate
                )));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked by the file's reader")]
            let operations = operations.round() as u64;
            scenario.load.operations = operations;
        }
        Ok(())
    }
}

fn target_of(text: &str) -> anyhow::Result<(Target, Option<String>)> {
    Target::parse(text).map_err(|error| Refusal::usage(format!("`--target` = {text} is not {error}")))
}

fn shape(compared: bool) -> (Trial, Load) {
    let trial = Trial {
        blocks: if compared { COMPARISON_BLOCKS } else { DIAGNOSIS_BLOCKS },
        warmup: Duration::from_secs(1),
        saturated: Duration::from_secs(2),
        ladder: Ladder::Auto,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two small constants")]
    let operations = (RATE * DURATION.as_secs_f64()) as u64;
    let load = Load {
        arrivals: Arrivals::Poisson,
        rate: RATE,
        operations,
        concurrency: 32,
        max_in_flight: 4096,
        timeout: Duration::from_secs(2),
        max_lag_p99: Duration::from_millis(1),
        protocol: Protocol::Auto,
        connection: Connection::KeepAlive,
        tls_insecure: false,
        tls_ca: None,
        stages: Vec::new(),
        burst: None,
        trace: None,
    };
    (trial, load)
}

/// One line: what is started, and what is asked of it.
fn summary_of(command: &[String], target: &Target, path: Option<&str>) -> String {
    let words = shlex::try_join(command.iter().map(String::as_str)).unwrap_or_else(|_| command.join(" "));
    format!("{} at {target}{}", shown(&words), shown(path.unwrap_or_default()))
}

fn file_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// A scenario's name has small letters, digits and `-`.
fn slug_of(program: &str) -> String {
    let letters =
        file_name(program).chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let slug: String = letters.take(40).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "program".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests;
