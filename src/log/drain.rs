//! A drain's passes: from the rings to the sink. See `README.md`, "A pass".

use super::builder::Order;
use super::drops::Dropped;
use super::front::{Back, Draining};
use super::shared::Shared;
use super::sink::{OnError, Out, Sink, call};
use super::tail::Tell;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What one write brings out at most, but for a single long record.
const BATCH: usize = 64 * 1024;
/// Shorter runs are copied together: a slice of its own costs the kernel more.
const SHORT: usize = 16 * 1024;

/// The drain's own things.
pub(super) struct Backend {
    out: Out,
    /// The guests' ring first.
    rings: Vec<Back>,
    /// How many of those that were ever made are here or gone.
    fetched: u64,
    /// For each ring: the snapshots of this pass.
    first: Vec<u64>,
    second: Vec<u64>,
    /// Rings with records to be emitted in this pass, with the stamp of the oldest.
    heads: Vec<(u64, usize)>,
    staged: Staged,
    /// Why the sink's last flush failed, if it did.
    pub(super) unflushed: Option<Arc<io::Error>>,
}

/// Records that were copied together.
struct Staged {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// Which of them are the writer's own, and not counted.
    own: Vec<usize>,
}

impl Staged {
    fn push_own(&mut self, record: &[u8]) {
        self.own.push(self.ends.len());
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    /// How many of the first so many are not the writer's own.
    fn counted(&self, first: usize) -> usize {
        first - self.own.partition_point(|&own| own < first)
    }
}

/// What a pass brought: bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Brought(pub(super) usize);

impl Backend {
    pub(super) fn new(sink: Sink, on_error: OnError, guests: Back) -> Self {
        Self {
            out: Out::new(sink, on_error),
            rings: vec![guests],
            fetched: 0,
            first: Vec::new(),
            second: Vec::new(),
            heads: Vec::new(),
            staged: Staged { bytes: Vec::new(), ends: Vec::new(), own: Vec::new() },
            unflushed: None,
        }
    }

    /// In a forked child: drops all but the sink.
    pub(super) fn disown(self) {
        self.out.disown();
    }

    /// Whether there is something to be brought.
    pub(super) fn has_records(&mut self, shared: &Shared) -> bool {
        self.fetch_fresh(shared);
        self.rings.iter().any(|ring| ring.waiting() > 0)
    }

    /// Gives away rings that nobody writes into.
    pub(super) fn forget(&mut self, unused: impl Fn(u64) -> bool) -> Vec<Back> {
        let (forgotten, kept) = self.rings.drain(..).partition(|ring| unused(ring.number));
        self.rings = kept;
        forgotten
    }

    fn fetch_fresh(&mut self, shared: &Shared) {
        self.rings.extend(shared.pool.fetch_fresh(&mut self.fetched));
    }

    /// Brings all that was committed before the pass, and what else is in order. Contains the sink's panics.
    pub(super) fn pass(&mut self, shared: &Shared) -> Brought {
        let draining = Draining::of(shared.id);
        let passed = call("sink", || self.try_pass(shared));
        drop(draining);
        if shared.is_orphaned() {
            // The sink forked, and this is the child: the records are the parent's.
            return Brought(0);
        }
        let failure = match passed {
            Ok(Ok(brought)) => return brought,
            Ok(Err(error)) | Err(error) => error,
        };
        shared.break_off(failure);
        Brought(0)
    }

