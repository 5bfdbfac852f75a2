//! Where a reader or writer stands, and what moves it. See `README.md`, "Stop and rewind".

use super::ahead::broken;
use super::offloaded::Offloaded;
use super::rewind::Rewind;
use super::sides::Side;
use crate::job::Offload;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::task::{Context, Poll, ready};

/// What an adapter knows of its position.
pub(super) struct Position<T: Send + 'static> {
    /// How to take back what was read ahead, if the source can.
    rewind: Option<Rewind<T>>,
    pipe: Pipe,
    moving: Option<Moving>,
    /// What tokio's `start_seek` wants, if it has found something else under way. Started by whoever sees the end of that.
    next: Option<Next<T>>,
    /// Where the last seek has come to.
    arrived: u64,
    /// Why it has not, if nobody was told.
    failed: Option<io::Error>,
    /// Why it was not moved back, if somebody has seen that who needs it not.
    not_back: Option<io::Error>,
}

/// A seek, and how to start it, which takes a `T` that can.
type Next<T> = (SeekFrom, fn(&mut Offloaded<T>, SeekFrom) -> io::Result<()>);

/// Whether it has turned out that a source has no position.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipe {
    No,
    Yes,
    /// What is unread is of one, and a closure may have put another source in its place: until that is used up, and the user has asked anew. So often
    /// had he asked before.
    WasOne(u64),
}

/// A job that changes the position. Others wait for it.
enum Moving {
    /// To where the user has read to.
    Back(Offload<io::Result<u64>>),
    Seek(SeekFrom, Offload<io::Result<u64>>),
}

impl<T: Send + 'static> Position<T> {
    pub(super) fn new(rewind: Option<Rewind<T>>) -> Self {
        Self { rewind, pipe: Pipe::No, moving: None, next: None, arrived: 0, failed: None, not_back: None }
    }
}

