//! Callbacks inside tokio's current-thread runtime, by the descriptor.
//!
//! Inside tokio an `Offload` is simply awaited, and `completions.next().await` needs no descriptor either. `AsyncFd` is for code that has a
//! descriptor to offer and no future, such as a library with a `fd()` and a `dispatch()` of its own, which is what `Plotter` plays here.
//!
//! ```text
//! cargo run --example tokio_async_fd        # Unix
//! ```

#[cfg(not(unix))]
fn main() {
    println!("tokio's AsyncFd is Unix's: elsewhere use completions.next()");
}

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(unix::main())
}

#[cfg(unix)]
mod unix {
    use aside::{Completions, offload};
    use std::cell::{Cell, RefCell};
    use std::io;
    use std::os::fd::{AsRawFd, RawFd};
    use std::rc::Rc;
    use std::thread;
    use std::time::{Duration, Instant};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::interval;

    const CURVES: usize = 5;

    /// A library that knows no runtime.
    struct Plotter {
        completions: Completions,
        curves: Rc<RefCell<Vec<String>>>,
    }

    impl Plotter {
        fn new() -> io::Result<Self> {
            Ok(Self { completions: Completions::new()?, curves: Rc::default() })
        }

        fn plot(&self, number: usize) {
            let curves = self.curves.clone();
            offload(move || points(number)).on_done_in(&self.completions, move |points| {
                let points = points.expect("a curve does not panic");
                println!("curve {number} has {points} points");
                curves.borrow_mut().push(format!("curve {number}"));
            });
        }

        fn dispatch(&self) -> usize {
            self.completions.dispatch()
        }

        fn is_done(&self) -> bool {
            self.completions.pending() == 0
        }
    }

    impl AsRawFd for Plotter {
        fn as_raw_fd(&self) -> RawFd {
            self.completions.as_raw_fd()
        }
    }

    /// Blocks, on an offload thread.
    fn points(number: usize) -> usize {
        thread::sleep(Duration::from_millis(40 * number as u64));
        1000 * number
    }

    pub(super) async fn main() -> io::Result<()> {
        // SAFETY: the descriptor is the plotter's, and stays the same and open as long as the plotter lives. (Older versions of tokio have
        // this as a safe function, `with_interest`.)
        let plotter = unsafe { AsyncFd::register_with_interest(Plotter::new()?, Interest::READABLE)? };
        for number in 1..=CURVES {
            plotter.get_ref().plot(number);
        }
        let beats = Cell::new(0);
        let heart = async {
            let mut beat = interval(Duration::from_millis(10));
            loop {
                beat.tick().await;
                beats.set(beats.get() + 1);
            }
        };
        let begun = Instant::now();
        let outcome = tokio::select! {
            outcome = drive(&plotter) => outcome,
            never = heart => never,
        };
        outcome?;
        let curves = plotter.get_ref().curves.borrow();
        println!("{curves:?} in {:.0?}, while the heart beat {} times", begun.elapsed(), beats.get());
        if curves.len() == CURVES && beats.get() > 3 {
            Ok(())
        } else {
            Err(io::Error::other("a curve or the heart stopped"))
        }
    }

    async fn drive(plotter: &AsyncFd<Plotter>) -> io::Result<()> {
        while !plotter.get_ref().is_done() {
            let mut ready = plotter.readable().await?;
            // Before the dispatch: what is announced from then on counts anew.
            ready.clear_ready();
            println!("{} callback(s) ran", plotter.get_ref().dispatch());
        }
        Ok(())
    }
}
