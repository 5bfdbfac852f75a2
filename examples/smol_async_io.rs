//! Callbacks inside smol, on one thread with other tasks: once by the descriptor (`Async`), once by the future (`next`).
//!
//! The callbacks share an `Rc` with the tasks of the `LocalExecutor`; nothing here is `Send`.
//!
//! ```text
//! cargo run --example smol_async_io         # Unix
//! ```

#[cfg(not(unix))]
fn main() {
    println!("the descriptor is Unix's: elsewhere use completions.next()");
}

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(unix)]
mod unix {
    use aside::{Completions, offload};
    use smol::{Async, LocalExecutor, Timer};
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use std::time::Duration;
    use std::{fs, io, thread};

    const FILES: [&str; 4] = ["Cargo.toml", "src/lib.rs", "LICENSE-MIT", "no such file"];

    type Sizes = Rc<RefCell<BTreeMap<String, Option<usize>>>>;

    pub(super) fn main() -> io::Result<()> {
        let beats = Cell::new(0);
        let executor = LocalExecutor::new();
        let (by_descriptor, by_future) = smol::block_on(executor.run(async {
            let heart = executor.spawn(async {
                loop {
                    Timer::after(Duration::from_millis(10)).await;
                    beats.set(beats.get() + 1);
                }
            });
            let outcomes = (by_descriptor().await?, by_future().await?);
            heart.cancel().await;
            io::Result::Ok(outcomes)
        }))?;
        println!("the heart beat {} times meanwhile", beats.get());

        let missing = by_descriptor.values().filter(|size| size.is_none()).count();
        println!("{} files looked at twice, {missing} of them not there", by_descriptor.len());
        let is_right = by_descriptor == by_future && by_descriptor.len() == FILES.len() && missing == 1;
        if is_right && beats.get() > 3 { Ok(()) } else { Err(io::Error::other("something was missed")) }
    }

    async fn by_descriptor() -> io::Result<BTreeMap<String, Option<usize>>> {
        let completions = Async::new(Completions::new()?)?;
        let sizes = look_at_all(completions.get_ref());
        while completions.get_ref().pending() > 0 {
            completions.readable().await?;
            println!("readable: {} callbacks ran", completions.get_ref().dispatch());
        }
        Ok(sizes.take())
    }

    async fn by_future() -> io::Result<BTreeMap<String, Option<usize>>> {
        let completions = Completions::new()?;
        let sizes = look_at_all(&completions);
        while let Some(ran) = completions.next().await {
            println!("next: {ran} callbacks ran");
        }
        Ok(sizes.take())
    }

    fn look_at_all(completions: &Completions) -> Sizes {
        let sizes = Sizes::default();
        for name in FILES {
            let (sizes, sizes_again) = (sizes.clone(), sizes.clone());
            offload(move || size(name)).on_complete_in(
                completions,
                move |size| {
                    println!("{name}: {size} bytes");
                    sizes.borrow_mut().insert(name.to_owned(), Some(size));
                },
                move |failure| {
                    println!("{name}: {failure}");
                    sizes_again.borrow_mut().insert(name.to_owned(), None);
                },
            );
        }
        sizes
    }

    /// Blocks, on an offload thread.
    fn size(name: &str) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(60));
        Ok(fs::read(format!("{}/{name}", env!("CARGO_MANIFEST_DIR")))?.len())
    }
}