impl<T: Send + 'static> Offloaded<T> {
    /// A closure may make another kind of source of it: put a file in the place of a pipe. From which what was read of that cannot be taken back.
    pub(super) fn look_again(&mut self) {
        if self.position.pipe != Pipe::No {
            self.position.pipe = if self.ahead.is_ahead() {
                // Nothing is to come behind that without the user's asking.
                self.ahead.stop();
                self.sides.wake(Side::Read);
                Pipe::WasOne(self.ahead.asked())
            } else {
                Pipe::No
            };
        }
        self.ahead.look_again();
    }

    fn is_pipe(&self) -> bool {
        match self.position.pipe {
            Pipe::No => false,
            Pipe::Yes => true,
            Pipe::WasOne(asked) => self.ahead.asked() == asked,
        }
    }

    /// Ready once no job that changes the position is under way, nor is one to come. For those who need no move back: one that failed is not their
    /// failure, and is kept for who does.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_settled_or_failed(cx)) {
            self.position.not_back = Some(error);
        }
        Poll::Ready(())
    }

    /// The same, and whether the last move back, if it came last, has failed.
    fn poll_settled_or_failed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let moved = ready!(self.poll_moved(cx));
            // If it could not be moved back, who waited for that waits for the seek: it is as good.
            let Some((to, start)) = self.position.next.take() else { return Poll::Ready(moved) };
            start(self, to)?;
        }
    }

    fn poll_moved(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.position.moving {
            None => Poll::Ready(Ok(())),
            Some(Moving::Back(job)) => {
                let moved = ready!(job.poll_outcome(cx)).map_err(broken);
                self.position.moving = None;
                match moved.and_then(|moved| moved) {
                    Ok(_) => self.ahead.forget(),
                    // Not a file after all: its two sides are independent.
                    Err(error) if error.kind() == ErrorKind::NotSeekable => self.position.pipe = Pipe::Yes,
                    Err(error) => return Poll::Ready(Err(error)),
                }
                Poll::Ready(Ok(()))
            }
            Some(Moving::Seek(..)) => {
                // Its user has dropped it, or comes later and is to hear of that.
                self.position.failed = ready!(self.poll_sought(cx)).err();
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Whether anything is on its way that moves the position.
    pub(super) fn is_moving(&self) -> bool {
        self.position.moving.is_some()
    }

    /// Whether that is a seek to there, and the last one.
    fn is_seeking_to(&self, to: SeekFrom) -> bool {
        let is_there = matches!(&self.position.moving, Some(Moving::Seek(target, _)) if *target == to);
        is_there && self.position.next.is_none()
    }

    /// Has a seek start as soon as nothing else is on its way that moves the position.
    #[cfg(feature = "tokio")]
    pub(super) fn start_next(&mut self, to: SeekFrom) -> io::Result<()>
    where
        T: Seek,
    {
        if self.is_moving() {
            self.position.next = Some((to, Self::start));
            return Ok(());
        }
        self.start(to)
    }

    /// Where the last seek has come to, once none is on its way. (Another task may have seen its end.)
    #[cfg(feature = "tokio")]
    pub(super) fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.lane()?;
        ready!(self.poll_as(Side::Write, cx, Self::poll_settled));
        Poll::Ready(self.position.failed.take().map_or(Ok(self.position.arrived), Err))
    }

    fn poll_sought(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let Some(Moving::Seek(_, job)) = &mut self.position.moving else {
            return Poll::Ready(Err(ErrorKind::InvalidInput.into()));
        };
        let sought = ready!(job.poll_outcome(cx)).map_err(broken);
        self.position.moving = None;
        let position = sought.and_then(|sought| sought);
        if let Ok(position) = &position {
            self.ahead.forget();
            self.position.arrived = *position;
        }
        Poll::Ready(position)
    }

    /// Ready once the source stands where the user has read to, if it can.
    pub(super) fn poll_where_user_is(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lane()?;
        if !self.is_moving() && self.rewind_needed().is_none() {
            // Nor is one needed that failed before: what is read from now on may be another matter.
            self.position.not_back = None;
            return Poll::Ready(Ok(()));
        }
        self.poll_as(Side::Write, cx, Self::poll_moved_there)
    }

    /// How to take back what was read ahead, if there is anything.
    fn rewind_needed(&self) -> Option<Rewind<T>> {
        self.position.rewind.filter(|_| !self.is_pipe() && self.ahead.is_ahead())
    }

    /// Ready once nobody reads. Who waits for a read, and was overtaken before, comes first.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.sides.is_readers_turn() {
            ready!(self.ahead.poll_next(cx));
            self.sides.give_reader_his_turn();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.ahead.poll_stop(cx));
        self.sides.overtake_reader();
        Poll::Ready(())
    }

    fn poll_moved_there(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_settled_or_failed(cx))?;
            let Some(rewind) = self.rewind_needed() else {
                return Poll::Ready(Ok(()));
            };
            if let Some(error) = self.position.not_back.take() {
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_stop(cx));
            let Ok(by) = i64::try_from(self.ahead.unread_then()()) else { return Poll::Ready(Ok(())) };
            // The end is another one if the position is moved, or it becomes a longer file; that of a terminal comes but once.
            if by == 0 && !self.ahead.is_at_end() {
                return Poll::Ready(Ok(()));
            }
            let job = self.lane()?.offload(move |inner| rewind(inner, -by));
            self.position.moving = Some(Moving::Back(job));
        }
    }
}

impl<T: Seek + Send + 'static> Offloaded<T> {
    pub(super) fn poll_seek_to(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        self.lane()?;
        self.poll_as(Side::Write, cx, |this, cx| this.poll_seek(cx, to))
    }

    fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        if !self.is_seeking_to(to) {
            ready!(self.poll_settled(cx));
            self.start(to)?;
        }
        self.poll_sought(cx)
    }

    /// Queues a seek, while nothing else is on its way that moves the position. From now on all others wait for it.
    pub(super) fn start(&mut self, to: SeekFrom) -> io::Result<()> {
        self.lane()?;
        (self.position.failed, self.position.not_back) = (None, None);
        self.ahead.stop();
        self.sides.wake(Side::Read);
        let (writer, unread) = (self.writer.clone(), self.ahead.unread_then());
        self.changes += 1;
        let job = self.lane()?.offload(move |inner| {
            writer.map_or(Ok(()), |writer| writer.write_out(inner))?;
            inner.seek(match to {
                SeekFrom::Current(by) => {
                    let by = i64::try_from(unread()).ok().and_then(|unread| by.checked_sub(unread));
                    SeekFrom::Current(by.ok_or(ErrorKind::InvalidInput)?)
                }
                absolute => absolute,
            })
        });
        self.position.moving = Some(Moving::Seek(to, job));
        Ok(())
    }
}
