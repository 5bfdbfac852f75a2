//! Callbacks, and no runtime at all: one function for success, one for failure.
//!
//! ```text
//! cargo run --example callbacks
//! ```

use aside::{Failure, Group};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::{fs, io, thread};

fn longest_line(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().max_by_key(|line| line.len());
    line.map(str::to_owned).ok_or_else(|| io::Error::other("there is no line in it"))
}

fn this_thread() -> String {
    thread::current().name().unwrap_or("without a name").to_owned()
}

fn main() -> io::Result<()> {
    let group = Group::builder().name("reader").max_threads(2).build()?;
    let (tell, hear) = mpsc::channel();

    for name in ["LICENSE-MIT", "no such file"] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
        let (tell, tell_failure) = (tell.clone(), tell.clone());
        // Returns at once. One of the two callbacks is called later, on a thread of the group.
        group.offload(move || longest_line(&path)).on_complete(
            move |line| {
                let _ = tell.send(format!("{name}: {line:?}, says thread {:?}", this_thread()));
            },
            move |failure| {
                let why = match failure {
                    Failure::Failed(error) => error.to_string(),
                    Failure::Panicked(panic) => panic.to_string(),
                    Failure::Cancelled => "cancelled".to_owned(),
                };
                let _ = tell_failure.send(format!("{name}: failed ({why}), says thread {:?}", this_thread()));
            },
        );
    }

    // Whatever becomes of a job, its callback is called: `on_done` takes the outcome as one `Result`.
    let shut = Group::builder().name("shut").build()?;
    shut.close();
    let tell_outcome = tell.clone();
    shut.offload(|| unreachable!("the group takes no jobs")).on_done(move |outcome: Result<(), _>| {
        let _ = tell_outcome
            .send(format!("job for a closed group: {outcome:?}, says thread {:?}", this_thread()));
    });

    println!("all three are under way, says thread {:?}", this_thread());
    drop(tell);
    // Ends when the last callback is gone.
    for message in hear {
        println!("{message}");
    }
    Ok(())
}
