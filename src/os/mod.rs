//! What differs between operating systems. Each module has one body per system and one contract, stated on the
//! function. This folder may use unsafe code; what it exports is safe.
#![allow(unsafe_code)]

pub(crate) mod affinity;
pub(crate) mod barrier;
pub(crate) mod event;
pub(crate) mod exit;
pub(crate) mod fork;
pub(crate) mod nice;
pub(crate) mod prefetch;
pub(crate) mod processors;
pub(crate) mod ready;
pub(crate) mod region;
pub(crate) mod replace;
pub(crate) mod signal;
pub(crate) mod stamp;
pub(crate) mod thread;
