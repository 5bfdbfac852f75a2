//! Jobs over one owned value, in order, one at a time. The protocol is in `README.md` beside this file.

mod builder;
mod core;
mod drain;
mod handle;
mod into_inner;
#[cfg(all(test, aside_loom))]
mod model;
mod turn;

pub use builder::LaneBuilder;
pub use drain::LaneDrain;
pub use handle::Lane;
pub use into_inner::IntoInner;