    fn try_pass(&mut self, shared: &Shared) -> io::Result<Brought> {
        // Said under this lock, or by who could start no drain.
        if shared.alarm.look().is_broken() {
            return Ok(Brought(0));
        }
        // Before the snapshots: what was logged before that is in them.
        let asked = shared.flushes.take_up();
        let errands = shared.errands.take();
        let untold = shared.drops.untold();
        let mut brought = 0;
        // The guests' ring first: what its threads logged into rings of their own before is in the later snapshots, too.
        self.first.clear();
        self.copy_out(shared, 0..1, u64::MAX);
        let guests = self.rings[0].consumer.committed();
        self.fetch_fresh(shared);
        self.copy_out(shared, 1..self.rings.len(), u64::MAX);
        self.first.push(guests);
        self.first.extend(self.rings[1..].iter().map(|ring| ring.consumer.committed()));
        match shared.config.order {
            Order::PerThread => {
                for index in (1..self.rings.len()).chain([0]) {
                    let end = self.first[index];
                    while self.rings[index].consumer.released() < end {
                        brought += self.bring(shared, index, end, u64::MAX)?;
                        shared.room.give_back(&mut self.rings[index], true);
                    }
                    shared.room.give_back(&mut self.rings[index], false);
                }
            }
            Order::Causal => {
                brought += self.merge(shared)?;
                // Only if stamps have fallen (the processor's counter began anew when the machine woke up): then nothing is held up.
                if self.has_left() {
                    brought += self.emit(shared, u64::MAX)?;
                }
            }
        }
        if shared.discards() {
            // Those that no record came after, so far.
            for index in 0..self.rings.len() {
                self.tell_discarded(shared, index, u64::MAX)?;
            }
        }
        if let Some(dropped) = shared.drops.tell(untold) {
            brought += self.report(shared, &dropped)?;
        }
        let has_errands = !errands.is_empty();
        let wants_flush = brought > 0 || !self.staged.ends.is_empty() || has_errands;
        write_staged(&mut self.out, &mut self.staged, shared)?;
        if wants_flush || asked.is_some() {
            self.unflushed = self.out.flush()?.map(Arc::new);
        }
        for errand in errands {
            errand.run(&mut self.out, self.unflushed.clone());
        }
        if let Some(asked) = &asked {
            shared.flushes.finish(asked, self.unflushed.clone());
        }
        if asked.is_some() || has_errands {
            shared.waiters.wake_all();
        }
        Ok(Brought(brought))
    }

    /// Tells of dropped records, behind what is staged. Returns how many bytes that takes.
    fn report(&mut self, shared: &Shared, dropped: &Dropped) -> io::Result<usize> {
        if let Some(on_drop) = &shared.config.on_drop {
            call("`on_drop`", || on_drop(dropped))?;
        }
        if !shared.config.report_drops {
            return Ok(0);
        }
        let report = format!("[aside: {dropped}]\n");
        self.staged.push_own(report.as_bytes());
        Ok(report.len())
    }

    /// Emits by stamp up to the latest one of the first snapshot.
    fn merge(&mut self, shared: &Shared) -> io::Result<usize> {
        let newest = |(ring, &end): (&Back, &u64)| {
            (end > ring.consumer.released()).then(|| ring.consumer.stamp(end - 1))
        };
        let Some(limit) = self.rings.iter().zip(&self.first).filter_map(newest).max() else {
            return Ok(0);
        };
        // All that came before anything in the first snapshot is in the second.
        self.fetch_fresh(shared);
        self.copy_out(shared, 0..self.rings.len(), limit);
        self.second.clear();
        self.second.extend(self.rings.iter().map(|ring| ring.consumer.committed()));
        self.emit(shared, limit)
    }

    /// Whether anything of the first snapshot was not emitted.
    fn has_left(&self) -> bool {
        self.rings.iter().zip(&self.first).any(|(ring, &end)| ring.consumer.released() < end)
    }

    /// Emits of the second snapshot what is stamped `limit` or before, by stamp.
    fn emit(&mut self, shared: &Shared, limit: u64) -> io::Result<usize> {
        self.heads.clear();
        for index in 0..self.rings.len() {
            self.heads.extend(self.head(index, limit));
        }
        let mut brought = 0;
        while !self.heads.is_empty() {
            let (place, latest) = oldest(&self.heads, limit);
            let index = self.heads[place].1;
            brought += self.bring(shared, index, self.second[index], latest)?;
            let head = self.head(index, limit);
            match head {
                Some(head) => self.heads[place] = head,
                None => drop(self.heads.swap_remove(place)),
            }
            shared.room.give_back(&mut self.rings[index], head.is_some());
        }
        Ok(brought)
    }

