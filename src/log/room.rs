//! Those who wait for room, by ring. See `README.md`, "No room".

use super::front::Back;
use crate::patience::{Patience, ROOM_SPIN};
use crate::wait_list::{Ticket, WaitList};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// So many lists, but for the guests' one. Rings whose numbers differ by a multiple of it share one: then a thread may be woken for another one's room.
const LISTS: u64 = if cfg!(aside_loom) { 2 } else { 16 };

/// An attempt found none.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRoom {
    pub(super) ring: u64,
}

thread_local! {
    /// This thread's experience with that. Without a destructor.
    static PATIENCE: Cell<Patience> = const { Cell::new(Patience::new()) };
}

/// Tries for a moment, if that has been of use lately.
pub(super) fn spin(attempt: impl FnMut() -> bool) -> bool {
    let mut patience = PATIENCE.get();
    // Loom has no clock to end a spin by.
    let succeeded = !cfg!(aside_loom) && patience.spin(ROOM_SPIN, attempt);
    PATIENCE.set(patience);
    succeeded
}

/// Where somebody waits: the ring, and the place in its list. To be given to [`Room::leave`].
pub(super) type Place = Option<(u64, Option<Ticket>)>;

pub(super) struct Room {
    lists: [WaitList; LISTS as usize],
    /// Of the one ring that many threads may wait for.
    guests: WaitList,
    /// Some of them were called, and nobody has begun to wait since.
    is_guests_turn: AtomicBool,
}

impl Room {
    pub(super) fn new() -> Self {
        let lists = std::array::from_fn(|_| WaitList::new());
        Self { lists, guests: WaitList::new(), is_guests_turn: AtomicBool::new(false) }
    }

    fn of(&self, ring: u64) -> &WaitList {
        if ring == 0 { &self.guests } else { &self.lists[(ring % LISTS) as usize] }
    }

    /// Has the waker called, once, when there is room in a ring again. The caller must look for room again afterwards. Whoever waited for another ring before does no
    /// more.
    pub(super) fn register(&self, place: &mut Place, ring: u64, waker: &Waker) {
        if place.as_ref().is_some_and(|&(other, _)| other != ring) {
            self.leave(place.take());
        }
        let (_, ticket) = place.get_or_insert((ring, None));
        if ring == 0 {
            // Relaxed: a hint.
            self.is_guests_turn.store(false, Ordering::Relaxed);
        }
        self.of(ring).register(ticket, waker);
    }

