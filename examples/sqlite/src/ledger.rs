//! The database: a connection on a lane, and the transactions on it.

use crate::Failure;
use aside::{Group, Lane};
use rusqlite::{Connection, OptionalExtension, Result, params};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Both rows of a transfer, or none.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS booking (
        transfer INTEGER NOT NULL,
        account  TEXT NOT NULL,
        cents    INTEGER NOT NULL,
        PRIMARY KEY (transfer, account)
    ) STRICT, WITHOUT ROWID";
const BOOK: &str = "INSERT INTO booking (transfer, account, cents) VALUES (?1, ?2, ?3)";

/// Transfers of money, each of which is two rows: what one account loses and what the other one gains.
///
/// A `Connection` is `Send`, but not `Sync`, and all its methods block. On a lane it belongs to nobody's thread: tasks of any
/// runtime give it jobs, which run one at a time, in order, on whatever offload thread is free.
#[derive(Clone)]
pub(crate) struct Ledger {
    lane: Lane<Connection>,
}

/// What is in a ledger.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) transfers: usize,
    /// Acknowledged, and not there.
    pub(crate) missing: Vec<i64>,
    /// There without the row that belongs to it.
    pub(crate) half_written: Vec<i64>,
    /// What SQLite thinks of its file: "ok", or what is wrong.
    pub(crate) integrity: String,
}

impl Ledger {
    /// Opens the database, and makes it if need be. After a crash this is when SQLite reads the log that was left.
    pub(crate) async fn open(path: PathBuf) -> Result<Self, Failure> {
        let connection = aside::offload(move || -> Result<_, Failure> {
            let connection = Connection::open(path)?;
            let mode: String =
                connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
            if mode != "wal" {
                return Err(format!("no write-ahead log: the journal mode stays {mode}").into());
            }
            // Each commit waits for the disk. A killed process would lose nothing without that, as the kernel has what was
            // written; a machine without power would. It belongs to what "acknowledged" means.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        })
        .await?;
        Ok(Self { lane: Group::global().lane(connection) })
    }

    /// Both rows are on the disk when this returns `Ok`.
    pub(crate) async fn transfer(&self, id: i64, cents: i64) -> Result<()> {
        let book = move |connection: &mut Connection| {
            // Dropped without a commit, by an error or by a panic, it rolls back.
            let transaction = connection.transaction()?;
            {
                let mut book = transaction.prepare_cached(BOOK)?;
                book.execute(params![id, "alice", -cents])?;
                book.execute(params![id, "bob", cents])?;
            }
            transaction.commit()
        };
        self.lane.offload(book).await
    }

    /// The highest id there is.
    pub(crate) async fn last(&self) -> Result<Option<i64>> {
        let last = |connection: &mut Connection| {
            let highest = "SELECT transfer FROM booking ORDER BY transfer DESC LIMIT 1";
            connection.query_row(highest, [], |row| row.get(0)).optional()
        };
        self.lane.offload(last).await
    }

    /// Looks at everything there is, and for everything there should be.
    pub(crate) async fn audit(&self, acknowledged: BTreeSet<i64>) -> Result<Audit> {
        self.lane.offload(move |connection| audit(connection, acknowledged)).await
    }

    /// Closes the database. What is queued is done first.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        let connection = self.lane.into_inner().await.ok_or("the ledger is closed already")?;
        // The last one to close it moves the log into the database, and that blocks as well.
        let close = move || connection.close().map_err(|(_connection, error)| error);
        Ok(aside::offload(close).await?)
    }
}

fn audit(connection: &Connection, mut missing: BTreeSet<i64>) -> Result<Audit> {
    let mut transfers = 0;
    let mut half_written = Vec::new();
    let mut all =
        connection.prepare("SELECT transfer, count(*), sum(cents) FROM booking GROUP BY transfer")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (transfer, bookings, sum): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        transfers += 1;
        missing.remove(&transfer);
        if (bookings, sum) != (2, 0) {
            half_written.push(transfer);
        }
    }
    let mut check = connection.prepare("PRAGMA integrity_check")?;
    let findings = check.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
    let integrity = findings.join("; ");
    Ok(Audit { transfers, missing: missing.into_iter().collect(), half_written, integrity })
}

