//! What was read and is not taken yet, which the user and the reading jobs share; and the jobs' side of it. See `README.md`, "Reading".

use super::behind::Writer;
use super::repoll::PROMPT;
use crate::job::{JobError, Panic};
use crate::sync::{Mutex, MutexGuard, lock};
use std::any::Any;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The first chunk: what a short file needs, or a line from a terminal, and not much more.
const FIRST_CHUNK: usize = 16 * 1024;
/// From here on the allocator asks the system for each buffer, as a rule.
const LARGE: usize = 128 * 1024;
const PAGE: usize = 4096;
/// So many chunks at least make up a whole buffer: one is being used, the others are there or on their way.
const CHUNKS: usize = 4;
/// Those of a file are short, so there may be more: a wake-up for each half of them is then no great part of the time of a reader who works on what he reads.
const FILE_CHUNKS: usize = 8;
/// The largest chunk. One should take longer than a wake-up does, where each is waited for by itself, ...
const LONGEST_CHUNK: usize = 1024 * 1024;
/// ... and is better short and many where several are waited for at a time.
const FILE_CHUNK: usize = 128 * 1024;
/// A job reads that many chunks of a file as come in this time.
const BATCH: Duration = Duration::from_micros(1200);
/// A chunk that took longer is not followed by a larger one: its user would wait too long for the first of its bytes.
const GROWS_WITHIN: Duration = Duration::from_millis(100);

/// What kind of source it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Nobody has looked.
    Unknown,
    /// A regular file: a read of it ends, whatever its user does.
    File,
    /// It may be that it gives no more before its user has done something.
    Other,
}

impl Source {
    fn of<T: 'static>(source: &T) -> Self {
        let file = (source as &dyn Any).downcast_ref::<File>();
        // What seems empty may be made up as it is read, and its reader may have to wait: much of `/proc` is so.
        let goes_on = |file: &File| file.metadata().is_ok_and(|data| data.is_file() && data.len() > 0);
        if file.is_some_and(goes_on) { Source::File } else { Source::Other }
    }
}

pub(super) struct Chunk {
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Chunk {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.begin..self.end]
    }

    /// The first so many bytes are given out. True if that was all.
    pub(super) fn consume(&mut self, bytes: usize) -> bool {
        self.begin += bytes.min(self.end - self.begin);
        self.begin == self.end
    }

    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

/// What there was to take.
pub(super) enum Taken {
    Chunk(Chunk),
    /// All that came before has been taken: the end, or an error.
    Last(io::Result<()>),
    Nothing {
        /// If a read is under way, it is likely to end before who sleeps could be woken.
        is_near: bool,
    },
}

pub(super) struct Stock {
    shelf: Mutex<Shelf>,
}

struct Shelf {
    /// How many bytes may have been read and not given out.
    capacity: usize,
    /// In order.
    chunks: VecDeque<Chunk>,
    /// What came behind them.
    last: Option<io::Result<()>>,
    spare: Vec<Vec<u8>>,
    /// Whether the last read filled its buffer: only then is there reason to read what comes behind. A pipe or a terminal that has
    /// given what it had would keep the job, and with it the lane, until there is more.
    flows: bool,
    /// Whether the last read filled its buffer, in less time than a wake-up takes.
    is_prompt: bool,
    source: Source,
    /// The next chunk's size.
    size: usize,
    /// How many times as many chunks there may be as at first.
    times: usize,
    /// A job ended for want of room.
    is_cramped: bool,
    /// Nobody will take anything.
    is_abandoned: bool,
}

impl Shelf {
    /// The largest chunk.
    fn most(&self) -> usize {
        let longest = if self.source == Source::File { FILE_CHUNK } else { LONGEST_CHUNK };
        longest.min(self.capacity / CHUNKS).max(1)
    }

    /// How many chunks there may be, the one that is being used among them.
    fn depth(&self) -> usize {
        let most = (self.capacity / self.size).max(CHUNKS);
        let least = if self.source == Source::File { FILE_CHUNKS } else { CHUNKS };
        least.saturating_mul(self.times).min(most)
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < self.depth() {
            self.spare.push(buffer);
        }
    }
}

