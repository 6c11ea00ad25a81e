//! Of causes that were found: who decided on what they cost, where that is not who does it.

use super::cause::Cause;
use super::joined::Joined;
use super::{dropping, hashing, offloading, remembering};

/// Each looks at the cause as those before it left it.
const STEPS: [fn(&Joined<'_>, &mut Cause); 4] =
    [hashing::decides, remembering::decides, offloading::decides, dropping::decides];

/// Has a cause be about who decided on it.
pub(super) fn decide(joined: &Joined<'_>, cause: &mut Cause) {
    STEPS.iter().for_each(|step| step(joined, cause));
}
