//! A group of one's own: named, limited, of low priority, watched, and ended with a deadline.
//!
//! ```text
//! cargo run --example own_group
//! ```

use aside::Group;
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

fn main() -> io::Result<()> {
    // Wrong settings are errors, not surprises.
    let error = Group::builder().min_threads(3).max_threads(2).build().unwrap_err();
    println!("no group: {error}");

    let mut builder = Group::builder()
        .name("thumbnails")
        .min_threads(0)
        .max_threads(2)
        .queue_limit(3)
        .keep_alive(Duration::from_millis(100))
        .on_thread_start(|| println!("  a thread of the group starts"))
        .on_thread_stop(|| println!("  a thread of the group leaves"));
    if cfg!(target_os = "linux") {
        // Whatever else the machine has to do comes first.
        builder = builder.nice(10);
    }
    let group = builder.build()?;

    // Two jobs that run until the gate opens, so that the others wait.
    let (arrive, arrived) = mpsc::channel();
    let gates = [1, 2].map(|_| {
        let (open, gate) = mpsc::channel::<()>();
        let arrive = arrive.clone();
        group.offload(move || (arrive.send(()), gate.recv())).detach();
        arrived.recv().expect("the job has begun");
        open
    });

    // The queue takes three more.
    let mut queued = Vec::new();
    let turned_away = loop {
        let number = queued.len();
        match group.try_offload(move || number * number) {
            Ok(job) => queued.push(job),
            Err(rejected) => break rejected,
        }
    };
    println!("job {} was turned away: {turned_away}", queued.len());
    println!("the closure came back, and gives {} here", turned_away.into_job()());
    println!("{:?}", group.stats());

    drop(gates);
    let squares: Vec<usize> = queued.into_iter().map(|job| job.wait()).collect();
    println!("squares: {squares:?}");
    thread::sleep(Duration::from_millis(300));
    println!("idle for a while, the group has {} threads", group.stats().threads);

    // Waits for room instead, and blocks this thread only as long as there is none.
    for _ in 0..20 {
        group
            .offload_wait(|| thread::sleep(Duration::from_millis(50)))
            .wait()
            .map_err(io::Error::other)?
            .detach();
    }
    let left = group.shutdown(Duration::from_millis(20));
    println!("shut down with jobs left: {left}");
    println!("taken after that: {:?}", group.try_offload(|| ()).map_err(|rejected| rejected.to_string()));
    Ok(())
}
