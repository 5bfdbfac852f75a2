//! Random schedules on adapters of what fails, ends and talks back: nothing is lost, told twice or left asleep.

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use util::sink::poll_and_drop;
use util::strict::block_on_strictly;
use util::watchdog;

/// An error, by its number.
#[derive(Debug)]
struct Fault(usize);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {}", self.0)
    }
}

impl std::error::Error for Fault {}

/// The errors that were made, by their numbers: whether writes or flushes were meant.
#[derive(Clone, Default)]
struct Faults(Arc<Mutex<Vec<bool>>>);

/// In memory. Of a hundred calls so many fail, and others do a part only.
struct Faulty {
    inner: Cursor<Vec<u8>>,
    random: fastrand::Rng,
    fails: u32,
    faults: Faults,
}

impl Faulty {
    /// How much of a call is done.
    fn may(&mut self, writes: bool, len: usize) -> io::Result<usize> {
        if self.random.u32(0..100) < self.fails {
            let mut faults = self.faults.0.lock().unwrap();
            faults.push(writes);
            return Err(io::Error::new(ErrorKind::TimedOut, Fault(faults.len() - 1)));
        }
        if self.random.u32(0..20) == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(if self.random.bool() { len } else { self.random.usize(0..=len).max(len.min(1)) })
    }
}

impl Read for Faulty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.may(false, buffer.len())?;
        self.inner.read(&mut buffer[..len])
    }
}

impl Write for Faulty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.may(true, bytes.len())?;
        self.inner.write(&bytes[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.may(true, 0).map(drop)
    }
}

impl Seek for Faulty {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if self.random.u32(0..100) < self.fails {
            Err(ErrorKind::TimedOut.into())
        } else {
            self.inner.seek(to)
        }
    }
}

/// How often a user has met which error. That of a write comes from a write or a flush, and no other does.
#[derive(Default)]
struct Told(HashMap<usize, usize>);

impl Told {
    fn note<R>(&mut self, result: io::Result<R>, writes: bool, faults: &Faults) -> Option<R> {
        let error = match result {
            Ok(output) => return Some(output),
            Err(error) => error,
        };
        if let Some(Fault(number)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            *self.0.entry(*number).or_default() += 1;
            assert_eq!(faults.0.lock().unwrap()[*number], writes, "{error} came from the wrong call");
        }
        None
    }
}

