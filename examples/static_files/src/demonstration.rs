//! A server and its clients in one process.

use crate::root::Root;
use crate::server::Server;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::interval;

/// Each has a thread and a connection of its own.
const CLIENTS: usize = 8;
const FILES: usize = 64;
/// Each file is fetched so many times.
const ROUNDS: usize = 8;
const BEAT: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(60);

struct File {
    name: String,
    bytes: Vec<u8>,
}

/// What the server's thread has to say in the end.
struct Served {
    longest_pause: Duration,
}

pub(crate) fn run() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let files = make(folder.path())?;
    let root = Root::open(folder.path())?;
    let group = root.group().clone();

    let (tell_address, address) = std::sync::mpsc::channel();
    let (end, ended) = oneshot::channel();
    thread::scope(|scope| {
        let server = scope.spawn(move || serve(root, &tell_address, ended));
        // If there is no address, the server says why.
        let begun = Instant::now();
        let fetched = match address.recv() {
            Ok(address) => fetch_all(address, &files),
            Err(_) => Ok(()),
        };
        let time = begun.elapsed();
        // It may have ended by itself.
        let _ = end.send(());
        let served = server.join().map_err(|_| io::Error::other("the server panicked"))??;
        fetched?;

        let count = FILES * ROUNDS;
        let bytes: usize = files.iter().map(|file| file.bytes.len()).sum::<usize>() * ROUNDS;
        let megabytes = bytes as f64 / (1024.0 * 1024.0);
        let mut out = io::stdout();
        writeln!(
            out,
            "{count} fetches of {FILES} files, over {CLIENTS} connections at once: all bytes as they should be"
        )?;
        writeln!(
            out,
            "{megabytes:.0} MiB in {} ms: {:.0} MiB/s, {:.0} fetches/s, clients included",
            time.as_millis(),
            megabytes / time.as_secs_f64(),
            count as f64 / time.as_secs_f64(),
        )?;
        writeln!(out, "offload threads that opened and read: {}", group.stats().peak_threads)?;
        writeln!(
            out,
            "the runtime's one thread had a beat every {BEAT:?}; the longest time between two was {:.0?}",
            served.longest_pause
        )
    })
}

/// Small ones, and every eighth with some megabytes.
fn make(folder: &Path) -> io::Result<Vec<File>> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut make = |number: usize| {
        let length = if number % 8 == 0 { 4 << 20 } else { random.usize(0..64 << 10) };
        let mut bytes = vec![0; length];
        random.fill(&mut bytes);
        let name = format!("file {number}.bin");
        fs::write(folder.join(&name), &bytes)?;
        Ok(File { name: name.replace(' ', "%20"), bytes })
    };
    (0..FILES).map(&mut make).collect()
}

fn serve(
    root: Root,
    tell_address: &std::sync::mpsc::Sender<SocketAddr>,
    ended: oneshot::Receiver<()>,
) -> io::Result<Served> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), root).await?;
        // Nobody is there to hear it if the clients have gone.
        let _ = tell_address.send(server.address()?);
        let mut longest_pause = Duration::ZERO;
        let heart = async {
            let mut beats = interval(BEAT);
            let mut last = Instant::now();
            loop {
                beats.tick().await;
                longest_pause = longest_pause.max(last.elapsed());
                last = Instant::now();
            }
        };
        tokio::select! {
            () = server.run_until(async { drop(ended.await) }) => {}
            () = heart => {}
        }
        Ok(Served { longest_pause })
    })
}

/// All clients at once; each takes the next file that is to be fetched.
fn fetch_all(address: SocketAddr, files: &[File]) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let agent = ureq::Agent::new_with_config(
                        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build(),
                    );
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= FILES * ROUNDS {
                            return Ok::<_, io::Error>(());
                        }
                        fetch(&agent, address, &files[number % FILES])?;
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().map_err(|_| io::Error::other("a client panicked"))??;
        }
        Ok(())
    })
}

fn fetch(agent: &ureq::Agent, address: SocketAddr, file: &File) -> io::Result<()> {
    let url = format!("http://{address}/{}", file.name);
    let mut response = agent.get(url).call().map_err(io::Error::other)?;
    let bytes = response.body_mut().read_to_vec().map_err(io::Error::other)?;
    if bytes != file.bytes {
        return Err(io::Error::other(format!("{} came with other bytes", file.name)));
    }
    Ok(())
}
