//! Blocking queries in tokio, with a time-out that takes a query out of the queue again.
//!
//! ```text
//! cargo run --example tokio
//! ```

use aside::Group;
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::time::{interval, timeout};

const SLOW: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_millis(100);

/// What a database driver without async does.
fn query(name: &'static str) -> String {
    println!("  {name} begins");
    thread::sleep(SLOW);
    println!("  {name} ends");
    format!("the rows of {name}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    // One connection, so one query at a time: the others queue.
    let connection = Group::builder().name("connection").max_threads(1).build()?;

    let heart = tokio::spawn(async {
        let mut beats = interval(Duration::from_millis(10));
        let mut last = Instant::now();
        let mut longest_pause = Duration::ZERO;
        for _ in 0..40 {
            beats.tick().await;
            longest_pause = longest_pause.max(last.elapsed());
            last = Instant::now();
        }
        longest_pause
    });

    let first = connection.offload(|| query("query 1"));
    let second = connection.offload(|| query("query 2"));
    let third = connection.offload(|| query("query 3"));

    // `timeout` drops the future, and that cancels a job which has not started.
    match timeout(PATIENCE, second).await {
        Ok(rows) => println!("{rows}, and in time"),
        Err(_) => println!("query 2 waited {PATIENCE:?} and was given up"),
    }
    println!("{}", first.await);
    println!("{}", third.await);

    connection.drain().await;
    let stats = connection.stats();
    println!("{} queries submitted, {} run, {} cancelled", stats.submitted, stats.finished, stats.cancelled);
    let longest_pause = heart.await.map_err(io::Error::other)?;
    println!("the runtime's one thread never stood still for longer than {longest_pause:.0?}");
    Ok(())
}