/// Where a read is to put what it gets.
struct Place {
    buffer: Vec<u8>,
    begin: usize,
    size: usize,
}

impl Place {
    /// Of so many bytes; in this buffer, if that is large enough.
    fn new(mut buffer: Vec<u8>, size: usize) -> Self {
        let needed = if size < LARGE { size } else { size + PAGE };
        if buffer.len() < needed {
            // Not grown but made anew, as what is in it is of no use.
            buffer = vec![0; needed];
        }
        let begin = begin(&buffer);
        Self { buffer, begin, size }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer[self.begin..self.begin + self.size]
    }
}

impl Stock {
    pub(super) fn new(capacity: usize) -> Self {
        let shelf = Shelf {
            capacity,
            chunks: VecDeque::new(),
            last: None,
            spare: Vec::new(),
            flows: false,
            is_prompt: false,
            source: Source::Unknown,
            size: FIRST_CHUNK.min((capacity / CHUNKS).max(1)),
            times: 1,
            is_cramped: false,
            is_abandoned: false,
        };
        Self { shelf: Mutex::new(shelf) }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.shelf)
    }

    // --- The user's side. ---

    /// What comes next, in exchange for the buffer that was used up. And whether to ask for more: in any case, or only behind another job.
    pub(super) fn take(&self, used: Option<Vec<u8>>) -> (Taken, Flow) {
        let shelf = &mut *self.shelf();
        if let Some(buffer) = used {
            shelf.keep(buffer);
        }
        let taken = match shelf.chunks.pop_front() {
            Some(chunk) => Taken::Chunk(chunk),
            None => match shelf.last.take() {
                Some(last) => {
                    // Most likely nobody will ask again.
                    shelf.spare = Vec::new();
                    Taken::Last(last)
                }
                None => Taken::Nothing { is_near: shelf.is_prompt },
            },
        };
        let flow = match shelf.flows {
            false => Flow::Ended,
            true if shelf.chunks.len() <= shelf.depth() / 2 => Flow::Low,
            true => Flow::Full,
        };
        (taken, flow)
    }

    /// The user asks, and no job is left: the next ones read.
    pub(super) fn begin(&self) {
        self.shelf().flows = true;
    }

    /// The user has found nothing, and sleeps. If the source has waited for him before, for want of room, he is the faster one, and either waits for no more
    /// than a wake-up: let there be more to each.
    pub(super) fn deepen(&self) {
        let mut shelf = self.shelf();
        if std::mem::take(&mut shelf.is_cramped) && shelf.depth() < shelf.capacity / shelf.size {
            shelf.times *= 2;
        }
    }

    /// Jobs read no more, but for the read that one of them may be at.
    pub(super) fn stop(&self) {
        self.shelf().flows = false;
    }

    /// The `T` may have become another kind of source.
    pub(super) fn look_again(&self) {
        let mut shelf = self.shelf();
        (shelf.source, shelf.times, shelf.is_cramped) = (Source::Unknown, 1, false);
    }

    /// How many bytes are there.
    pub(super) fn len(&self) -> usize {
        self.shelf().chunks.iter().map(|chunk| chunk.bytes().len()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        let shelf = self.shelf();
        shelf.chunks.is_empty() && shelf.last.is_none()
    }

    /// Whether the end was found, and nobody was told.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.shelf().last, Some(Ok(())))
    }

    /// The source stands elsewhere: what was read is of no use.
    pub(super) fn forget(&self) {
        let mut shelf = self.shelf();
        shelf.times = 1;
        let depth = shelf.depth();
        shelf.spare.truncate(depth);
        while let Some(chunk) = shelf.chunks.pop_front() {
            shelf.keep(chunk.buffer);
        }
        shelf.is_cramped = false;
        shelf.size = FIRST_CHUNK.min(shelf.most());
        // An error may hold foreign code, which runs under no lock.
        let last = shelf.last.take();
        drop(shelf);
        drop(last);
    }

    /// Nobody will take anything.
    pub(super) fn clear(&self) {
        let mut shelf = self.shelf();
        (shelf.flows, shelf.is_abandoned) = (false, true);
        let buffers = (std::mem::take(&mut shelf.chunks), std::mem::take(&mut shelf.spare));
        drop(shelf);
        drop(buffers);
    }

    // --- The job's side, in a turn of the lane. ---

    /// One chunk, or of a file several: then this ends before long all the same, as nobody is told before.
    pub(super) fn fill<T: Read + 'static>(&self, source: &mut T, writer: Option<&Writer<T>>) {
        let batch = Instant::now();
        let mut begun = batch;
        while let Some((buffer, size)) = self.room(source) {
            let mut place = Place::new(buffer, size);
            let outcome = writer.map_or(Ok(()), |writer| writer.write_out(source));
            let outcome = outcome.and_then(|()| read(source, place.bytes()));
            let ended = Instant::now();
            let goes_on = self.put(place, outcome, ended - begun);
            if !goes_on || ended - batch >= BATCH {
                return;
            }
            begun = ended;
        }
    }

    /// A buffer, perhaps an empty one, and how much to read into it; if there is to be a read.
    fn room<T: 'static>(&self, source: &T) -> Option<(Vec<u8>, usize)> {
        let mut shelf = self.shelf();
        if !shelf.flows {
            return None;
        }
        if shelf.source == Source::Unknown {
            drop(shelf);
            let kind = Source::of(source);
            shelf = self.shelf();
            shelf.source = kind;
            shelf.size = shelf.size.min(shelf.most());
        }
        if shelf.chunks.len() + 1 >= shelf.depth() {
            // Not while the chunks themselves grow: there would be many small ones.
            shelf.is_cramped = shelf.source == Source::File && shelf.size == shelf.most();
            return None;
        }
        Some((shelf.spare.pop().unwrap_or_default(), shelf.size))
    }

    /// What a read has brought. Whether another is to be made at once.
    fn put(&self, place: Place, outcome: io::Result<usize>, took: Duration) -> bool {
        let Place { buffer, begin, size } = place;
        let shelf = &mut *self.shelf();
        if shelf.is_abandoned {
            return false;
        }
        let is_full = matches!(&outcome, Ok(read) if *read == size);
        shelf.flows &= is_full;
        match outcome {
            Ok(read @ 1..) => shelf.chunks.push_back(Chunk { buffer, begin, end: begin + read }),
            last => {
                shelf.last = Some(last.map(drop));
                shelf.keep(buffer);
            }
        }
        shelf.is_prompt = is_full && took < PROMPT;
        let most = shelf.most();
        if is_full && took < GROWS_WITHIN {
            shelf.size = (size * 2).min(most);
        }
        shelf.flows && shelf.source == Source::File && size == most
    }
}

