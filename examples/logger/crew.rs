//! The program's own lines: some threads that log as fast as they can.

use crate::outlet::{Outlet, Way};
use crate::run::{Meters, Run};
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, ScopedJoinHandle};

pub(crate) const THREADS: usize = 4;
/// What each thread logs.
pub(crate) const LINES_EACH: usize = 50_000;
/// Direct and offloaded by turns, so that both meet the same weather.
const PHASES: usize = 20;
const LINES_PER_PHASE: usize = LINES_EACH / PHASES;
const _: () = assert!(LINES_PER_PHASE * PHASES == LINES_EACH);

const TEXT: &str =
    "a request came in, was looked at from all sides, passed on to those it concerns, and answered";

/// The line that a thread logs as its `number`th, with the newline. No two are alike.
pub(crate) fn line(thread: usize, number: usize, line: &mut Vec<u8>) {
    line.clear();
    let text = &TEXT[..number * 7 % TEXT.len()];
    writeln!(line, "thread {thread} line {number:05} {text}.").expect("a `Vec` takes everything");
}

/// One of the threads, seen from the one that starts them. Dropping this sends the thread home.
struct Member<'scope> {
    /// Phases to begin,
    begin: Sender<usize>,
    /// and those that are over.
    over: Receiver<()>,
    thread: ScopedJoinHandle<'scope, Meters>,
}

/// Fails if the threads cannot be started.
pub(crate) fn log(run: &mut Run<'_>) -> io::Result<()> {
    let outlet = run.outlet;
    thread::scope(|scope| {
        let start = |thread| {
            let (begin, phases) = mpsc::channel();
            let (tell, over) = mpsc::channel();
            let work = move || {
                let mut meters = Meters::new();
                for phase in phases {
                    log_phase(thread, phase, outlet, &mut meters);
                    // Nobody listens any more if another thread has panicked.
                    let _ = tell.send(());
                }
                meters
            };
            let thread = thread::Builder::new().name(format!("crew {thread}")).spawn_scoped(scope, work)?;
            Ok(Member { begin, over, thread })
        };
        let crew: Vec<_> = (0..THREADS).map(start).collect::<io::Result<_>>()?;

        for phase in 0..PHASES {
            run.phase(Way::of_phase(phase), || {
                for member in &crew {
                    member.begin.send(phase).expect("logging does not panic");
                }
                for member in &crew {
                    member.over.recv().expect("logging does not panic");
                }
            });
        }
        for Member { begin, thread, .. } in crew {
            drop(begin);
            run.add(&thread.join().expect("logging does not panic"));
        }
        Ok(())
    })
}

fn log_phase(thread: usize, phase: usize, outlet: &Outlet, meters: &mut Meters) {
    let way = Way::of_phase(phase);
    let mut record = Vec::new();
    for number in phase * LINES_PER_PHASE..(phase + 1) * LINES_PER_PHASE {
        line(thread, number, &mut record);
        if outlet.log(way, &record, meters.of(way)).is_err() {
            return;
        }
    }
}
