//! A loop that knows nothing of descriptors, as a GUI's: it is woken by events that are posted to it.
//!
//! winit has an `EventLoopProxy<UserEvent>` for that, glib a `MainContext::invoke`, Windows a `PostMessage`. Here the loop is a
//! channel, and the notifier posts `UserEvent::Dispatch` through its proxy. Dispatches are kept short, so that frames come in time: what does
//! not fit is announced again, behind what the user does.
//!
//! ```text
//! cargo run --example notifier
//! ```

use aside::{Completions, offload};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

const THUMBNAILS: usize = 12;
/// What one dispatch may take of a frame.
const BUDGET: Duration = Duration::from_millis(4);
const PAINT: Duration = Duration::from_millis(2);

enum UserEvent {
    /// There is something to dispatch.
    Dispatch,
    Key(char),
}

/// As winit's: anybody may have one, on any thread.
type EventLoopProxy = Sender<UserEvent>;

struct EventLoop {
    events: Receiver<UserEvent>,
}

impl EventLoop {
    fn new() -> (Self, EventLoopProxy) {
        let (proxy, events) = mpsc::channel();
        (Self { events }, proxy)
    }

    /// Hands on events until the application has had enough.
    fn run(self, mut on_event: impl FnMut(UserEvent) -> bool) {
        while let Ok(event) = self.events.recv_timeout(Duration::from_secs(2)) {
            if !on_event(event) {
                return;
            }
        }
    }
}

/// Widgets belong to the loop's thread and have no locks.
#[derive(Default)]
struct Window {
    thumbnails: usize,
    keys: String,
}

impl Window {
    fn paint(&mut self, number: usize, pixels: &[u8]) {
        thread::sleep(PAINT);
        self.thumbnails += 1;
        println!("painted thumbnail {number} of {} pixels", pixels.len());
    }
}

fn main() {
    let (event_loop, proxy) = EventLoop::new();
    let to_loop = proxy.clone();
    let completions = Completions::with_notifier(move || {
        // Called on an offload thread, mostly. If the loop is gone there is nobody to wake.
        let _ = to_loop.send(UserEvent::Dispatch);
    })
    .expect("a descriptor is to be had");

    let window = Rc::new(RefCell::new(Window::default()));
    for number in 0..THUMBNAILS {
        let window = window.clone();
        offload(move || decode(number)).on_done_in(&completions, move |pixels| {
            window.borrow_mut().paint(number, &pixels.expect("decoding does not panic"));
        });
    }
    let user = thread::spawn(move || type_in(&proxy));

    let mut announced = 0;
    event_loop.run(|event| {
        match event {
            UserEvent::Dispatch => {
                announced += 1;
                let ran = completions.dispatch_up_to(usize::MAX, BUDGET);
                println!("frame: {ran} callbacks ran, {} are pending", completions.pending());
            }
            UserEvent::Key(key) => {
                println!("key {key:?}");
                window.borrow_mut().keys.push(key);
            }
        }
        completions.pending() > 0 || window.borrow().keys.len() < 3
    });
    user.join().expect("the user does not panic");

    let window = window.borrow();
    println!("{} thumbnails, announced {announced} times; keys {:?}", window.thumbnails, window.keys);
    assert_eq!(window.thumbnails, THUMBNAILS, "every thumbnail was painted");
    assert_eq!(window.keys, "abc", "no key was lost");
}

/// Blocks, on an offload thread.
fn decode(number: usize) -> Vec<u8> {
    thread::sleep(Duration::from_millis(20));
    vec![0; 100 * (number + 1)]
}

fn type_in(proxy: &EventLoopProxy) {
    for key in ['a', 'b', 'c'] {
        thread::sleep(Duration::from_millis(25));
        let _ = proxy.send(UserEvent::Key(key));
    }
}
