//! The program's own lines: some threads that work a little, log what they did, and go on.

use crate::meter::Meter;
use crate::outlet::{Outlet, Scribe, Way};
use crate::run::{Conditions, Run, Section};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

pub(crate) const THREADS: usize = 4;
/// What each thread logs, half of it while the sink stalls now and then.
pub(crate) const LINES_EACH: usize = 50_000;
/// Of each half. The ways take turns.
const PHASES: usize = 20;
const LINES_PER_PHASE: usize = LINES_EACH / 2 / PHASES;
const _: () = assert!(LINES_PER_PHASE * PHASES * 2 == LINES_EACH && PHASES % Way::COUNT == 0);
/// So many lines in a row are logged as fast as can be,
pub(crate) const BURST: usize = 50;
/// and then the thread has something else to do.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

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
    /// Phases to begin: the way, and which lines,
    begin: Sender<(Way, Range<usize>)>,
    /// and how many lines were taken in those that are over.
    over: Receiver<u64>,
    thread: ScopedJoinHandle<'scope, [Meter; Way::COUNT]>,
}

/// Fails if the threads cannot be started.
pub(crate) fn log(outlet: &Outlet) -> io::Result<Vec<Section>> {
    let half = |first, conditions| -> io::Result<Section> {
        outlet.sink.set_stalls(conditions == Conditions::Stalling);
        let mut run = Run::new(outlet);
        log_half(&mut run, first)?;
        Ok(run.finish(conditions))
    };
    Ok(vec![half(0, Conditions::AsItIs)?, half(LINES_EACH / 2, Conditions::Stalling)?])
}

fn log_half(run: &mut Run<'_>, first: usize) -> io::Result<()> {
    let outlet = run.outlet;
    thread::scope(|scope| {
        let start = |thread| {
            let (begin, phases) = mpsc::channel();
            let (tell, over) = mpsc::channel();
            let work = move || {
                let mut scribe = Scribe::new(outlet);
                for (way, lines) in phases {
                    // Nobody listens any more if another thread has panicked.
                    let _ = tell.send(log_phase(thread, way, lines, &mut scribe));
                }
                scribe.into_meters()
            };
            let thread = thread::Builder::new().name(format!("crew {thread}")).spawn_scoped(scope, work)?;
            Ok(Member { begin, over, thread })
        };
        let crew: Vec<_> = (0..THREADS).map(start).collect::<io::Result<_>>()?;

        for phase in 0..PHASES {
            let way = Way::of_phase(phase);
            let begin = first + phase * LINES_PER_PHASE;
            run.phase(way, || {
                for member in &crew {
                    let lines = begin..begin + LINES_PER_PHASE;
                    member.begin.send((way, lines)).expect("logging does not panic");
                }
                (crew.iter().map(|member| member.over.recv().expect("logging does not panic")).sum(), ())
            });
        }
        for Member { begin, thread, .. } in crew {
            drop(begin);
            run.add(&thread.join().expect("logging does not panic"));
        }
        Ok(())
    })
}

/// Returns how many lines were taken.
fn log_phase(thread: usize, way: Way, lines: Range<usize>, scribe: &mut Scribe<'_>) -> u64 {
    let mut record = Vec::new();
    for (taken, number) in lines.clone().enumerate() {
        line(thread, number, &mut record);
        if scribe.log(way, &record).is_err() {
            return taken as u64;
        }
        if taken % BURST == BURST - 1 {
            thread::sleep(PAUSE);
        }
    }
    lines.len() as u64
}
