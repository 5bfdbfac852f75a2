//! The command line.

use crate::child::Order;
use crate::peer::Peer;
use crate::workload::Workload;
use lexopt::Arg::{Long, Short};
use lexopt::prelude::*;

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
    Help,
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

pub(crate) fn parse() -> Result<Task, lexopt::Error> {
    let mut rounds = None;
    let (mut quick, mut idle, mut json) = (false, false, false);
    let mut workloads: Vec<Workload> = Vec::new();
    let mut peers: Vec<Peer> = Vec::new();
    let mut child = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("rounds") => rounds = Some(parser.value()?.parse::<usize>()?.max(1)),
            Long("quick") => quick = true,
            Long("idle") => idle = true,
            Long("json") => json = true,
            Long("only") => workloads.extend(list(&mut parser, Workload::named)?),
            Long("peers") => peers.extend(list(&mut parser, Peer::named)?),
            Long("child") => {
                let workload =
                    parser.value()?.parse_with(|name| Workload::named(name).ok_or("no such workload"))?;
                let peer = parser.value()?.parse_with(|name| Peer::named(name).ok_or("no such peer"))?;
                child = Some((workload, peer));
            }
            Short('h') | Long("help") => return Ok(Task::Help),
            other => return Err(other.unexpected()),
        }
    }
    if let Some((workload, peer)) = child {
        return Ok(Task::Child(Order { workload, peer, quick, idle }));
    }
    let peers_named = !peers.is_empty();
    if peers.is_empty() {
        peers = Peer::ALL.to_vec();
    }
    if workloads.is_empty() {
        workloads = Workload::ALL.to_vec();
    }
    let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
    Ok(Task::Measure(Options { rounds, quick, idle, json, workloads, peers, peers_named }))
}

fn list<T>(parser: &mut lexopt::Parser, named: fn(&str) -> Option<T>) -> Result<Vec<T>, lexopt::Error> {
    parser.value()?.parse_with(|names| {
        names
            .split(',')
            .map(|name| named(name.trim()).ok_or_else(|| format!("no such thing: {name}")))
            .collect()
    })
}
