//! Those who wait for room, by ring. See `README.md`, "No room".

use super::front::Back;
use crate::wait_list::{Ticket, WaitList};
use std::task::Waker;

/// So many lists. Rings whose numbers differ by a multiple of it share one: then a thread may be woken for another one's room.
const LISTS: u64 = if cfg!(aside_loom) { 2 } else { 16 };

/// An attempt found none.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRoom {
    pub(super) ring: u64,
}

/// Where somebody waits: the ring, and the place in its list. To be given to [`Room::leave`].
pub(super) type Place = Option<(u64, Option<Ticket>)>;

pub(super) struct Room {
    lists: [WaitList; LISTS as usize],
}

impl Room {
    pub(super) fn new() -> Self {
        Self { lists: std::array::from_fn(|_| WaitList::new()) }
    }

    fn of(&self, ring: u64) -> &WaitList {
        &self.lists[(ring % LISTS) as usize]
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

    pub(super) fn wake(&self, ring: u64) {
        self.of(ring).wake_all();
    }

    pub(super) fn wake_all(&self) {
        self.lists.iter().for_each(WaitList::wake_all);
    }

    /// Whether anybody waits who was not woken.
    pub(super) fn has_waiting(&self) -> bool {
        self.lists.iter().any(|list| !list.is_empty())
    }

    /// Gives the room back that was made in a ring, and wakes who waits for it: if it is worth while, or in any case if there will not be more in this
    /// pass.
    #[inline]
    pub(super) fn give_back(&self, ring: &mut Back, will_be_more: bool) {
        let is_worth_it = if will_be_more { ring.consumer.has_share() } else { ring.consumer.is_unsettled() };
        if is_worth_it {
            ring.consumer.settle();
            self.wake(ring.number);
        }
    }
}

#[cfg(all(test, aside_loom))]
mod model {
    use super::*;
    use crate::log::front::new_ring;
    use crate::sync::{Ordering, check, counting_waker};
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
}
