//! The catalogue: scenarios by name, and the code behind their workloads.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file::{self, ReadError, WrittenLimits};
use crate::problem::{Problems, listed, nearest, shown};
use crate::spec::Scenario;
use crate::workload::{Context, InProcess, Networked, WorkloadError};
use crate::workloads::allocator_lab::AllocatorLab;
use crate::workloads::http_service::HttpService;
use crate::workloads::memory_limit::MemoryLimit;

/// What drives a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Calls within the process.
    InProcess,
    /// Requests over a socket.
    Networked,
}

/// Builds an in-process workload.
pub type InProcessConstructor = Box<dyn Fn(&Context) -> Result<Arc<dyn InProcess>, WorkloadError> + Send + Sync>;

/// Builds a networked workload.
pub type NetworkedConstructor = Box<dyn Fn(&Context) -> Result<Arc<dyn Networked>, WorkloadError> + Send + Sync>;

/// Builds a workload.
pub enum Constructor {
    /// Of calls within the process.
    InProcess(InProcessConstructor),
    /// Of a server.
    Networked(NetworkedConstructor),
}

/// A scenario and the workload of the same name.
#[derive(Debug)]
pub struct Entry {
    /// Name of the scenario and of its workload.
    pub name: String,
    /// The scenario file.
    pub toml: Cow<'static, str>,
    /// The code.
    pub constructor: Constructor,
}

/// Scenarios by name, in the order in which they were added.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
}

/// A scenario that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No such name.
    #[error("unknown scenario `{}`{}", shown(name), alternatives(nearest.as_deref(), known))]
    Unknown {
        /// As given.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
        /// Names there are.
        known: Vec<String>,
    },
    /// A file that could not be read or is wrong.
    #[error(transparent)]
    File(#[from] ReadError),
    /// A catalogue entry whose scenario file says otherwise.
    #[error("catalogue entry `{entry}` holds a scenario with the {field} `{}`: they must be the same", shown(found))]
    Mismatch {
        /// Name of the entry.
        entry: String,
        /// `name` or `workload`.
        field: &'static str,
        /// What the file has.
        found: String,
    },
}

impl From<Problems> for CatalogError {
    fn from(problems: Problems) -> Self {
        Self::File(problems.into())
    }
}

impl Constructor {
    /// What drives the workload.
    pub fn kind(&self) -> WorkloadKind {
        match self {
            Self::InProcess(_) => WorkloadKind::InProcess,
            Self::Networked(_) => WorkloadKind::Networked,
        }
    }
}

impl fmt::Debug for Constructor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Constructor").field(&self.kind()).finish()
    }
}

impl Catalog {
    /// The built-in scenarios.
    pub fn builtin() -> Self {
        Self::empty()
            .networked("http-service", include_str!("../catalog/http-service.toml"), |context| {
                Ok(HttpService::build(context)?)
            })
            .in_process("allocator-lab", include_str!("../catalog/allocator-lab.toml"), |context| {
                Ok(AllocatorLab::build(context)?)
            })
            .in_process("memory-limit", include_str!("../catalog/memory-limit.toml"), |context| {
                Ok(MemoryLimit::build(context)?)
            })
    }