    /// The oldest record of a ring, if it is to be emitted in this pass.
    fn head(&self, index: usize, limit: u64) -> Option<(u64, usize)> {
        let consumer = &self.rings[index].consumer;
        let oldest = consumer.released();
        if oldest >= self.second[index] {
            return None;
        }
        let stamp = consumer.stamp(oldest);
        (stamp <= limit).then_some((stamp, index))
    }

    /// Copies out of some rings, where the drain does not write records from where they lie.
    fn copy_out(&mut self, shared: &Shared, rings: Range<usize>, latest: u64) {
        if shared.discards() {
            for ring in &mut self.rings[rings] {
                ring.copy_out(latest);
                shared.room.wake(ring.number);
            }
        }
    }

    /// Tells what was discarded before the next record of a ring. Returns the first record, up to `end`, that must not be emitted
    /// before something else is told.
    #[cold]
    fn tell_discarded(&mut self, shared: &Shared, index: usize, end: u64) -> io::Result<u64> {
        loop {
            let ring = &mut self.rings[index];
            let next = ring.consumer.released();
            match ring.source.as_mut().map(|source| source.tell_at(next)) {
                Some(Tell::Now(dropped)) => self.report(shared, &dropped)?,
                Some(Tell::Before(number)) => return Ok(end.min(number)),
                Some(Tell::Nothing) | None => return Ok(end),
            };
        }
    }

    /// Emits some records of a ring: at least one, which must be there. Returns how many bytes, at least 1.
    fn bring(&mut self, shared: &Shared, index: usize, end: u64, latest: u64) -> io::Result<usize> {
        let end = if shared.discards() { self.tell_discarded(shared, index, end)? } else { end };
        let ring = &self.rings[index];
        let run = ring.consumer.run(end, latest, BATCH);
        let records = run.records;
        if records == 0 {
            // A mark: the record itself is elsewhere.
            let record = ring.long.pop().unwrap_or_default();
            publish(&self.rings);
            write_staged(&mut self.out, &mut self.staged, shared)?;
            let (written, outcome) = self.out.write([&record, b""]);
            let is_whole = written == record.len();
            account(&mut self.out, shared, written, 1, usize::from(is_whole), !is_whole && written > 0);
            self.rings[index].consumer.release(1);
            shared.room.give_back(&mut self.rings[index], false);
            return outcome.map(|()| record.len().max(1));
        }
        let (len, reach) = (run.len(), run.reach);
        if len < SHORT {
            if self.staged.bytes.len() + len > BATCH {
                publish(&self.rings);
                write_staged(&mut self.out, &mut self.staged, shared)?;
            }
            let mut position = self.staged.bytes.len();
            self.staged.bytes.extend_from_slice(run.bytes[0]);
            self.staged.bytes.extend_from_slice(run.bytes[1]);
            let oldest = ring.consumer.released();
            for record in oldest..oldest + records {
                position += ring.consumer.len_of(record);
                self.staged.ends.push(position);
            }
            self.rings[index].consumer.advance(reach);
            return Ok(len.max(1));
        }
        publish(&self.rings);
        write_staged(&mut self.out, &mut self.staged, shared)?;
        let (written, outcome) = self.out.write(run.bytes);
        let (mut whole, mut position) = (records, len);
        if written < len {
            (whole, position) = (0, 0);
            let oldest = ring.consumer.released();
            while position + ring.consumer.len_of(oldest + whole) <= written {
                position += ring.consumer.len_of(oldest + whole);
                whole += 1;
            }
        }
        account(&mut self.out, shared, written, records as usize, whole as usize, position < written);
        self.rings[index].consumer.advance(reach);
        outcome.map(|()| len.max(1))
    }

    /// As after each pass: a ring may be taken out as soon as its own records are gone.
    #[cfg(all(test, aside_loom))]
    pub(super) fn sides_are_empty(&self) -> bool {
        let mut sides = self.rings.iter().filter(|ring| ring.source.is_some());
        sides.all(|ring| ring.consumer.committed() == ring.consumer.released())
    }

