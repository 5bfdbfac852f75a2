//! Those who wait for room, by ring. See `README.md`, "No room".

use super::front::Back;
use crate::patience::{Patience, ROOM_SPIN};
use crate::wait_list::{Ticket, WaitList};
use std::cell::Cell;
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
}

impl Room {
    pub(super) fn new() -> Self {
        Self { lists: std::array::from_fn(|_| WaitList::new()), guests: WaitList::new() }
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
        self.of(ring).register(ticket, waker);
    }

    pub(super) fn leave(&self, place: Place) {
        if let Some((ring, Some(ticket))) = place {
            self.of(ring).leave(ticket);
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

    /// Whether anybody waits who was not woken.
    pub(super) fn has_waiting(&self) -> bool {
        self.all().any(|list| !list.is_empty())
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
                // Of very many threads few would find room. Twice as many as had it: theirs may be shorter. Whoever does not is followed by another wake, as
                // the ring is not empty then.
                self.guests.wake_some(2 * unsettled as usize);
            } else {
                self.wake(ring.number);
            }
        }
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::log::front::{Front, new_ring};
    use crate::sync::{CountingWaker, Mutex, Ordering, check, counting_waker, lock};
    use loom::thread;
    use std::sync::Arc;

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

    /// Who logs to the guests' ring.
    struct Guest {
        waker: Waker,
        woken: Arc<CountingWaker>,
        place: Place,
        is_done: bool,
    }

    impl Guest {
        fn new() -> Self {
            let (woken, waker) = counting_waker();
            Self { waker, woken, place: None, is_done: false }
        }

        /// As whoever waits does at first, and whenever it was woken.
        fn poll(&mut self, room: &Room, ring: &Mutex<Front>) {
            let log = || lock(ring).push(&[1; 4], 0).is_ok();
            self.is_done = log();
            if !self.is_done {
                room.register(&mut self.place, 0, &self.waker);
                self.is_done = log();
            }
        }
    }

    /// Many wait for the guests' ring, of whom some are woken at a time: all have their turn.
    #[test]
    fn log_many_wait_for_room_in_the_guests_ring() {
        check(|| {
            let room = Arc::new(Room::new());
            let (front, mut back) = new_ring(0, 8, None, None).unwrap();
            let ring = Arc::new(Mutex::new(front));
            let mut guests: Vec<Guest> = std::iter::repeat_with(Guest::new).take(8).collect();
            // The first two fill it.
            guests.iter_mut().for_each(|guest| guest.poll(&room, &ring));
            let late = {
                let (room, ring) = (room.clone(), ring.clone());
                thread::spawn(move || {
                    let mut guest = Guest::new();
                    guest.poll(&room, &ring);
                    guest
                })
            };
            let mut pass = || {
                let records = back.consumer.committed() - back.consumer.released();
                back.consumer.release(records);
                room.give_back(&mut back, false);
                records
            };
            pass();
            guests.push(late.join().unwrap());
            while guests.iter().any(|guest| !guest.is_done) {
                for guest in &mut guests {
                    if !guest.is_done && guest.woken.0.swap(0, Ordering::Relaxed) > 0 {
                        guest.poll(&room, &ring);
                    }
                }
                assert!(pass() > 0, "those that are left wait for ever");
            }
        });
    }
}