/// Each error of a write comes from one call, and each of a read from one at the most (it may lie behind where its user goes); what
/// was accepted is written, and what was given out is what is there.
#[test]
fn errors_at_any_call() {
    let _watchdog = watchdog();
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let group = Group::builder().max_threads(random.usize(1..3)).build().unwrap();
        let content: Vec<u8> = (0..random.usize(0..100_000)).map(|_| random.u8(..)).collect();
        let (faults, mut told) = (Faults::default(), Told::default());
        let mut model = Cursor::new(content.clone());
        let inner = Faulty {
            inner: Cursor::new(content),
            random: random.fork(),
            fails: random.u32(0..30),
            faults: faults.clone(),
        };
        let builder = Offloaded::builder().group(&group).read_buffer(random.usize(4..100_000));
        let mut both = builder.write_buffer(random.usize(1..5_000)).build_seekable(inner);
        for step in 0..150 {
            let context = format!("seed {seed}, step {step}");
            let drops = random.u32(0..3) == 0;
            let polls = random.usize(1..4);
            match random.u32(0..10) {
                0..4 => {
                    let mut buffer = vec![0; random.usize(1..5_000)];
                    let read = both.read(&mut buffer);
                    let read = if drops { poll_and_drop(read, polls) } else { Some(block_on_strictly(read)) };
                    let Some(read) = read.and_then(|read| told.note(read, false, &faults)) else { continue };
                    let mut expected = vec![0; read];
                    model.read_exact(&mut expected).expect(&context);
                    assert!(buffer[..read] == expected, "{context}");
                    assert!(read > 0 || model.read(&mut [0]).unwrap() == 0, "{context}: not the end");
                }
                4..7 => {
                    let bytes: Vec<u8> = (0..random.usize(0..3_000)).map(|_| random.u8(..)).collect();
                    let write = both.write(&bytes);
                    let written =
                        if drops { poll_and_drop(write, polls) } else { Some(block_on_strictly(write)) };
                    if let Some(written) = written.and_then(|written| told.note(written, true, &faults)) {
                        model.write_all(&bytes[..written]).unwrap();
                    }
                }
                7 => {
                    let to = SeekFrom::Current(random.i64(-3_000..3_000));
                    let seek = both.seek(to);
                    match if drops { poll_and_drop(seek, polls) } else { Some(block_on_strictly(seek)) } {
                        Some(Ok(position)) => {
                            assert_eq!(position, model.seek(to).expect(&context), "{context}")
                        }
                        Some(Err(_)) => {}
                        None => {
                            // It takes place now, or never.
                            let there = loop {
                                match block_on_strictly(both.with(|inner| inner.inner.position())) {
                                    Ok(there) => break there,
                                    Err(_) => drop(told.note(block_on_strictly(both.flush()), true, &faults)),
                                }
                            };
                            let before = model.position();
                            assert!(there == before || there == model.seek(to).unwrap(), "{context}");
                            model.set_position(there);
                        }
                    }
                }
                8 => {
                    let flush = both.flush();
                    let flushed =
                        if drops { poll_and_drop(flush, polls) } else { Some(block_on_strictly(flush)) };
                    flushed.and_then(|flushed| told.note(flushed, true, &faults));
                }
                _ => {
                    if let Ok(position) = block_on_strictly(both.with(|inner| inner.inner.position())) {
                        assert_eq!(position, model.position(), "{context}");
                    }
                }
            }
        }
        while told.note(block_on_strictly(both.flush()), true, &faults).is_none() {}
        while block_on_strictly(both.with(|inner| inner.fails = 0)).is_err() {}
        let inner = block_on_strictly(both.into_inner()).unwrap().inner;
        assert!(inner == model, "seed {seed}");
        for (number, writes) in faults.0.lock().unwrap().iter().enumerate() {
            let times = told.0.get(&number).copied().unwrap_or(0);
            assert!(
                times == 1 || times == 0 && !writes,
                "seed {seed}: fault {number} was told {times} times"
            );
        }
    }
}

/// Its group is closed, or shut down at once, in the midst of it: nothing hangs, and what was accepted is written or comes back.
#[test]
fn the_end_of_the_group_at_any_time() {
    let _watchdog = watchdog();
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let group = Group::builder().max_threads(random.usize(1..3)).build().unwrap();
        let mut model = Cursor::new(vec![1; random.usize(0..500_000)]);
        let builder = Offloaded::builder().group(&group).read_buffer(random.usize(4..400_000));
        let mut both = builder.write_buffer(random.usize(1..5_000)).build(model.clone());
        let (steps, last, how) = (Arc::new(AtomicUsize::new(0)), random.usize(0..30), random.u32(0..3));
        let ender = std::thread::spawn({
            let (group, steps) = (group.clone(), steps.clone());
            move || {
                while steps.load(Ordering::SeqCst) < last {
                    std::thread::yield_now();
                }
                match how {
                    0 => group.close(),
                    1 => drop(group.shutdown(aside::Deadline::NEVER)),
                    _ => drop(group.shutdown(std::time::Duration::ZERO)),
                }
            }
        });
        let mut errors = 0;
        while errors < 10 {
            steps.fetch_add(1, Ordering::SeqCst);
            let failed = match random.u32(0..6) {
                0..2 => {
                    let read = block_on_strictly(both.read(&mut vec![0; random.usize(1..50_000)]));
                    model.set_position(model.position() + *read.as_ref().unwrap_or(&0) as u64);
                    read.is_err()
                }
                2..4 => {
                    let bytes = vec![2; random.usize(1..3_000)];
                    let written = block_on_strictly(both.write(&bytes));
                    model.write_all(&bytes[..*written.as_ref().unwrap_or(&0)]).unwrap();
                    written.is_err()
                }
                4 => block_on_strictly(both.flush()).is_err(),
                _ => block_on_strictly(both.with(|_| ())).is_err(),
            };
            errors += usize::from(failed);
        }
        ender.join().unwrap();
        let inner = match block_on_strictly(both.into_inner()) {
            Ok(inner) => inner,
            Err(unwritten) => {
                let (_, inner, bytes) = unwritten.into_parts();
                let mut inner = inner.unwrap();
                inner.set_position(model.position() - bytes.len() as u64);
                inner.write_all(&bytes).unwrap();
                inner
            }
        };
        assert!(inner.get_ref() == model.get_ref(), "seed {seed}");
    }
}