impl Audit {
    /// An error if anything at all is wrong.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let Audit { missing, half_written, integrity, .. } = self;
        if let Some(first) = missing.first() {
            return Err(format!("{} acknowledged transfers are lost: {first}, ...", missing.len()).into());
        }
        if let Some(first) = half_written.first() {
            return Err(format!("{} transfers are half-written: {first}, ...", half_written.len()).into());
        }
        if integrity != "ok" {
            return Err(format!("the database is damaged: {integrity}").into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aside::JobError;
    use smol::block_on;
    use tempfile::TempDir;

    async fn new_ledger() -> (Ledger, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("ledger.db")).await.unwrap();
        (ledger, folder)
    }

    #[test]
    fn is_as_durable_as_it_says() {
        block_on(async {
            let (ledger, _folder) = new_ledger().await;
            const FULL: i64 = 2;
            let level = ledger.lane.offload(|c| c.pragma_query_value(None, "synchronous", |row| row.get(0)));
            assert_eq!(level.await, Ok(FULL));
        });
    }

    #[test]
    fn a_panic_in_a_transaction_leaves_nothing_of_it() {
        block_on(async {
            let (ledger, _folder) = new_ledger().await;
            ledger.transfer(1, 10).await.unwrap();
            let half_way = ledger.lane.offload(|connection| {
                let transaction = connection.transaction().unwrap();
                transaction.execute(BOOK, params![2, "alice", -10]).unwrap();
                panic!("half-way");
            });
            let outcome: Result<(), JobError> = half_way.catch().await;
            assert!(matches!(outcome, Err(JobError::Panicked(panic)) if panic.message() == Some("half-way")));
            assert!(ledger.lane.is_poisoned());

            // The connection rolled back, so it can be trusted; and the next job has it.
            ledger.lane.clear_poison();
            ledger.transfer(3, 10).await.unwrap();
            let audit = ledger.audit([1, 3].into()).await.unwrap();
            audit.verdict().unwrap();
            assert_eq!(audit.transfers, 2);
        });
    }

    #[test]
    fn a_transaction_that_fails_half_way_leaves_nothing() {
        block_on(async {
            let (ledger, _folder) = new_ledger().await;
            ledger.lane.offload(|c| c.execute(BOOK, params![1, "bob", 0])).await.unwrap();
            // Its first row goes in, and its second one does not.
            ledger.transfer(1, 10).await.unwrap_err();
            assert_eq!(ledger.audit(BTreeSet::new()).await.unwrap().half_written, [1]);
            let rows =
                ledger.lane.offload(|c| c.query_one("SELECT count(*) FROM booking", [], |row| row.get(0)));
            assert_eq!(rows.await, Ok(1));
        });
    }

    #[test]
    fn the_audit_finds_what_is_missing_and_what_is_half() {
        block_on(async {
            let (ledger, _folder) = new_ledger().await;
            ledger.transfer(1, 10).await.unwrap();
            let found = ledger.audit([1, 2].into()).await.unwrap();
            assert_eq!(found.missing, [2]);
            assert!(found.verdict().unwrap_err().to_string().contains("lost"));

            ledger.lane.offload(|c| c.execute(BOOK, params![2, "alice", -10])).await.unwrap();
            let found = ledger.audit([1, 2].into()).await.unwrap();
            assert_eq!((found.missing, found.half_written), (vec![], vec![2]));
        });
    }

    #[test]
    fn what_is_closed_can_be_opened() {
        block_on(async {
            let (ledger, folder) = new_ledger().await;
            ledger.transfer(7, 10).await.unwrap();
            let other = ledger.clone();
            ledger.close().await.unwrap();
            other.close().await.unwrap_err();

            let again = Ledger::open(folder.path().join("ledger.db")).await.unwrap();
            assert_eq!(again.last().await, Ok(Some(7)));
        });
    }
}
