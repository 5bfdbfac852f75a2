//! An executor that does no more than it has to: a wake-up that is lost is noticed.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};

struct Tell(mpsc::Sender<()>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        // Also long after its future has ended.
        let _ = self.0.send(());
    }
}

/// Polls with another waker each time, and not before the last one was called. Fails the test if that was dropped instead.
#[track_caller]
pub fn block_on_strictly<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let (tell, told) = mpsc::channel();
        let waker = Waker::from(Arc::new(Tell(tell)));
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        drop(waker);
        told.recv().expect("whoever has the waker calls it");
    }
}
