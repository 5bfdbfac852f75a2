//! Runs the children, round by round, and shows what they found.

use crate::args::Options;
use crate::figures::Figures;
use crate::peer::Peer;
use crate::workload::Workload;
use crate::{bars, table};
use aside_benches::child;
use aside_benches::results::Results;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

pub(crate) fn run(options: &Options) -> ExitCode {
    let mut results = Results::default();
    for round in 0..options.rounds {
        for &workload in &options.workloads {
            eprintln!("round {} of {}: {}", round + 1, options.rounds, workload.name());
            let mut peers = peers(options, workload);
            if !peers.is_empty() {
                // No peer always runs after the same other.
                let first = round % peers.len();
                peers.rotate_left(first);
            }
            for peer in peers {
                results.add((workload, peer), measure(options, workload, peer, false));
            }
        }
    }
    if options.idle {
        for &workload in &options.workloads {
            eprintln!("idle for 14 s after: {}", workload.name());
            add_aftermath(options, workload, &mut results);
        }
    }
    show(options, &results);
    if results.any_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn peers(options: &Options, workload: Workload) -> Vec<Peer> {
    let belongs = |peer: &Peer| peer.belongs_to(workload) || (options.peers_named && *peer != Peer::Limit);
    options.peers.iter().copied().filter(belongs).collect()
}

/// All peers at a time, as only what is left counts.
fn add_aftermath(options: &Options, workload: Workload, results: &mut Results<(Workload, Peer)>) {
    let mut peers = peers(options, workload);
    peers.retain(|&peer| peer != Peer::Limit);
    thread::scope(|scope| {
        let children: Vec<_> = peers
            .iter()
            .map(|&peer| (peer, scope.spawn(move || measure(options, workload, peer, true))))
            .collect();
        for (peer, child) in children {
            let aftermath = child.join().expect("does not panic").map(|figures| {
                let mut aftermath = Figures::default();
                for key in ["threads_later", "switches_later"] {
                    aftermath.set(key, figures.get(key).expect("measured"));
                }
                aftermath
            });
            results.add((workload, peer), aftermath);
        }
    });
}

fn measure(options: &Options, workload: Workload, peer: Peer, idle: bool) -> Option<Figures> {
    let mut command = child::command();
    command.args(["--child", workload.name(), peer.name()]);
    command.args(options.quick.then_some("--quick")).args(idle.then_some("--idle"));
    command.env("BLOCKING_MAX_THREADS", workload.caps().elastic.to_string());
    child::measure(command, &format!("{} at {}", peer.name(), workload.name()))
}

fn show(options: &Options, results: &Results<(Workload, Peer)>) {
    let text = if options.json {
        let rows =
            results.to_json(|(workload, peer)| json!({ "workload": workload.name(), "peer": peer.name() }));
        let all = json!({ "rounds": options.rounds, "quick": options.quick, "rows": rows });
        format!("{all:#}\n")
    } else {
        tables(options, results)
    };
    // Whoever reads may have read enough.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn tables(options: &Options, results: &Results<(Workload, Peer)>) -> String {
    let mut text = String::new();
    if options.quick {
        text.push_str("A quick run: the figures say nothing.\n\n");
    }
    for &workload in &options.workloads {
        let peers = peers(options, workload);
        text.push_str(&table::of(workload, &peers, results, options.quick, options.idle));
        text.push('\n');
    }
    if !options.quick {
        text.push_str(&bars::of(results));
    }
    text
}
