//! What lanes, and the readers and writers over them, are held to.

use crate::case::Case;
use aside_benches::bars::{self, Bar};
use aside_benches::results::Results;

/// The bars that the run has figures for.
pub(crate) fn of(results: &Results<Case>) -> String {
    use Case::{
        FloodGroup, FloodLane, IdleLanes, ReadAside, ReadAsideBuf, ReadStd, ReadTokio, ReadUnblock,
        SpreadGroup, SpreadLanes, StdoutAside, StdoutTokio, WriteAside, WriteStd, WriteTokio, WriteUnblock,
    };
    let longer = |case: Case, than: Case, key: &str, limit: f64| {
        let ratio = results.median(case, key)? / results.median(than, key)?;
        Some(Bar::at_most(format!("{} {key} ÷ {}", case.name(), than.name()), ratio, limit))
    };
    let rate = |case: Case, than: Case, limit: f64| {
        let ratio = results.median(case, "rate")? / results.median(than, "rate")?;
        Some(Bar::at_least(format!("{} rate ÷ {}", case.name(), than.name()), ratio, limit))
    };
    let speed = |case: Case, than: Case, limit: f64| {
        let ratio = results.median(than, "total_ns")? / results.median(case, "total_ns")?;
        Some(Bar::at_least(format!("{} speed ÷ {}", case.name(), than.name()), ratio, limit))
    };
    let fixed = |case: Case, key: &str, limit: f64| {
        Some(Bar::at_most(format!("{} {key}", case.name()), results.median(case, key)?, limit))
    };
    // In every round.
    let never = |case: Case, key: &str| {
        let worst = results.values(case, key).iter().copied().reduce(f64::max)?;
        Some(Bar::at_most(format!("{} {key}, worst round", case.name()), worst, 0.0))
    };
    bars::table([
        longer(FloodLane, FloodGroup, "total_ns", 1.2),
        longer(FloodLane, FloodGroup, "first_ns", 1.2),
        longer(SpreadLanes, SpreadGroup, "total_ns", 2.0),
        fixed(IdleLanes, "bytes", 400.0),
        never(IdleLanes, "threads_held"),
        rate(ReadAside, ReadUnblock, 1.15),
        rate(ReadAside, ReadTokio, 2.3),
        rate(ReadAside, ReadStd, 0.9),
        rate(ReadAsideBuf, ReadStd, 0.97),
        speed(WriteAside, WriteUnblock, 1.5),
        speed(WriteAside, WriteTokio, 100.0),
        speed(WriteAside, WriteStd, 0.6),
        speed(StdoutAside, StdoutTokio, 2.0),
        never(StdoutAside, "torn"),
        never(StdoutAside, "reordered"),
        never(StdoutAside, "lost"),
    ])
}
