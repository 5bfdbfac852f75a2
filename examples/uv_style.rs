//! The program that everybody writes first with libuv's thread pool, line by line beside the C.
//!
//! Fibonacci numbers the slow way on other threads, their results on this one. What is a `void *data` with a cast in C is a captured
//! variable here; what is a `uv_work_t` that must outlive the request is nothing at all.
//!
//! ```text
//! cargo run --example uv_style
//! ```

use aside::{Completions, Group, JobError};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

// #define FIB_UNTIL 25
const FIB_UNTIL: u32 = 25;

// struct { int count; unsigned long sum; } tally;    // a global, or behind req->data
/// Only ever touched on this thread, so there is no lock.
#[derive(Default)]
struct Tally {
    count: u32,
    sum: u64,
}

// void fib(uv_work_t *req) {                          // on a thread of the pool
//     struct request *r = req->data;
//     r->result = fib_(r->n);
// }
fn fib(n: u32) -> u64 {
    if n < 2 { 1 } else { fib(n - 1) + fib(n - 2) }
}

// void after_fib(uv_work_t *req, int status) {        // on the loop's thread
//     struct request *r = req->data;
//     if (status == UV_ECANCELED) { printf("fib(%d) was cancelled\n", r->n); return; }
//     printf("fib(%d) = %lu\n", r->n, r->result);
//     tally.count++; tally.sum += r->result;
// }
fn after_fib(n: u32, status: Result<u64, JobError>, tally: &RefCell<Tally>) {
    let mut tally = tally.borrow_mut();
    match status {
        Ok(fib) => {
            println!("fib({n}) = {fib}");
            tally.count += 1;
            tally.sum += fib;
        }
        Err(JobError::Cancelled) => println!("fib({n}) was cancelled"),
        // C has no such thing.
        Err(JobError::Panicked(panic)) => println!("fib({n}): {panic}"),
    }
}

// int main() {
fn main() -> io::Result<()> {
    // uv_loop_t *loop = uv_default_loop();
    let completions = Completions::new()?;
    // putenv("UV_THREADPOOL_SIZE=4");                 // one pool for the whole process
    let pool = Group::builder().name("fib").max_threads(4).build()?;

    // struct request { uv_work_t req; int n; unsigned long result; } requests[FIB_UNTIL];
    let tally = Rc::new(RefCell::new(Tally::default()));

    // for (int n = 0; n < FIB_UNTIL; n++) {
    for n in 0..FIB_UNTIL {
        // requests[n].n = n; requests[n].req.data = &requests[n];
        let tally = tally.clone();
        // uv_queue_work(loop, &requests[n].req, fib, after_fib);
        pool.offload(move || fib(n)).on_done_in(&completions, move |status| after_fib(n, status, &tally));
    }

    // return uv_run(loop, UV_RUN_DEFAULT);            // until no request is left
    while completions.pending() > 0 {
        completions.wait(None);
    }

    // uv_run(loop, UV_RUN_NOWAIT) is completions.dispatch(),
    // uv_run(loop, UV_RUN_ONCE)   is completions.wait(None),
    // uv_backend_fd(loop)         is completions.as_fd().
    assert_eq!(completions.dispatch(), 0);

    let Tally { count, sum } = *tally.borrow();
    println!("{count} numbers, {sum} together");
    // The sum of the first n is the one after the next, less one.
    assert_eq!((count, sum), (FIB_UNTIL, fib(FIB_UNTIL + 1) - 1));
    Ok(())
}