/// Whether to ask for more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Not before the user wants it.
    Ended,
    /// There is little left.
    Low,
    /// There is enough; unless a job is at it anyway, which another may follow.
    Full,
}

/// Where in a buffer its bytes are to begin. A large one that is fresh from the allocator begins 16 bytes behind a page's begin, and the kernel copies into
/// such a place at a third of the speed, on AMD processors at least: measured 1.8 GiB/s there, 5 to 7 elsewhere. A quarter of a page is far from that, and
/// from where the reader's own buffer is likely to begin.
fn begin(buffer: &[u8]) -> usize {
    if buffer.len() < LARGE + PAGE { 0 } else { (PAGE / 4).wrapping_sub(buffer.as_ptr() as usize) % PAGE }
}

/// One read, and another if a signal interrupted it.
fn read<T: Read>(source: &mut T, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match catch_unwind(AssertUnwindSafe(|| source.read(buffer))) {
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Ok(outcome) => return outcome.map(|read| read.min(buffer.len())),
            Err(payload) => return Err(io::Error::other(JobError::Panicked(Panic::new(payload)))),
        }
    }
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_sure_to_go_on() {
        let file = tempfile::tempfile().unwrap();
        assert!(Source::of(&file) == Source::Other, "empty");
        file.set_len(1).unwrap();
        assert!(Source::of(&file) == Source::File);
        assert!(Source::of(&std::io::Cursor::new([0])) == Source::Other);
        #[cfg(unix)]
        assert!(Source::of(&File::open("/").unwrap()) == Source::Other);
        #[cfg(unix)]
        {
            let (pipe, _end) = rustix::pipe::pipe().unwrap();
            assert!(Source::of(&File::from(pipe)) == Source::Other);
        }
    }

    /// As much as is asked for; then all of it is taken.
    #[cfg(target_os = "linux")]
    fn pass_through(stock: &Stock, source: &mut File) {
        stock.begin();
        for _ in 0..40 {
            stock.fill(source, None::<&Writer<File>>);
        }
        assert!(stock.len() < stock.shelf().capacity, "{} bytes", stock.len());
        while let (Taken::Chunk(chunk), _) = stock.take(None) {
            stock.shelf().keep(chunk.into_buffer());
        }
        stock.deepen();
    }

    /// A closure may put another file in its place at any time, also when its user is about to get more room.
    #[cfg(target_os = "linux")]
    #[test]
    fn room_is_for_one_file_at_one_place() {
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        let is_at_first = |stock: &Stock| {
            let shelf = stock.shelf();
            shelf.times == 1 && shelf.spare.len() <= FILE_CHUNKS && !shelf.is_cramped
        };
        for moves in [true, false] {
            let stock = Stock::new(8 << 20);
            for depth in [16, 32, 64, 64] {
                pass_through(&stock, &mut file);
                assert_eq!(stock.shelf().depth(), depth);
            }
            // Once more, but for the last.
            stock.begin();
            for _ in 0..40 {
                stock.fill(&mut file, None::<&Writer<File>>);
            }
            assert!(stock.shelf().is_cramped);
            // As if reads were slow.
            stock.shelf().size = FIRST_CHUNK;
            stock.fill(&mut file, None::<&Writer<File>>);
            assert!(!stock.shelf().is_cramped);
            if moves {
                stock.forget();
                assert!(is_at_first(&stock) && stock.is_empty() && stock.shelf().size == FIRST_CHUNK);
                for _ in 0..6 {
                    pass_through(&stock, &mut file);
                }
                assert!(stock.shelf().spare.len() > FILE_CHUNKS);
                stock.forget();
                assert!(is_at_first(&stock));
            } else {
                while !stock.is_empty() {
                    drop(stock.take(None));
                }
                stock.look_again();
                assert!(is_at_first(&stock));
                for _ in 0..8 {
                    pass_through(&stock, &mut File::open("/dev/zero").unwrap());
                }
                assert_eq!(stock.shelf().size, LONGEST_CHUNK);
                assert_eq!(stock.shelf().depth(), CHUNKS, "nobody is faster than that");
                stock.look_again();
                stock.begin();
                stock.fill(&mut file, None::<&Writer<File>>);
                assert_eq!(stock.shelf().chunks[0].bytes().len(), FILE_CHUNK);
            }
        }
    }

    /// Closed in the midst of a read.
    #[test]
    fn nothing_is_put_where_nobody_takes() {
        struct Cleared(std::sync::Arc<Stock>);
        impl Read for Cleared {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.clear();
                Ok(buffer.len())
            }
        }
        let stock = std::sync::Arc::new(Stock::new(4 << 20));
        stock.begin();
        stock.fill(&mut Cleared(stock.clone()), None::<&Writer<Cleared>>);
        assert!(stock.is_empty() && stock.shelf().spare.is_empty());
    }

    /// Jobs that come after a short read, or after a stop.
    #[test]
    fn a_job_that_is_not_wanted_reads_nothing() {
        let stock = Stock::new(4 << 20);
        let mut source = std::io::Cursor::new([7; 100]);
        let mut fill = || stock.fill(&mut source, None::<&Writer<std::io::Cursor<[u8; 100]>>>);
        stock.begin();
        stock.stop();
        fill();
        assert!(stock.is_empty());
        stock.begin();
        fill();
        fill();
        assert_eq!(stock.len(), 100);
        assert!(!stock.is_at_end());
    }
}
