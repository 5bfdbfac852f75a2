//! The program as a whole, and a second opinion on what its worker leaves behind.

use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_aside-sqlite"))
}

fn worker(database: &Path) -> Child {
    program().arg("--worker").arg(database).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn nothing_is_lost_by_four_crashes() {
    let output = program().args(["--crashes", "4", "--acks", "150"]).output().unwrap();
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    let sound = text.lines().filter(|line| line.ends_with("ok")).count();
    assert_eq!(sound, 4, "{text}");
}

#[test]
fn a_first_acknowledgement_is_as_good_as_any() {
    let output = program().args(["--crashes", "5", "--acks", "1"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

/// Not with the program's own audit.
#[test]
fn sqlite_itself_finds_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("ledger.db");
    let mut worker = worker(&database);
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<String> = lines.by_ref().take(200).map(Result::unwrap).collect();
    worker.kill().unwrap();
    worker.wait().unwrap();
    acknowledged.extend(lines.map(Result::unwrap));
    for runtime in ["tokio", "smol"] {
        assert!(acknowledged.iter().any(|line| line.ends_with(runtime)), "{runtime}");
    }

    let connection = Connection::open(&database).unwrap();
    let mut rows =
        connection.prepare("SELECT count(*), sum(cents) FROM booking WHERE transfer = ?1").unwrap();
    for line in &acknowledged {
        let id: i64 = line.split(' ').next().unwrap().parse().unwrap();
        let found: (i64, Option<i64>) = rows.query_one([id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(found, (2, Some(0)), "transfer {id}");
    }
    let odd = "SELECT count(*) FROM (SELECT 1 FROM booking GROUP BY transfer HAVING count(*) <> 2)";
    assert_eq!(connection.query_one(odd, [], |row| row.get(0)), Ok(0));
}

#[test]
fn a_worker_that_nobody_listens_to_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = worker(&folder.path().join("ledger.db"));
    drop(worker.stdout.take());
    let output = worker.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
}

#[test]
fn a_database_that_cannot_be_opened_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = worker(&folder.path().join("no such folder/ledger.db")).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("unable to open"), "{}", text(&output));
}

#[test]
fn wrong_arguments_are_told() {
    for wrong in [["--acks", "none"], ["--acks", "0"], ["--speed", "9"]] {
        let output = program().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}
