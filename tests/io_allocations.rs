//! What readers and writers allocate: nothing for each of many bytes. A file of its own, as it has an allocator of its own.

mod util;

use aside::Group;
use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use std::io::Cursor;
use util::allocations::{Counting, allocations};
use util::{hold_thread, single_thread_group, watchdog};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The thread's, and this one's.
fn all(group: &Group) -> u64 {
    group.offload(allocations).wait() + allocations()
}

/// One job for all that are accepted before it runs, and none for nothing.
#[test]
fn writes_share_a_job() {
    let _watchdog = watchdog();
    let group = single_thread_group();
    let mut writer = Offloaded::builder().group(&group).build(std::io::sink());
    block_on(writer.write_all(&[7; 10_000])).unwrap();
    block_on(writer.flush()).unwrap();
    group.drain().wait();
    let held = hold_thread(&group);
    let count = |writes: usize, bytes: &[u8], writer: &mut Offloaded<_>| {
        let before = allocations();
        for _ in 0..writes {
            assert_eq!(block_on(writer.write(bytes)).unwrap(), bytes.len());
        }
        allocations() - before
    };
    assert_eq!(count(100, b"", &mut writer), 0);
    let some = count(1_000, b"x", &mut writer);
    // The job, and steps by which the buffer grows.
    assert!(some <= 12, "{some} allocations");
    held.release();
    block_on(writer.close()).unwrap();
}

/// Buffers that are used up are filled again.
#[test]
fn reads_share_buffers() {
    const CHUNK: usize = 64 * 1024;
    let _watchdog = watchdog();
    let group = single_thread_group();
    let content = Cursor::new(vec![7; 200 * CHUNK]);
    let mut reader = Offloaded::builder().group(&group).read_buffer(4 * CHUNK).build(content);
    block_on(reader.read_exact(&mut vec![0; 20 * CHUNK])).unwrap();
    let before = all(&group);
    for _ in 0..100 {
        let len = block_on(reader.fill_buf()).unwrap().len();
        reader.consume_unpin(len);
    }
    // A job each.
    let some = all(&group) - before;
    assert!(some <= 120, "{some} allocations");
}
