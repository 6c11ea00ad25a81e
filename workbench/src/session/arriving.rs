//! What the command line says about when operations are due, and what they are sent over.

use std::path::{Path, PathBuf};

use scenarios::knobs::apply_to_shape;
use scenarios::spec::{Arrivals, Burst, Scenario, Stage, Trace};
use scenarios::trace;

use crate::exit::Refusal;

/// Arrivals and transport in the place of the scenario's.
#[derive(Debug, Clone, Default)]
pub struct Arriving {
    /// Rates one after the other.
    pub stages: Vec<Stage>,
    /// Operations that arrive together on top of them, or of the scenario's rate.
    pub burst: Option<Burst>,
    /// Recorded arrivals.
    pub trace: Option<PathBuf>,
    /// How many operations each recorded arrival becomes, on average.
    pub scale: Option<f64>,
    /// Further certificate authorities, PEM.
    pub tls_ca: Option<PathBuf>,
    /// `http1`, `http2`, …
    pub protocol: Option<String>,
}

impl Arriving {
    /// Changes the scenario's load.
    ///
    /// # Errors
    /// A [`Refusal`] where flags go with each other or with the scenario as little as with the file that they name.
    pub(super) fn apply(&self, scenario: &mut Scenario) -> anyhow::Result<()> {
        let load = &mut scenario.load;
        if let Some(file) = &self.tls_ca {
            load.tls_ca = Some(file.to_string_lossy().into_owned());
        }
        if let Some(protocol) = &self.protocol {
            apply_to_shape(&mut scenario.trial, load, "load.protocol", protocol).map_err(Refusal::usage)?;
        }
        let given = !self.stages.is_empty() || self.burst.is_some() || self.trace.is_some();
        if given && load.arrivals == Arrivals::Closed {
            return Err(Refusal::usage(
                "the scenario's arrivals are closed: its clients send when they were answered, and no stage, burst or \
                 trace says when",
            ));
        }
        match (&self.trace, self.scale, &mut load.trace) {
            (Some(_), _, _) if !self.stages.is_empty() || self.burst.is_some() => {
                return Err(Refusal::usage(
                    "`--trace` says when every operation is due: leave `--stage`, `--ramp` and `--burst` out",
                ));
            }
            (Some(file), scale, slot) => {
                load.stages.clear();
                load.burst = None;
                let (file, scale) = (file.to_string_lossy().into_owned(), scale.unwrap_or(1.0));
                *slot = Some(Trace { file, scale, arrivals: Vec::new() });
            }
            (None, Some(scale), Some(recorded)) => recorded.scale = scale,
            (None, Some(_), None) => return Err(Refusal::usage("`--scale` goes with `--trace`")),
            (None, None, _) => {}
        }
        if self.scale.is_some_and(|scale| !(scale > 0.0 && scale <= 1000.0)) {
            return Err(Refusal::usage("`--scale` is out of range: more than 0, at most 1000"));
        }
        if !self.stages.is_empty() {
            load.trace = None;
            load.burst = None;
            load.stages.clone_from(&self.stages);
        }
        if let Some(burst) = self.burst {
            if load.trace.is_some() {
                return Err(Refusal::usage("`--burst` goes with no trace, which has bursts of its own"));
            }
            load.add_burst(burst);
        }
        load.settle().map_err(Refusal::usage)?;
        if self.trace.is_some() || self.scale.is_some() {
            // Relative to the current folder, as every path of the command line.
            trace::fill(scenario, Path::new("")).map_err(Refusal::usage)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use scenarios::catalog::Catalog;

    use super::*;

    fn applied(arriving: &Arriving) -> Result<Scenario, String> {
        let mut scenario = Catalog::builtin().scenario("http-service").unwrap();
        arriving.apply(&mut scenario).map(|()| scenario).map_err(|refused| refused.to_string())
    }

    #[test]
    fn stages_and_bursts_take_the_place_of_the_rate() {
        let stages = vec!["100:1s".parse().unwrap(), "100..300:1s".parse().unwrap()];
        let burst = Some("10/500ms".parse().unwrap());
        let load = applied(&Arriving { stages, burst, ..Arriving::default() }).unwrap().load;
        assert_eq!((load.operations, load.rate.to_bits()), (340, 170.0_f64.to_bits()));
        let load = applied(&Arriving { burst, ..Arriving::default() }).unwrap().load;
        let plain = applied(&Arriving::default()).unwrap().load;
        let bursts = (plain.operations as f64 / plain.rate / 0.5).ceil();
        assert_eq!((load.stages.len(), load.operations), (1, plain.operations + 10 * bursts as u64));
    }

    #[test]
    fn a_trace_is_read_and_its_file_named_in_full() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"t_us,op\n0,orders\n500000,login\n1000000,orders\n").unwrap();
        let arriving = Arriving { trace: Some(file.path().to_owned()), ..Arriving::default() };
        let load = applied(&arriving).unwrap().load;
        assert_eq!((load.operations, load.rate.to_bits()), (3, 3.0_f64.to_bits()));
        let refused = applied(&Arriving { burst: Some("1/1s".parse().unwrap()), ..arriving.clone() }).unwrap_err();
        assert!(refused.contains("leave"), "{refused}");
        file.write_all(b"2000000,ordres\n").unwrap();
        let refused = applied(&arriving).unwrap_err();
        assert!(refused.contains("did you mean `orders`?") && refused.contains(":5:9"), "{refused}");
    }

    #[test]
    fn a_run_has_a_copy_of_its_trace_and_is_resumed_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("incident.csv");
        std::fs::write(&file, "t_us,op,key\n5,orders,7\n500005,login\n1000005,orders\n").unwrap();
        let arriving = Arriving { trace: Some(file.clone()), scale: Some(1.5), ..Arriving::default() };
        let wish = crate::session::Wish {
            scenario: "http-service".into(),
            arriving,
            amount: crate::session::Amount::Blocks(1),
            ..Default::default()
        };
        let prepared = crate::session::prepare(&wish, &Catalog::builtin()).unwrap();
        assert_eq!(prepared.plan.phases.arrivals, "recorded in incident.csv, 1.5 times over");
        let store = reports::run::store::Store::at(folder.path());
        let session = crate::session::Session::create(prepared, &store).unwrap();
        let run = session.path().to_owned();
        drop(session);
        std::fs::remove_file(&file).unwrap();
        let copy = std::fs::read_to_string(run.join("arrivals.csv")).unwrap();
        assert_eq!(copy, "t_us,op\n0,orders\n500000,login\n1000000,orders\n");
        let toml = std::fs::read_to_string(run.join("scenario.toml")).unwrap();
        assert!(toml.contains("trace = \"arrivals.csv\""), "{toml}");
        assert!(!toml.contains(&*folder.path().to_string_lossy()), "{toml}");
        let moved = folder.path().join("mailed");
        std::fs::rename(&run, &moved).unwrap();
        assert!(crate::session::Session::resume(&moved).is_ok());
        std::fs::write(moved.join("arrivals.csv"), copy.replace("500000", "500001")).unwrap();
        let refused = crate::session::Session::resume(&moved).unwrap_err().to_string();
        assert!(refused.contains("was its arrivals.csv changed?"), "{refused}");
    }

    #[test]
    fn a_scale_needs_a_trace() {
        let refused = applied(&Arriving { scale: Some(2.0), ..Arriving::default() }).unwrap_err();
        assert_eq!(refused, "`--scale` goes with `--trace`");
    }
}
