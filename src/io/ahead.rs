//! Reading ahead: the chunk that is being used, and the jobs that bring more. See `README.md`, "Reading".

use super::behind::Writer;
use super::repoll::Repoll;
use super::stock::{Chunk, Flow, Stock, Taken};
use crate::job::{JobError, Offload};
use crate::lane::Lane;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// One reads while the next one waits in the lane, so that nobody has to wake up in between.
const JOBS: usize = 2;

/// The reader's side.
pub(super) struct Ahead {
    /// Being used, and not used up.
    current: Option<Chunk>,
    /// Used up, to be filled again.
    used: Option<Vec<u8>>,
    stock: Arc<Stock>,
    /// Under way, in order.
    jobs: VecDeque<Offload<()>>,
    /// A job was queued since the source last stood where the user has read to.
    has_asked: bool,
    /// How often the user has asked with nothing left of what was read before.
    asked: u64,
    /// Somebody waits for the source to stand still. Who reads lets him go first, once: else a reader who is always the faster one would keep him
    /// waiting for ever.
    gives_way: bool,
    repoll: Repoll,
}

impl Ahead {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            current: None,
            used: None,
            stock: Arc::new(Stock::new(capacity)),
            jobs: VecDeque::new(),
            has_asked: false,
            asked: 0,
            gives_way: false,
            repoll: Repoll::new(),
        }
    }

    /// What has come and was not given out; nothing if there is nothing.
    pub(super) fn bytes(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], Chunk::bytes)
    }

    /// How many bytes will have been read and not given out once all jobs have ended that are under way, if nothing is given out meanwhile.
    pub(super) fn unread_then(&self) -> impl FnOnce() -> usize + Send + 'static {
        let (given, stock) = (self.bytes().len(), self.stock.clone());
        move || given + stock.len()
    }

    /// Whether the source may stand elsewhere than its user thinks, or has told something that he does not know.
    pub(super) fn is_ahead(&self) -> bool {
        let is_reading = || self.jobs.iter().any(|job| !job.is_finished());
        self.has_asked && (is_reading() || self.current.is_some() || !self.stock.is_empty())
    }

    /// How often the user has asked with nothing left of what was read before.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether what he does not know is that this is the end. Not to be asked while jobs are under way.
    pub(super) fn is_at_end(&self) -> bool {
        self.stock.is_at_end()
    }

    /// The first so many of the bytes are given out.
    pub(super) fn consume(&mut self, bytes: usize) {
        if self.current.as_mut().is_some_and(|chunk| chunk.consume(bytes)) {
            self.used = self.current.take().map(Chunk::into_buffer);
        }
    }

    /// Ready once there are bytes, or none to come.
    pub(super) fn poll_fill<T: Read + Send + 'static>(
        &mut self,
        lane: &Lane<T>,
        writer: Option<&Writer<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_none() {
            let (taken, flow) = self.stock.take(self.used.take());
            let is_near = match taken {
                Taken::Chunk(chunk) => {
                    self.current = Some(chunk);
                    while self.jobs.front().is_some_and(Offload::is_finished) {
                        self.jobs.pop_front();
                    }
                    let wanted = flow == Flow::Low || flow == Flow::Full && !self.jobs.is_empty();
                    if wanted && self.jobs.len() < JOBS {
                        self.ask(lane, writer);
                    }
                    break;
                }
                Taken::Last(last) => {
                    self.repoll.ended();
                    return Poll::Ready(last);
                }
                Taken::Nothing { is_near } => {
                    if flow == Flow::Ended {
                        self.call_off();
                    }
                    is_near
                }
            };
            if self.jobs.is_empty() {
                if std::mem::take(&mut self.gives_way) {
                    // Of both sides.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.stock.begin();
                self.asked += 1;
                self.ask(lane, writer);
            }
            if is_near && self.looks_again(lane, cx) {
                return Poll::Pending;
            }
            match self.poll_job(cx) {
                Poll::Ready(ended) => ended?,
                Poll::Pending => {
                    self.stock.deepen();
                    return Poll::Pending;
                }
            }
        }
        self.repoll.ended();
        Poll::Ready(Ok(()))
    }

    /// Whether the first job is to be looked at again soon, without a wake-up.
    fn looks_again<T: Send + 'static>(&mut self, lane: &Lane<T>, cx: &mut Context<'_>) -> bool {
        let is_under_way = self.jobs.front().is_some_and(|job| !job.is_finished());
        is_under_way && lane.spin_weight().is_some_and(|weight| self.repoll.looks_again(weight, cx))
    }

    fn ask<T: Read + Send + 'static>(&mut self, lane: &Lane<T>, writer: Option<&Writer<T>>) {
        let (stock, writer) = (self.stock.clone(), writer.cloned());
        self.has_asked = true;
        self.jobs.push_back(lane.offload(move |source| stock.fill(source, writer.as_ref())));
    }

    /// Ready once the first job has ended, if there is one.
    fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(job) = self.jobs.front_mut() else { return Poll::Ready(Ok(())) };
        let ended = ready!(job.poll_outcome(cx));
        self.jobs.pop_front();
        Poll::Ready(ended.map_err(broken))
    }

    /// Cancels the jobs that have not begun.
    fn call_off(&mut self) {
        while self.jobs.back_mut().is_some_and(Offload::cancel_now) {
            self.jobs.pop_back();
        }
    }

    /// Ready once the job that comes next, if any, has read.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // If it was cancelled with its group, whatever comes next is told.
        self.poll_job(cx).map(drop)
    }

    /// No job begins any more, or to read; until the user asks again.
    pub(super) fn stop(&mut self) {
        self.stock.stop();
        self.call_off();
    }

    /// Ready once no job is under way: the source stands behind the [unread](Self::unread_then) bytes.
    pub(super) fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stop();
        self.gives_way = true;
        while !self.jobs.is_empty() {
            ready!(self.poll_next(cx));
        }
        Poll::Ready(())
    }

    /// Whoever waited for that waits no more.
    pub(super) fn go_on(&mut self) {
        self.gives_way = false;
    }

    /// Nobody will ask for more.
    pub(super) fn abandon(&mut self) {
        self.stock.clear();
        self.jobs.clear();
        (self.current, self.used) = (None, None);
    }

    /// The source stands elsewhere, or where the user has read to: what was read is of no use.
    pub(super) fn forget(&mut self) {
        if let Some(chunk) = self.current.take() {
            self.used = Some(chunk.into_buffer());
        }
        self.stock.forget();
        self.repoll.forget();
        // Those that were under way came before what has moved the source.
        self.jobs.clear();
        self.has_asked = false;
    }

    /// A closure may have made another kind of source of it.
    pub(super) fn look_again(&self) {
        self.stock.look_again();
    }
}

