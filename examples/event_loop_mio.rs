//! A mio loop: a TCP server on one thread whose answers need a slow, blocking look-up.
//!
//! `Completions` is one more source of events. Its callbacks run on the loop's thread, so the connections live in an `Rc<RefCell<..>>`, and a
//! callback writes into one of them without a lock or a channel.
//!
//! ```text
//! cargo run --example event_loop_mio        # Unix
//! ```

#[cfg(not(unix))]
fn main() {
    println!("mio's SourceFd is Unix's: elsewhere see the example notifier");
}

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    unix::main()
}

#[cfg(unix)]
mod unix {
    use aside::{Completions, offload};
    use mio::net::{TcpListener, TcpStream};
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::os::fd::AsRawFd;
    use std::rc::Rc;
    use std::thread;
    use std::time::{Duration, Instant};

    const CLIENTS: usize = 4;
    const LOOK_UP: Duration = Duration::from_millis(150);

    const LISTENER: Token = Token(0);
    const COMPLETIONS: Token = Token(1);
    const FIRST_CONNECTION: usize = 2;

    /// What the loop's thread alone has.
    #[derive(Default)]
    struct Server {
        connections: HashMap<Token, Connection>,
        accepted: usize,
        answered: usize,
    }

    struct Connection {
        stream: TcpStream,
        request: Vec<u8>,
    }

    pub(super) fn main() -> io::Result<()> {
        let mut poll = Poll::new()?;
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        let address = listener.local_addr()?;
        let completions = Completions::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        poll.registry().register(&mut SourceFd(&completions.as_raw_fd()), COMPLETIONS, Interest::READABLE)?;

        let begun = Instant::now();
        let clients = [(); CLIENTS].map(|()| thread::spawn(move || ask(address)));
        let server = Rc::new(RefCell::new(Server::default()));
        let mut events = Events::with_capacity(16);
        while server.borrow().answered < CLIENTS {
            match poll.poll(&mut events, Some(Duration::from_secs(2))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            if events.is_empty() {
                return Err(io::Error::other("nothing happened for two seconds"));
            }
            for event in &events {
                match event.token() {
                    LISTENER => accept(&listener, &poll, &server)?,
                    COMPLETIONS => println!("loop: {} callback(s) ran", completions.dispatch()),
                    connection => requests(connection, &server, &completions)?,
                }
            }
        }

        let mut sum = 0;
        for client in clients {
            sum += client.join().expect("the client does not panic")?;
        }
        println!("{CLIENTS} look-ups of {LOOK_UP:?} each took {:.0?} together", begun.elapsed());
        // Each was told the length of "what?".
        if sum == 5 * CLIENTS { Ok(()) } else { Err(io::Error::other("a client got a wrong answer")) }
    }

    fn accept(listener: &TcpListener, poll: &Poll, server: &RefCell<Server>) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let mut server = server.borrow_mut();
            let token = Token(FIRST_CONNECTION + server.accepted);
            poll.registry().register(&mut stream, token, Interest::READABLE)?;
            server.connections.insert(token, Connection { stream, request: Vec::new() });
            server.accepted += 1;
            println!("loop: connection {} is there", token.0);
        }
    }

    /// Puts the look-up aside as soon as there is a whole line.
    fn requests(token: Token, server: &Rc<RefCell<Server>>, completions: &Completions) -> io::Result<()> {
        let mut borrowed = server.borrow_mut();
        // Else it was answered a moment ago.
        let Some(connection) = borrowed.connections.get_mut(&token) else { return Ok(()) };
        match connection.stream.read_to_end(&mut connection.request) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => drop(other?),
        }
        let Some(request) = connection.request.strip_suffix(b"\n").map(<[u8]>::to_vec) else { return Ok(()) };
        println!("loop: connection {} asks", token.0);
        let server = server.clone();
        offload(move || look_up(&request)).on_done_in(completions, move |outcome| {
            let mut server = server.borrow_mut();
            server.answered += 1;
            // Had the client gone meanwhile, there would be none.
            if let Some(mut connection) = server.connections.remove(&token) {
                let answer = outcome.expect("the look-up does not panic");
                // So few bytes always fit.
                connection.stream.write_all(format!("{answer}\n").as_bytes()).expect("the client waits");
                println!("loop: connection {} is answered", token.0);
            }
        });
        Ok(())
    }

    /// Blocks, on an offload thread.
    fn look_up(request: &[u8]) -> usize {
        thread::sleep(LOOK_UP);
        request.len()
    }

    fn ask(address: std::net::SocketAddr) -> io::Result<usize> {
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"what?\n")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        answer.trim().parse().map_err(io::Error::other)
    }
}
