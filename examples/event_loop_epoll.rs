//! One thread, one raw epoll, three kinds of events: a timer, a socket, and callbacks of jobs that block. All edge-triggered.
//!
//! A client asks for files over a socket. The loop never reads a file itself: it puts that aside, and answers from the callback, which may
//! use the loop's own state, as it runs on the loop's thread. The timer ticks on meanwhile.
//!
//! ```text
//! cargo run --example event_loop_epoll      # Linux
//! ```

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("epoll and timerfd are Linux's: see the example event_loop_mio for a portable loop");
}

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(target_os = "linux")]
mod linux {
    use aside::{Completions, Failure, offload};
    use rustix::event::{Timespec, epoll};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
    };
    use std::cell::RefCell;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::rc::Rc;
    use std::time::Duration;
    use std::{fs, io, thread};

    const FILES: [&str; 4] = ["Cargo.toml", "LICENSE-MIT", "no such file", "README.md"];
    const DISK: Duration = Duration::from_millis(60);
    const TICK: Duration = Duration::from_millis(25);

    const TIMER: u64 = 0;
    const SOCKET: u64 = 1;
    const COMPLETIONS: u64 = 2;

    /// What the loop's thread alone has: no lock, no `Arc`.
    struct Server {
        socket: UnixDatagram,
        answered: usize,
        ticks: u64,
    }

    impl Server {
        fn answer(&mut self, text: &str) {
            println!("loop:   answers {text:?}");
            self.socket.send(text.as_bytes()).expect("the client waits for it");
            self.answered += 1;
        }
    }

    pub(super) fn main() -> io::Result<()> {
        let (socket, client) = UnixDatagram::pair()?;
        socket.set_nonblocking(true)?;
        let client = thread::spawn(move || ask(&client));
        let timer = ticking(TICK)?;
        let completions = Completions::new()?;

        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), edges)?;
        epoll::add(&epoll, &socket, epoll::EventData::new_u64(SOCKET), edges)?;
        epoll::add(&epoll, &completions, epoll::EventData::new_u64(COMPLETIONS), edges)?;

        let server = Rc::new(RefCell::new(Server { socket, answered: 0, ticks: 0 }));
        let mut events = Vec::with_capacity(8);
        while server.borrow().answered < FILES.len() {
            events.clear();
            epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), None::<&Timespec>)?;
            for event in &events {
                match event.data.u64() {
                    TIMER => tick(&timer, &server)?,
                    SOCKET => requests(&server, &completions)?,
                    // Once for an edge is enough: what a dispatch leaves behind makes an edge of its own. (The first edge, with nothing
                    // to dispatch, comes from the asking for the descriptor.)
                    COMPLETIONS => println!("loop:   {} callback(s) ran", completions.dispatch()),
                    other => unreachable!("nothing was added as {other}"),
                }
            }
        }

        let answers = client.join().expect("the client does not panic")?;
        let Server { answered, ticks, .. } = *server.borrow();
        println!("{answers} answers to {answered} requests, and {ticks} ticks meanwhile");
        // Every read took longer than two ticks.
        if answers == FILES.len() && ticks >= 2 {
            Ok(())
        } else {
            Err(io::Error::other("an event was missed"))
        }
    }

    /// Reads until there is nothing, as edges want it, and puts every request aside.
    fn requests(server: &Rc<RefCell<Server>>, completions: &Completions) -> io::Result<()> {
        let mut buffer = [0; 64];
        loop {
            let length = match server.borrow().socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let name = String::from_utf8_lossy(&buffer[..length]).into_owned();
            println!("loop:   asked for {name:?}");
            let (path, name_again) = (name.clone(), name.clone());
            let (server, server_again) = (server.clone(), server.clone());
            offload(move || read(&path)).on_complete_in(
                completions,
                move |bytes| server.borrow_mut().answer(&format!("{name}: {bytes} bytes")),
                move |failure| {
                    let why = match failure {
                        Failure::Failed(error) => error.to_string(),
                        other => other.to_string(),
                    };
                    server_again.borrow_mut().answer(&format!("{name_again}: {why}"));
                },
            );
        }
    }

    /// Blocks, on an offload thread.
    fn read(name: &str) -> io::Result<usize> {
        thread::sleep(DISK);
        Ok(fs::read(format!("{}/{name}", env!("CARGO_MANIFEST_DIR")))?.len())
    }

    fn ticking(every: Duration) -> io::Result<OwnedFd> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let every = Timespec { tv_sec: 0, tv_nsec: every.subsec_nanos().into() };
        let setting = Itimerspec { it_interval: every, it_value: every };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting)?;
        Ok(timer)
    }

    fn tick(timer: &OwnedFd, server: &RefCell<Server>) -> io::Result<()> {
        let mut count = [0; 8];
        rustix::io::read(timer, &mut count)?;
        let ticks = &mut server.borrow_mut().ticks;
        *ticks += u64::from_ne_bytes(count);
        println!("loop:   tick {ticks}");
        Ok(())
    }

    /// The client: how many answers it got.
    fn ask(socket: &UnixDatagram) -> io::Result<usize> {
        for name in FILES {
            socket.send(name.as_bytes())?;
            thread::sleep(Duration::from_millis(10));
        }
        let mut buffer = [0; 128];
        for _ in FILES {
            let length = socket.recv(&mut buffer)?;
            println!("client: got {:?}", String::from_utf8_lossy(&buffer[..length]));
        }
        Ok(FILES.len())
    }
}