    /// How many records are here that will not be written.
    pub(super) fn left(&mut self, shared: &Shared) -> u64 {
        self.fetch_fresh(shared);
        self.rings.iter().map(Back::waiting).sum::<u64>() + self.staged.counted(self.staged.ends.len()) as u64
    }
}

/// Whose turn it is, and until when: another one has something older then.
fn oldest(heads: &[(u64, usize)], limit: u64) -> (usize, u64) {
    let (mut place, mut first, mut next) = (0, u64::MAX, limit);
    for (at, &(stamp, _)) in heads.iter().enumerate() {
        if stamp < first {
            next = next.min(first);
            (place, first) = (at, stamp);
        } else {
            next = next.min(stamp);
        }
    }
    (place, next)
}

/// Before the sink is called, which may take its time: what was copied is in nobody's way.
fn publish(rings: &[Back]) {
    rings.iter().for_each(|ring| ring.consumer.publish());
}

fn write_staged(out: &mut Out, staged: &mut Staged, shared: &Shared) -> io::Result<()> {
    if staged.ends.is_empty() {
        return Ok(());
    }
    let (written, outcome) = out.write([&staged.bytes, b""]);
    let whole = staged.ends.partition_point(|&end| end <= written);
    let is_torn =
        written < staged.bytes.len() && whole.checked_sub(1).map_or(0, |last| staged.ends[last]) < written;
    let records = staged.counted(staged.ends.len());
    account(out, shared, written, records, staged.counted(whole), is_torn);
    staged.bytes.clear();
    staged.ends.clear();
    staged.own.clear();
    outcome
}

/// Of so many records so many went out whole.
fn account(out: &mut Out, shared: &Shared, bytes: usize, records: usize, whole: usize, is_torn: bool) {
    if is_torn {
        out.tore();
    }
    let tally = &shared.tally;
    // One thread at a time writes these.
    let add = |count: &std::sync::atomic::AtomicU64, n: usize| {
        count.store(count.load(Ordering::Relaxed) + n as u64, Ordering::Relaxed);
    };
    add(&tally.written, whole);
    add(&tally.lost, records - whole);
    add(&tally.bytes, bytes);
    tally.writes.store(out.writes, Ordering::Relaxed);
}

#[cfg(all(test, not(aside_loom)))]
mod tests {
    use super::super::builder::Overflow;
    use super::super::stand::Stand;
    use super::*;

    /// As after a sleep of the machine, if its processor counts from 0 again. A pass brings all that was there in any case, as a flush relies on it.
    #[test]
    fn stamps_that_fall_hold_nothing_up() {
        for overflow in [Overflow::Block, Overflow::DropOldest] {
            let stand = Stand::new(Order::Causal, overflow);
            let (mut one, mut other) = (stand.front(), stand.front());
            for (record, stamp) in [(1, 1_000), (2, 5), (3, 900), (4, 7)] {
                one.push(&[record], stamp).unwrap();
            }
            other.push(&[5], 6).unwrap();
            assert!(stand.pass());
            assert!(!stand.pass(), "all was brought");
            let mut written = stand.finish();
            written.retain(|&record| record != 5);
            assert_eq!(written, [1, 2, 3, 4]);
        }
    }

    /// Another one may come to make a pass before the one that found out ends the writer.
    #[test]
    fn a_sink_that_failed_is_left_alone_and_what_is_left_is_counted() {
        let stand = Stand::new(Order::Causal, Overflow::Block);
        stand.fail();
        stand.front().push(&[1], 1).unwrap();
        assert!(!stand.pass());
        // In a ring that no pass has seen.
        stand.front().push(&[2], 2).unwrap();
        assert!(!stand.pass());
        stand.shared.end();
        let stats = stand.shared.stats();
        assert_eq!((stats.writes, stats.written, stats.lost), (1, 0, 2));
    }
}