    /// A catalogue without scenarios.
    pub fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds a scenario with an in-process workload. `name` is the scenario's and the workload's; an entry of the same
    /// name is replaced.
    pub fn in_process<F>(self, name: impl Into<String>, toml: impl Into<Cow<'static, str>>, constructor: F) -> Self
    where
        F: Fn(&Context) -> Result<Arc<dyn InProcess>, WorkloadError> + Send + Sync + 'static,
    {
        self.with(name.into(), toml.into(), Constructor::InProcess(Box::new(constructor)))
    }

    /// Adds a scenario with a networked workload. `name` is the scenario's and the workload's; an entry of the same
    /// name is replaced.
    pub fn networked<F>(self, name: impl Into<String>, toml: impl Into<Cow<'static, str>>, constructor: F) -> Self
    where
        F: Fn(&Context) -> Result<Arc<dyn Networked>, WorkloadError> + Send + Sync + 'static,
    {
        self.with(name.into(), toml.into(), Constructor::Networked(Box::new(constructor)))
    }

    fn with(mut self, name: String, toml: Cow<'static, str>, constructor: Constructor) -> Self {
        self.entries.retain(|entry| entry.name != name);
        self.entries.push(Entry { name, toml, constructor });
        self
    }

    /// Entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The code of a workload.
    pub fn constructor(&self, workload: &str) -> Option<&Constructor> {
        self.entries.iter().find(|entry| entry.name == workload).map(|entry| &entry.constructor)
    }

    /// Reads the scenario of this name.
    ///
    /// # Errors
    /// [`CatalogError::Unknown`] with the nearest name and the list; what is wrong with the entry's own file.
    pub fn scenario(&self, name: &str) -> Result<Scenario, CatalogError> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Err(CatalogError::Unknown {
                name: name.to_owned(),
                nearest: nearest(name, self.names()).map(str::to_owned),
                known: self.names().map(str::to_owned).collect(),
            });
        };
        let scenario = self.parse(&format!("{name}.toml"), &entry.toml)?;
        for (field, found) in [("name", &scenario.name), ("workload", &scenario.workload)] {
            if *found != entry.name {
                return Err(CatalogError::Mismatch { entry: entry.name.clone(), field, found: found.clone() });
            }
        }
        Ok(scenario)
    }

    /// Reads a scenario by name, or from a file where the text looks like a path: it has a `/` or ends in `.toml`.
    /// The file's `workload` must be in the catalogue.
    ///
    /// # Errors
    /// As [`Catalog::scenario`]; [`CatalogError::File`] names the path.
    pub fn load(&self, name_or_path: &str) -> Result<Scenario, CatalogError> {
        if let Some(path) = as_path(name_or_path) {
            return Ok(file::read(&path, &self.workloads())?);
        }
        self.scenario(name_or_path)
    }

    /// The limits of a scenario, as [`Catalog::load`] finds it.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn limits(&self, name_or_path: &str) -> Result<WrittenLimits, CatalogError> {
        let (file, text) = self.text(name_or_path)?;
        Ok(file::limits(&file, &text)?)
    }

    /// The kinds of evidence that a scenario asks for, as [`Catalog::load`] finds it; none where it does not say.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn evidence(&self, name_or_path: &str) -> Result<Vec<&'static str>, CatalogError> {
        let (file, text) = self.text(name_or_path)?;
        Ok(file::evidence(&file, &text)?)
    }

    /// The name that messages give the file of a scenario, and what is written in it.
    fn text(&self, name_or_path: &str) -> Result<(String, Cow<'_, str>), CatalogError> {
        if let Some(path) = as_path(name_or_path) {
            let text = file::text_of(&path)?;
            return Ok((path.to_string_lossy().into_owned(), Cow::Owned(text)));
        }
        self.scenario(name_or_path)?;
        let entry = self.entries.iter().find(|entry| entry.name == name_or_path);
        let text = entry.map_or("", |entry| entry.toml.as_ref());
        Ok((format!("{name_or_path}.toml"), Cow::Borrowed(text)))
    }

    /// Reads a scenario from text; `file` is the name that messages give it.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn parse(&self, file: &str, text: &str) -> Result<Scenario, Problems> {
        file::parse_for(file, text, &self.workloads())
    }

    fn workloads(&self) -> Vec<(&str, WorkloadKind)> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.constructor.kind())).collect()
    }
}

fn as_path(text: &str) -> Option<PathBuf> {
    (text.contains('/') || text.ends_with(".toml")).then(|| Path::new(text).to_owned())
}

fn alternatives(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`? There are {}", listed(known)),
        None if known.is_empty() => ": the catalogue is empty".to_owned(),
        None => format!(": there are {}, and paths to files that end in .toml", listed(known)),
    }
}

#[cfg(test)]
mod tests;