/// What is written to it can be read, until it has ended. A clone is another end of the same.
#[derive(Clone, Default)]
struct Talk(Arc<(Mutex<Said>, Condvar)>);

#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    is_all: bool,
}

impl Talk {
    fn say(&self, bytes: &[u8], ends: bool) {
        let mut said = self.0.0.lock().unwrap();
        said.bytes.extend_from_slice(bytes);
        said.is_all |= ends;
        self.0.1.notify_all();
    }
}

impl Read for Talk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (said, changed) = &*self.0;
        let mut said =
            changed.wait_while(said.lock().unwrap(), |said| said.bytes.is_empty() && !said.is_all).unwrap();
        let len = said.bytes.len().min(buffer.len()).min(1 + buffer.len() * 2 / 3);
        buffer[..len].copy_from_slice(&said.bytes[..len]);
        said.bytes.drain(..len);
        Ok(len)
    }
}

impl Write for Talk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = bytes.len().min(7_001);
        self.say(&bytes[..len], false);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Two halves in two threads; a third one sees to it that no read blocks for ever, by marks between the bytes.
#[test]
fn halves_that_talk_to_each_other() {
    const MARK: u8 = 255;
    let _watchdog = watchdog();
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let group = Group::builder().max_threads(random.usize(1..3)).build().unwrap();
        let talk = Talk::default();
        let builder = Offloaded::builder().group(&group).read_buffer(random.usize(4..200_000));
        let (mut from, mut to) = builder.write_buffer(random.usize(1..50_000)).build(talk.clone()).split();
        let mut other = random.fork();
        let reading = std::thread::spawn(move || {
            let mut all: Vec<u8> = Vec::new();
            loop {
                let mut buffer = vec![0; other.usize(1..60_000)];
                let read = from.read(&mut buffer);
                match if other.bool() { poll_and_drop(read, 2) } else { Some(block_on_strictly(read)) } {
                    Some(Ok(0)) => return all,
                    Some(read) => all.extend(buffer[..read.unwrap()].iter().filter(|byte| **byte != MARK)),
                    None => {}
                }
            }
        });
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let marking = std::thread::spawn({
            let talk = talk.clone();
            move || {
                while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                    talk.say(&[MARK], false);
                    std::thread::yield_now();
                }
            }
        });
        let content: Vec<u8> = (0..random.usize(1..200_000)).map(|n| (n % 251) as u8).collect();
        let mut rest = &content[..];
        while !rest.is_empty() {
            let write = to.write(&rest[..random.usize(0..30_000).min(rest.len())]);
            let written =
                if random.bool() { poll_and_drop(write, 2) } else { Some(block_on_strictly(write)) };
            rest = &rest[written.map_or(0, |written| written.unwrap())..];
        }
        block_on_strictly(to.flush()).unwrap();
        drop(stop);
        marking.join().unwrap();
        talk.say(&[], true);
        assert!(reading.join().unwrap() == content, "seed {seed}");
    }
}