/// A job that was cancelled, or panicked, as an error of IO.
pub(super) fn broken(error: JobError) -> io::Error {
    io::Error::other(error)
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;
    use crate::group::Group;
    use crate::sync::{Mutex, lock};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::{Wake, Waker};

    /// Tells that it was asked, and fills whatever it is given when it is told to.
    struct Told(Sender<()>, Receiver<()>);

    impl Read for Told {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.send(()).unwrap();
            self.1.recv().unwrap();
            Ok(buffer.len())
        }
    }

    /// A reader looks again for a while, then sleeps, and is woken.
    #[test]
    fn who_looks_again_is_woken_at_last() {
        struct Heard(Mutex<Sender<()>>);
        impl Wake for Heard {
            fn wake(self: Arc<Self>) {
                lock(&self.0).send(()).unwrap();
            }
        }
        let ((tell_asked, asked), (tell, told), (wake, woken)) = (channel(), channel(), channel());
        let group = Group::builder().max_threads(1).build().unwrap();
        let lane = group.lane(Told(tell_asked, told));
        let mut ahead = Ahead::new(1 << 20);
        let waker = Waker::from(Arc::new(Heard(Mutex::new(wake))));
        let mut cx = Context::from_waker(&waker);
        let mut looks = 0;
        for _ in 0..100 {
            // The first read is prompt; then one that is not, while he waits.
            tell.send(()).unwrap();
            while ahead.poll_fill(&lane, None, &mut cx).is_pending() {
                woken.recv().unwrap();
            }
            ahead.consume(usize::MAX);
            for _ in 0..2 {
                asked.recv().unwrap();
            }
            while woken.try_recv().is_ok() {}
            // The thread is held, so nobody but he himself wakes him.
            while ahead.poll_fill(&lane, None, &mut cx).is_pending() && woken.try_recv().is_ok() {
                looks += 1;
            }
            tell.send(()).unwrap();
            woken.recv().unwrap();
            while ahead.poll_fill(&lane, None, &mut cx).is_pending() {
                woken.recv().unwrap();
            }
            ahead.consume(usize::MAX);
        }
        assert!(looks > 0);
    }

    /// Also for a second one, that has begun when the first one has ended.
    #[test]
    fn a_stop_waits_for_what_has_begun() {
        let ((tell_asked, asked), (tell, told)) = (channel(), channel());
        let group = Group::builder().max_threads(1).build().unwrap();
        let lane = group.lane(Told(tell_asked, told));
        let mut ahead = Ahead::new(1 << 20);
        let mut cx = Context::from_waker(Waker::noop());
        ahead.stock.begin();
        ahead.ask(&lane, None);
        ahead.ask(&lane, None);
        asked.recv().unwrap();
        tell.send(()).unwrap();
        asked.recv().unwrap();
        assert!(ahead.poll_stop(&mut cx).is_pending());
        tell.send(()).unwrap();
        while ahead.poll_stop(&mut cx).is_pending() {
            std::thread::yield_now();
        }
        assert_eq!(ahead.unread_then()(), (16 + 32) * 1024);
    }
}
