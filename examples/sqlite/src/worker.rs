//! The process that is going to be killed.

use crate::Failure;
use crate::ledger::Ledger;
use aside::{Group, Lane};
use std::convert::Infallible;
use std::io::{self, Stdout, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;

/// How many tasks each runtime has.
pub(crate) const TASKS: usize = 32;
const TOKIO_THREADS: usize = 2;

/// What all tasks share.
struct Shift {
    ledger: Ledger,
    next: AtomicI64,
    /// Stdout may block as well, if nobody reads.
    acks: Lane<Stdout>,
}

/// Commits transactions and acknowledges them on stdout, until killed or until nobody listens any more.
pub(crate) fn work(database: PathBuf) -> Result<(), Failure> {
    let (ledger, last) = smol::block_on(async {
        let ledger = Ledger::open(database).await?;
        let last = ledger.last().await?;
        Ok::<_, Failure>((ledger, last))
    })?;
    let next = AtomicI64::new(last.unwrap_or(0) + 1);
    let shift = Arc::new(Shift { ledger, next, acks: Group::global().lane(io::stdout()) });

    let (complain, complaints) = mpsc::channel();
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(TOKIO_THREADS).build()?;
    for _ in 0..TASKS {
        tokio.spawn(shift.clone().work("tokio", complain.clone()));
        smol::spawn(shift.clone().work("smol", complain.clone())).detach();
    }
    drop(complain);
    // A task that panicked says nothing. The others carry on, and the process ends with the last of them.
    Err(complaints.recv().unwrap_or_else(|_| "all tasks have panicked".into()))
}

impl Shift {
    async fn work(self: Arc<Self>, runtime: &'static str, complain: mpsc::Sender<Failure>) {
        let Err(failure) = self.commit_for_ever(runtime).await;
        // Only the first one is heard.
        let _ = complain.send(failure);
    }

    async fn commit_for_ever(&self, runtime: &'static str) -> Result<Infallible, Failure> {
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            self.ledger.transfer(id, 100 + id % 900).await?;
            // Not a moment earlier: whoever reads this line believes it.
            self.acks.offload(move |out| writeln!(out, "{id} {runtime}")).await?;
        }
    }
}
