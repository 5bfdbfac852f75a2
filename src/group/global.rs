//! The group that everybody shares.

use super::builder::Builder;
use super::error::BuildError;
use super::handle::Group;
use crate::os::fork::PerProcess;
use std::io;

/// How many threads the default global group may have.
const MAX_THREADS_VARIABLE: &str = "ASIDE_MAX_THREADS";

static GLOBAL: PerProcess<Group> = PerProcess::new();

#[inline]
pub(crate) fn global() -> &'static Group {
    match GLOBAL.get() {
        Some(group) => group,
        None => default_global(),
    }
}

#[cold]
fn default_global() -> &'static Group {
    let mut builder = Builder::new();
    // Anything but a number that `max_threads` takes is passed over, as the docs of `Group::global` say.
    let wanted = std::env::var(MAX_THREADS_VARIABLE).ok().and_then(|value| value.trim().parse().ok());
    if let Some(threads @ 1..=super::counts::MAX_THREADS) = wanted {
        builder = builder.max_threads(threads);
    }
    GLOBAL.get_or_set(|| builder.build_lazily())
}

/// Makes `build`'s group the global one.
pub(super) fn install(build: impl FnOnce() -> io::Result<Group>) -> io::Result<&'static Group> {
    if GLOBAL.get().is_some() {
        return Err(BuildError::GlobalExists.into());
    }
    GLOBAL.set(build()?).map_err(|_| BuildError::GlobalExists.into())
}
