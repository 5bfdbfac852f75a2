//! The command line.

use crate::child::Order;
use crate::peer::Peer;
use crate::workload::Workload;
use aside_benches::program;
use lexopt::ValueExt;

pub(crate) const HELP: &str = "\
pools: measures offload pools against each other

  --rounds N         how often each is measured; medians are shown (default 5; 1 with --quick)
  --quick            tiny counts, under 20 s: shows that the harness works, and no more
  --only a,b         these workloads: all window producers roundtrip sleeps sleeps_again blocked million linger
  --peers a,b        these peers: aside aside-nolinger aside-timings blocking tokio-ct tokio-mt threadpool rayon affinitypool async-task limit
  --idle             also what is left 12 s after each workload: threads, and context switches in 2 s
  --json             every value of every round, as JSON
";

pub(crate) enum Task {
    Measure(Options),
    /// One measurement in this process, for a parent that runs the rounds.
    Child(Order),
}

pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) idle: bool,
    pub(crate) json: bool,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) peers: Vec<Peer>,
    /// Whether the peers were named; else a workload may leave out those that say nothing there.
    pub(crate) peers_named: bool,
}

/// `None` if help is asked for.
pub(crate) fn parse() -> Result<Option<Task>, lexopt::Error> {
    let (mut workloads, mut peers): (Vec<Workload>, Vec<Peer>) = (Vec::new(), Vec::new());
    let (mut child, mut idle, mut json) = (None, false, false);
    let scale = program::parse(|name, parser| {
        match name {
            "idle" => idle = true,
            "json" => json = true,
            "only" => workloads.extend(list(parser, Workload::named)?),
            "peers" => peers.extend(list(parser, Peer::named)?),
            "child" => {
                child = Some((program::one(parser, Workload::named)?, program::one(parser, Peer::named)?));
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let peers_named = !peers.is_empty();
    if peers.is_empty() {
        peers = Peer::ALL.to_vec();
    }
    if workloads.is_empty() {
        workloads = Workload::ALL.to_vec();
    }
    Ok(scale.map(|scale| match child {
        Some((workload, peer)) => Task::Child(Order { workload, peer, quick: scale.quick, idle }),
        None => {
            let (rounds, quick) = (scale.rounds(5), scale.quick);
            Task::Measure(Options { rounds, quick, idle, json, workloads, peers, peers_named })
        }
    }))
}

fn list<T>(parser: &mut lexopt::Parser, named: fn(&str) -> Option<T>) -> Result<Vec<T>, lexopt::Error> {
    parser.value()?.parse_with(|names| {
        names
            .split(',')
            .map(|name| named(name.trim()).ok_or_else(|| format!("no such thing: {name}")))
            .collect()
    })
}
