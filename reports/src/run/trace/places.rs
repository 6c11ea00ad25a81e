//! Which waits, and which cases, are of one place.

use super::{TraceCase, TraceFrame, TracePolls, TraceSite, TraceStep, TraceWait};

impl TraceSite {
    /// Whether both are the same to a reader, whatever called them.
    pub fn looks_like(&self, other: &Self) -> bool {
        let parts =
            |site: &Self| (site.cause, site.resource.clone(), site.function.clone(), site.file.clone(), site.line);
        parts(self) == parts(other)
    }

    /// `src/app.rs:7`, or the function where the file is not known; empty where neither is.
    pub fn place(&self) -> String {
        match (self.file.is_empty(), self.line) {
            (true, _) => self.function.clone(),
            (false, 0) => self.file.clone(),
            (false, line) => format!("{}:{line}", self.file),
        }
    }
}

impl TracePolls {
    /// Functions of the program where that was, innermost first; none where no stack says so.
    pub fn own(&self) -> &[TraceFrame] {
        self.site.as_ref().map_or(&[], |site| &site.own)
    }
}

impl TraceWait {
    /// Whether it is a wait at that place.
    pub fn is_at(&self, place: &TraceSite) -> bool {
        self.site.as_ref().is_some_and(|site| site.looks_like(place))
    }
}

impl TraceCase {
    /// Whether its task waited at that place.
    pub fn waited_at(&self, place: &TraceSite) -> bool {
        let first = self.links.first().filter(|link| link.step == TraceStep::Waited);
        first.and_then(|link| link.site.as_ref()).is_some_and(|site| site.looks_like(place))
    }
}
