//! A writer that does as it is told.

use super::{Gate, expected_panic, single_thread_group};
use aside::Group;
use aside::io::Offloaded;
use std::future::Future;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

/// What a call is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    #[default]
    Works,
    Fails(ErrorKind),
    Panics,
}

impl Answer {
    fn give(self) -> io::Result<()> {
        match self {
            Answer::Works => Ok(()),
            Answer::Fails(kind) => Err(kind.into()),
            Answer::Panics => expected_panic("as it was told to"),
        }
    }
}

/// Keeps what is written. A clone is another handle to the same one, to give orders with.
#[derive(Clone, Default)]
pub struct Sink(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    written: Vec<u8>,
    flushes: usize,
    write: Answer,
    flush: Answer,
    /// Where a write or a flush is to stop, having told that it came.
    stop: Option<(mpsc::Sender<()>, Gate)>,
    /// The largest number of bytes that one call was asked to write.
    largest: usize,
    calls: usize,
}

/// The next call to the sink stops until this is opened.
pub struct Stopped {
    came: mpsc::Receiver<()>,
    gate: Gate,
}

impl Stopped {
    /// Waits until the call has come.
    pub fn until_there(&self) {
        self.came.recv().unwrap();
    }

    pub fn go_on(self) {
        self.gate.open();
    }
}

impl Sink {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn on_write(&self, answer: Answer) {
        self.0.lock().unwrap().write = answer;
    }

    pub fn on_flush(&self, answer: Answer) {
        self.0.lock().unwrap().flush = answer;
    }

    /// Stops the next call, write or flush.
    pub fn stop(&self) -> Stopped {
        let (tell, came) = mpsc::channel();
        let gate = Gate::new();
        self.0.lock().unwrap().stop = Some((tell, gate.clone()));
        Stopped { came, gate }
    }

    pub fn written(&self) -> Vec<u8> {
        self.0.lock().unwrap().written.clone()
    }

    pub fn lines(&self) -> Vec<String> {
        String::from_utf8(self.written()).unwrap().lines().map(str::to_owned).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.written()).unwrap()
    }

    pub fn flushes(&self) -> usize {
        self.0.lock().unwrap().flushes
    }

    pub fn largest(&self) -> usize {
        self.0.lock().unwrap().largest
    }

    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    fn pass(&self) {
        let stop = self.0.lock().unwrap().stop.take();
        if let Some((tell, gate)) = stop {
            tell.send(()).unwrap();
            gate.pass();
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass();
        let answer = {
            let mut state = self.0.lock().unwrap();
            state.calls += 1;
            state.largest = state.largest.max(bytes.len());
            state.write
        };
        answer.give()?;
        self.0.lock().unwrap().written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass();
        let answer = self.0.lock().unwrap().flush;
        answer.give()?;
        self.0.lock().unwrap().flushes += 1;
        Ok(())
    }
}

impl Seek for Sink {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().written.len() as u64)
    }
}

/// A writer to it with room for four bytes, on a thread of its own.
pub fn small(sink: &Sink) -> (Group, Offloaded<Sink>) {
    let group = single_thread_group();
    let writer = Offloaded::builder().group(&group).write_buffer(4).build(sink.clone());
    (group, writer)
}

/// Polls once with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls so often, and drops the future if it is not done by then.
pub fn poll_and_drop<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
    }
    None
}

/// Does what it is told to.
pub struct Scripted<F>(pub F);

impl<F: FnMut(&[u8]) -> io::Result<usize>> Write for Scripted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes nothing before the gate is open.
pub fn held_by(gate: &Gate) -> impl Write + Send + 'static + use<> {
    let gate = gate.clone();
    Scripted(move |bytes: &[u8]| {
        gate.pass();
        Ok(bytes.len())
    })
}

/// Takes its time, and a part of what it is given.
pub struct Slow(pub Sink);

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        std::thread::sleep(std::time::Duration::from_micros(100));
        self.0.write(&bytes[..bytes.len().min(7_001)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
