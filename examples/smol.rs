//! Reads slow files in smol, on one thread, while a heart beats on that same thread.
//!
//! ```text
//! cargo run --example smol
//! ```

use futures::future::join_all;
use smol::{LocalExecutor, Timer};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

const FILES: [&str; 4] = ["Cargo.toml", "src/lib.rs", "LICENSE-MIT", "no such file"];
/// How long each file takes, on a disk that has to wake up first.
const DISK: Duration = Duration::from_millis(200);
const BEAT: Duration = Duration::from_millis(10);

fn count_lines(path: &Path) -> io::Result<usize> {
    thread::sleep(DISK);
    Ok(fs::read_to_string(path)?.lines().count())
}

fn main() {
    let beats = Cell::new(0);
    let longest_pause = Cell::new(Duration::ZERO);
    let executor = LocalExecutor::new();

    smol::block_on(executor.run(async {
        let heart = executor.spawn(async {
            loop {
                let before = Instant::now();
                Timer::after(BEAT).await;
                beats.set(beats.get() + 1);
                longest_pause.set(longest_pause.get().max(before.elapsed()));
            }
        });

        let begun = Instant::now();
        // All are queued here, at once: an `Offload` does not wait to be polled.
        let counts = FILES.map(|name| {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
            aside::offload(move || count_lines(&path))
        });
        for (name, count) in FILES.iter().zip(join_all(counts).await) {
            match count {
                Ok(lines) => println!("{name}: {lines} lines"),
                Err(error) => println!("{name}: {error}"),
            }
        }
        println!("{} files of {DISK:?} each took {:.0?} together", FILES.len(), begun.elapsed());
        heart.cancel().await;
    }));

    println!("meanwhile the executor's heart beat {} times", beats.get());
    println!("its longest pause between beats of {BEAT:?} was {:.0?}", longest_pause.get());
    println!("threads that read: {}", aside::Group::global().stats().peak_threads);
}
