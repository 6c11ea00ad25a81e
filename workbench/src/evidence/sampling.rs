//! How CPU evidence is sampled: from what somebody asked for to what the plan records and the child does.

use probe::cpu::{Backend, ProfileError, Profiler};
use reports::run::{CpuBackend, CpuSampling};

/// Fills in what was not asked for.
///
/// # Errors
/// A rate that the backend cannot keep.
pub fn resolve(backend: Option<CpuBackend>, hz: Option<u32>) -> Result<CpuSampling, String> {
    let backend = backend.unwrap_or(CpuBackend::Perf);
    // What goes for the sampler goes for perf, which the sampler takes the place of.
    let sampler = of_probe(backend);
    let name = if backend == CpuBackend::Perf { "perf" } else { sampler.name() };
    let hz = hz.unwrap_or(sampler.default_hz().unsigned_abs());
    if !(1..=sampler.most_hz().unsigned_abs()).contains(&hz) {
        return Err(format!("`--cpu-hz` = {hz} is out of range: {name} takes 1 to {}", sampler.most_hz()));
    }
    Ok(CpuSampling { backend, hz })
}

/// What speaks against a choice that is allowed nonetheless.
pub fn warning(sampling: CpuSampling) -> Option<&'static str> {
    of_probe(sampling.backend).warning(i32::try_from(sampling.hz).unwrap_or(i32::MAX))
}

/// Starts the profiler in the process; where the sampler cannot work, `pprof` takes its place, and the profile says why.
///
/// # Errors
/// Neither can.
pub(crate) fn start(sampling: Option<CpuSampling>) -> Result<Profiler, ProfileError> {
    let backend = sampling.map_or(Backend::default(), |sampling| of_probe(sampling.backend));
    let hz = sampling.map(|sampling| i32::try_from(sampling.hz).unwrap_or(i32::MAX));
    Profiler::start_or_fall_back(backend, hz)
}

fn of_probe(backend: CpuBackend) -> Backend {
    match backend {
        CpuBackend::Perf | CpuBackend::Sampler => Backend::Sampler,
        CpuBackend::Pprof => Backend::Pprof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backend_has_its_rate_and_its_limits() {
        let asked = |backend, hz| resolve(backend, hz).map(|sampling| (sampling.backend, sampling.hz));
        assert_eq!(asked(None, None), Ok((CpuBackend::Perf, 999)));
        assert_eq!(asked(Some(CpuBackend::Sampler), None), Ok((CpuBackend::Sampler, 999)));
        assert_eq!(asked(Some(CpuBackend::Pprof), None), Ok((CpuBackend::Pprof, 99)));
        assert_eq!(asked(None, Some(499)), Ok((CpuBackend::Perf, 499)));
        for (backend, hz) in [(CpuBackend::Sampler, 0), (CpuBackend::Sampler, 10_001), (CpuBackend::Pprof, 1000)] {
            assert!(asked(Some(backend), Some(hz)).unwrap_err().contains("out of range"));
        }
        let warned = |backend, hz| warning(CpuSampling { backend, hz }).is_some();
        assert!(warned(CpuBackend::Pprof, 100) && !warned(CpuBackend::Pprof, 99) && !warned(CpuBackend::Sampler, 999));
    }
}
