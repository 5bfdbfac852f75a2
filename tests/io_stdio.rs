//! The standard streams of a process of its own.
#![cfg(unix)]

mod util;

use futures::executor::block_on;
use futures::future::join_all;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use util::probe_waker::ProbeWaker;
use util::process::{child, is_child};
use util::sink::poll_and_drop;
use util::source::pipe;
use util::watchdog;

const TASKS: usize = 8;
const LINES: usize = 500;
/// Longer than what `std` takes into its own buffer, and than what a pipe takes as a whole.
const LONG: usize = 9_000;

fn line(who: usize, number: usize) -> String {
    let filler = "=".repeat(if number % 10 == 0 { LONG } else { 20 });
    format!("<{who} {number} {filler}>")
}

/// Eight tasks and a thread that uses `println!`, into a pipe that is set non-blocking if asked to.
fn lines_stay_whole(test: &str, nonblocking: bool) {
    let _watchdog = watchdog();
    if is_child() {
        if nonblocking {
            let flags = rustix::fs::fcntl_getfl(std::io::stdout()).unwrap();
            rustix::fs::fcntl_setfl(std::io::stdout(), flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        }
        println!();
        std::thread::scope(|scope| {
            if !nonblocking {
                // In that mode `println!` itself panics on a full pipe.
                scope.spawn(|| (0..LINES).for_each(|number| println!("{}", line(TASKS, number))));
            }
            for who in 0..TASKS {
                scope.spawn(move || {
                    let mut out = aside::io::stdout();
                    block_on(async {
                        for number in 0..LINES {
                            out.write_all(format!("{}\n", line(who, number)).as_bytes()).await.unwrap();
                        }
                        out.flush().await.unwrap();
                    });
                });
            }
        });
        std::process::exit(0);
    }
    let output = child(test).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut next = [0; TASKS + 1];
    for found in text.lines().filter(|found| found.contains('<') || found.contains('=')) {
        let who: usize = found[1..2].parse().unwrap();
        assert!(found == line(who, next[who]), "torn, lost or out of order: {found}");
        next[who] += 1;
    }
    assert!(next[..TASKS].iter().all(|lines| *lines == LINES), "{next:?}");
}

#[test]
fn lines_of_many_tasks_are_whole() {
    lines_stay_whole("lines_of_many_tasks_are_whole", false);
}

#[test]
fn lines_are_whole_in_a_non_blocking_pipe() {
    lines_stay_whole("lines_are_whole_in_a_non_blocking_pipe", true);
}

#[test]
fn a_pending_read_holds_up_no_exit() {
    let _watchdog = watchdog();
    if is_child() {
        assert!(poll_and_drop(aside::io::stdin().read(&mut [0; 10]), 1).is_none());
        return;
    }
    let mut child = child("a_pending_read_holds_up_no_exit").stdin(Stdio::piped()).spawn().unwrap();
    let open = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(open);
}

#[test]
fn dropped_reads_eat_nothing_and_two_share_the_rest() {
    let _watchdog = watchdog();
    if is_child() {
        let mut input = aside::io::stdin();
        for polls in 0..4 {
            assert!(poll_and_drop(input.read(&mut [0; 10]), polls).is_none());
        }
        println!("<ready>");
        let mut first = [0; 3];
        block_on(input.read_exact(&mut first)).unwrap();
        assert_eq!(&first, b"abc");
        let tasks = (0..2).map(|_| {
            let mut input = input.clone();
            async move {
                let mut all = Vec::new();
                input.read_to_end(&mut all).await.unwrap();
                all.len()
            }
        });
        let shares = block_on(join_all(tasks));
        assert_eq!(shares.iter().sum::<usize>(), 200_000, "{shares:?}");
        return;
    }
    let mut child = child("dropped_reads_eat_nothing_and_two_share_the_rest");
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut from = child.stdout.take().unwrap();
    until_ready(&mut from);
    let mut to = child.stdin.take().unwrap();
    to.write_all(b"abc").unwrap();
    to.write_all(&vec![7; 200_000]).unwrap();
    drop(to);
    assert!(child.wait().unwrap().success());
}

/// Closes a descriptor of the child, as a shell's `<&-` and `>&-` do.
fn close_in(command: &mut Command, fd: i32) {
    // SAFETY: `close` may be called between `fork` and `exec`, and the closure does nothing else.
    unsafe {
        command.pre_exec(move || {
            libc::close(fd);
            Ok(())
        })
    };
}

/// Reads, writes and flushes all three, whatever they are; and says so with a status of its own.
fn use_all_three() -> ! {
    let outcomes = block_on(async {
        let read = aside::io::stdin().read(&mut [0; 10]).await;
        let mut outcomes = Vec::new();
        let (mut out, mut err) = (aside::io::stdout(), aside::io::stderr());
        for _ in 0..3 {
            // An error is told; nothing waits.
            outcomes.push(out.write_all(b"out").await.is_ok());
            outcomes.push(out.flush().await.is_ok());
            outcomes.push(err.write_all(b"err").await.is_ok());
            outcomes.push(err.flush().await.is_ok());
        }
        outcomes.push(matches!(read, Ok(0)));
        outcomes
    });
    // As `std` has it: what is written to a stream that is closed is gone, and reading it is at its end.
    std::process::exit(if outcomes.iter().all(|ok| *ok) { 42 } else { 1 })
}

#[test]
fn streams_that_are_closed() {
    let _watchdog = watchdog();
    if is_child() {
        use_all_three();
    }
    for closed in [&[0][..], &[1], &[2], &[0, 1, 2]] {
        let mut command = child("streams_that_are_closed");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        closed.iter().for_each(|fd| close_in(&mut command, *fd));
        assert_eq!(command.output().unwrap().status.code(), Some(42), "without {closed:?}");
    }
}

/// By the program itself, so that nothing has taken their place.
#[test]
fn streams_that_the_program_closes() {
    let _watchdog = watchdog();
    if is_child() {
        for fd in 0..3 {
            // SAFETY: nothing here owns them.
            unsafe { libc::close(fd) };
        }
        use_all_three();
    }
    let mut command = child("streams_that_the_program_closes");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    assert_eq!(command.output().unwrap().status.code(), Some(42));
}

/// A write is taken as a whole or not yet, unless it is larger than the buffer; and who waits for room and is gone leaves nothing behind.
#[test]
fn what_waits_to_be_written_is_bounded() {
    const BUFFER: usize = 256 * 1024;
    util::process::ended_by("what_waits_to_be_written_is_bounded", 42, || {
        aside::Group::builder().max_threads(1).build_global().unwrap();
        let _held = util::hold_thread(aside::Group::global());
        let mut out = aside::io::stdout();
        for (bytes, taken) in [(1, Some(1)), (BUFFER + 1, Some(BUFFER)), (1, None)] {
            let written = poll_and_drop(out.write(&vec![b'x'; bytes]), 1);
            assert_eq!(written.map(Result::unwrap), taken);
        }
        let probe = ProbeWaker::new();
        let mut cx = std::task::Context::from_waker(probe.waker());
        assert!(std::pin::Pin::new(&mut out.write(b"x")).poll(&mut cx).is_pending());
        drop(out);
        assert_eq!(probe.clones(), probe.drops());
        std::process::exit(42);
    });
}

/// Each write is an error, told with it or with its flush, and none is waited for.
#[test]
fn an_output_whose_reader_has_gone() {
    let _watchdog = watchdog();
    if is_child() {
        let (from, to) = pipe();
        drop(from);
        rustix::stdio::dup2_stdout(&to).unwrap();
        let mut out = aside::io::stdout();
        block_on(async {
            for _ in 0..10 {
                let written = out.write_all(b"into nothing").await;
                let told = if written.is_ok() { out.flush().await } else { written };
                assert_eq!(told.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
            }
        });
        std::process::exit(42);
    }
    let mut command = child("an_output_whose_reader_has_gone");
    assert_eq!(command.output().unwrap().status.code(), Some(42));
}

#[test]
fn a_non_blocking_input_is_waited_for() {
    let _watchdog = watchdog();
    if is_child() {
        let mut input = aside::io::stdin();
        assert!(poll_and_drop(input.read(&mut [0; 10]), 1).is_none());
        println!("<ready>");
        let mut all = Vec::new();
        block_on(input.read_to_end(&mut all)).unwrap();
        assert_eq!(all.len(), 200_003);
        return;
    }
    let (from, to) = pipe();
    rustix::fs::fcntl_setfl(&from, rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut command = child("a_non_blocking_input_is_waited_for");
    let mut child = command.stdin(from).stdout(Stdio::piped()).spawn().unwrap();
    // The command keeps a copy.
    drop(command);
    until_ready(child.stdout.as_mut().unwrap());
    let mut to = std::fs::File::from(to);
    to.write_all(b"abc").unwrap();
    to.write_all(&vec![7; 200_000]).unwrap();
    drop(to);
    assert!(child.wait().unwrap().success());
}

/// Until the child has said so.
fn until_ready(from: &mut impl Read) {
    let mut told = Vec::new();
    while !told.ends_with(b"<ready>") {
        let mut byte = [0];
        from.read_exact(&mut byte).unwrap();
        told.push(byte[0]);
    }
}

/// Once, as it is woken, reads there and then.
struct ReadsAgain(AtomicBool);

impl std::task::Wake for ReadsAgain {
    fn wake(self: Arc<Self>) {
        if !self.0.swap(true, Ordering::SeqCst) {
            assert!(poll_and_drop(aside::io::stdin().read(&mut [0; 10]), 1).is_none());
        }
    }
}

/// Who polls is woken at once if no thread can be started.
#[cfg(target_os = "linux")]
#[test]
fn a_waker_that_reads_while_there_is_no_thread() {
    util::process::as_nobody("a_waker_that_reads_while_there_is_no_thread", || {
        let limit = util::process::no_threads();
        let waker = Arc::new(ReadsAgain(AtomicBool::new(false)));
        let mut input = aside::io::stdin();
        let mut buffer = [0; 10];
        let mut read = std::pin::pin!(input.read(&mut buffer));
        assert!(read.as_mut().poll(&mut std::task::Context::from_waker(&waker.clone().into())).is_pending());
        assert!(waker.0.load(Ordering::SeqCst), "it was not woken");
        drop(limit);
        assert_eq!(block_on(read).unwrap(), 0);
    });
}