    /// Waits no more. One of the guests who was called calls the next one: there may be room for both, or this one had found it before it was called.
    pub(super) fn leave(&self, place: Place) {
        if let Some((ring, Some(ticket))) = place {
            let was_called = !self.of(ring).leave(ticket);
            if was_called && ring == 0 {
                self.guests.wake_one();
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &WaitList> {
        self.lists.iter().chain([&self.guests])
    }

    pub(super) fn wake(&self, ring: u64) {
        self.of(ring).wake_all();
    }

    pub(super) fn wake_all(&self) {
        self.all().for_each(WaitList::wake_all);
    }

    /// Whether anybody waits for the drain. Not those who were woken, nor the guests who come after them.
    pub(super) fn has_waiting(&self) -> bool {
        let is_guests_turn = self.is_guests_turn.load(Ordering::Relaxed);
        self.lists.iter().any(|list| !list.is_empty()) || !is_guests_turn && !self.guests.is_empty()
    }

    /// Gives the room back that was made in a ring, and wakes who waits for it: if it is worth while, or in any case if there will not be more in this
    /// pass.
    #[inline]
    pub(super) fn give_back(&self, ring: &mut Back, will_be_more: bool) {
        let unsettled = ring.consumer.unsettled();
        let is_worth_it = if will_be_more { ring.consumer.has_share() } else { unsettled > 0 };
        if is_worth_it {
            ring.consumer.settle();
            if ring.number == 0 {
                // Of very many threads few would find room: as many as had it. Each of them calls another one when it is done (see `leave`). Or it finds no
                // room, and is followed by another wake, as the ring is not empty then.
                self.guests.wake_some(unsettled as usize);
                self.is_guests_turn.store(true, Ordering::Relaxed);
            } else {
                self.wake(ring.number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::front::{Front, new_ring};
    use crate::sync::{CountingWaker, Mutex, counting_waker, lock};
    use std::sync::Arc;

    /// Who logs a record to the guests' ring.
    struct Guest {
        record: Vec<u8>,
        waker: Waker,
        woken: Arc<CountingWaker>,
        place: Place,
        is_done: bool,
    }

    impl Guest {
        fn new(len: usize) -> Self {
            let (woken, waker) = counting_waker();
            Self { record: vec![1; len], waker, woken, place: None, is_done: false }
        }

        fn log(&mut self, ring: &Mutex<Front>) {
            self.is_done = lock(ring).push(&self.record, 0).is_ok();
        }

        fn register(&mut self, room: &Room) {
            room.register(&mut self.place, 0, &self.waker);
        }

        fn is_called(&self) -> bool {
            self.woken.0.swap(0, Ordering::Relaxed) > 0
        }

        /// As whoever waits does at first, and whenever it was woken.
        #[cfg(aside_loom)]
        fn poll(&mut self, room: &Room, ring: &Mutex<Front>) {
            self.log(ring);
            if !self.is_done {
                self.register(room);
                self.log(ring);
            }
            if self.is_done {
                room.leave(self.place.take());
            }
        }
    }

    /// What the drain does with the guests' ring in a pass. Returns how many records there were.
    fn pass(room: &Room, back: &mut Back) -> u64 {
        let records = back.consumer.committed() - back.consumer.released();
        back.consumer.release(records);
        room.give_back(back, false);
        records
    }

    #[cfg(not(aside_loom))]
    mod steps {
        use super::*;

        #[derive(Clone, Copy, PartialEq)]
        enum Next {
            Log,
            Register,
            LogAgain,
            Park,
            Leave,
            Nothing,
        }

        fn step(guest: &mut Guest, next: Next, room: &Room, ring: &Mutex<Front>) -> Next {
            match next {
                Next::Log | Next::LogAgain => {
                    guest.log(ring);
                    match next {
                        _ if guest.is_done => Next::Leave,
                        Next::Log => Next::Register,
                        _ => Next::Park,
                    }
                }
                Next::Register => {
                    guest.register(room);
                    Next::LogAgain
                }
                Next::Park if guest.is_called() => Next::Log,
                Next::Park => Next::Park,
                Next::Leave => {
                    room.leave(guest.place.take());
                    Next::Nothing
                }
                Next::Nothing => Next::Nothing,
            }
        }

        /// Until it has logged, or is to be called.
        fn go_on(guest: &mut (Guest, Next), room: &Room, ring: &Mutex<Front>) {
            loop {
                let next = step(&mut guest.0, guest.1, room, ring);
                if next == guest.1 || next == Next::Leave {
                    guest.1 = next;
                    return;
                }
                guest.1 = next;
            }
        }

        /// Many have found room by themselves, and are late to leave the list. So they are called, and not those behind them.
        #[test]
        fn who_is_called_and_needs_it_no_more_calls_another() {
            let room = Room::new();
            let (front, mut back) = new_ring(0, 1024, None, None).unwrap();
            let ring = Mutex::new(front);
            let new = || (Guest::new(512), Next::Log);
            // Two fill it.
            let mut full = [(); 2].map(|()| new());
            full.iter_mut().for_each(|guest| go_on(guest, &room, &ring));
            let (mut first, mut late, mut last) = ([(); 4].map(|()| new()), [(); 6].map(|()| new()), new());
            first.iter_mut().for_each(|guest| go_on(guest, &room, &ring));
            for (guest, next) in &mut late {
                *next = step(guest, Next::Log, &room, &ring);
                *next = step(guest, *next, &room, &ring);
            }
            for two in late.chunks_mut(2) {
                assert_eq!(pass(&room, &mut back), 2);
                for (guest, next) in two {
                    *next = step(guest, *next, &room, &ring);
                    assert!(guest.is_done);
                }
                first.iter_mut().for_each(|guest| go_on(guest, &room, &ring));
            }
            go_on(&mut last, &room, &ring);
            while pass(&room, &mut back) > 0 {
                first.iter_mut().chain([&mut last]).for_each(|guest| {
                    if guest.1 == Next::Park {
                        go_on(guest, &room, &ring);
                    }
                });
            }
            late.iter_mut().chain(&mut first).for_each(|guest| go_on(guest, &room, &ring));
            go_on(&mut last, &room, &ring);
            assert!(last.0.is_done, "waits for ever");
        }

        /// However late somebody is who has found room and still stands in the list: nobody is left there.
        #[test]
        fn guests_in_any_order_have_their_turn() {
            for seed in 0..5_000 {
                let mut random = fastrand::Rng::with_seed(seed);
                let room = Room::new();
                let (front, mut back) = new_ring(0, 1024, None, None).unwrap();
                let ring = Mutex::new(front);
                let mut guests: Vec<(Guest, Next)> = (0..random.usize(4..16))
                    .map(|_| (Guest::new(random.usize(200..=512)), Next::Log))
                    .collect();
                let mut late = true;
                let mut quiet = 0;
                while quiet < 500 {
                    quiet += 1;
                    let at = random.usize(..guests.len());
                    let (guest, next) = &mut guests[at];
                    let before = *next;
                    if before != Next::Leave || !late {
                        *next = step(guest, before, &room, &ring);
                    }
                    if *next != before {
                        quiet = 0;
                    }
                    if *next == Next::LogAgain && random.u8(..3) == 0 {
                        // Before a write.
                        let end = back.consumer.committed();
                        let reach = back.consumer.run(end, u64::MAX, usize::MAX).reach;
                        back.consumer.advance(reach);
                        back.consumer.publish();
                    } else if random.u8(..6) == 0 {
                        pass(&room, &mut back);
                    }
                    if quiet == 499 && std::mem::take(&mut late) {
                        quiet = 0;
                    }
                }
                let left = guests.iter().filter(|(_, next)| *next != Next::Nothing).count();
                assert_eq!(left, 0, "wait for ever: seed {seed}");
            }
        }

        /// A write of the drain makes room for many short ones, who are quick to fill it: one that needs the room of several writes does not wait for ever.
        #[test]
        fn a_guest_that_logs_much_has_its_turn_among_those_who_log_little() {
            let (mut front, mut back) = new_ring(0, 1 << 18, None, None).unwrap();
            let fill = |front: &mut Front| while front.push(&[1; 60], 0).is_ok() {};
            fill(&mut front);
            let had_its_turn = (0..100).any(|_| {
                let end = back.consumer.committed();
                let reach = back.consumer.run(end, u64::MAX, 64 * 1024).reach;
                back.consumer.advance(reach);
                back.consumer.publish();
                let is_done = front.push(&[2; 1 << 17], 0).is_ok();
                fill(&mut front);
                is_done
            });
            assert!(had_its_turn, "waits for ever");
        }

        /// While the first of the guests have their turn, the others do not keep the drain from its nap.
        #[test]
        fn guests_behind_those_who_are_called_are_in_no_hurry() {
            let room = Room::new();
            let (front, mut back) = new_ring(0, 1024, None, None).unwrap();
            let ring = Mutex::new(front);
            lock(&ring).push(&[1; 512], 0).unwrap();
            lock(&ring).push(&[1; 512], 0).unwrap();
            let mut guests = [(); 5].map(|()| Guest::new(512));
            guests.iter_mut().for_each(|guest| guest.register(&room));
            assert!(room.has_waiting());
            assert_eq!(pass(&room, &mut back), 2);
            assert!(!room.has_waiting());
            guests[1].log(&ring);
            room.leave(guests[1].place.take());
            assert!(!room.has_waiting());
            // One who finds no room, as others were there before.
            guests[0].register(&room);
            assert!(room.has_waiting());
        }
    }

    #[cfg(aside_loom)]
    mod model {
        use super::*;
        use crate::sync::check;
        use loom::thread;

        /// A thread that waits finds room, or is woken, although room is published before the drain wakes for it.
        #[test]
        fn log_wait_for_room_against_give_back() {
            check(|| {
                let room = Arc::new(Room::new());
                let (mut front, mut back) = new_ring(1, 8, None, None).unwrap();
                front.push(&[1], 0).unwrap();
                front.push(&[2], 0).unwrap();
                let (woken, waker) = counting_waker();
                let logging = {
                    let room = room.clone();
                    thread::spawn(move || {
                        let mut place = None;
                        if front.push(&[3], 0).is_ok() {
                            return true;
                        }
                        room.register(&mut place, front.number, &waker);
                        front.push(&[3], 0).is_ok()
                    })
                };
                // One of the two, then a write.
                let reach = back.consumer.run(1, u64::MAX, usize::MAX).reach;
                back.consumer.advance(reach);
                back.consumer.publish();
                // And the end of the pass.
                room.give_back(&mut back, false);
                assert!(logging.join().unwrap() || woken.0.load(Ordering::Relaxed) > 0);
            });
        }

        /// Many wait for the guests' ring, of whom some are woken at a time: all have their turn.
        #[test]
        fn log_many_wait_for_room_in_the_guests_ring() {
            check(|| {
                let room = Arc::new(Room::new());
                let (front, mut back) = new_ring(0, 8, None, None).unwrap();
                let ring = Arc::new(Mutex::new(front));
                let mut guests: Vec<Guest> = std::iter::repeat_with(|| Guest::new(4)).take(8).collect();
                // The first two fill it.
                guests.iter_mut().for_each(|guest| guest.poll(&room, &ring));
                let late = {
                    let (room, ring) = (room.clone(), ring.clone());
                    thread::spawn(move || {
                        let mut guest = Guest::new(4);
                        guest.poll(&room, &ring);
                        guest
                    })
                };
                pass(&room, &mut back);
                guests.push(late.join().unwrap());
                while guests.iter().any(|guest| !guest.is_done) {
                    for guest in &mut guests {
                        if !guest.is_done && guest.is_called() {
                            guest.poll(&room, &ring);
                        }
                    }
                    assert!(pass(&room, &mut back) > 0, "those that are left wait for ever");
                }
            });
        }
    }
}
