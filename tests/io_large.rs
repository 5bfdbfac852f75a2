//! A file that is larger than what is read ahead, so that many chunks are under way at a time.

mod util;

use aside::io::Offloaded;
use futures::FutureExt;
use futures::executor::block_on;
use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, SeekFrom};
use std::fs::File;
use util::source::file_of;
use util::watchdog;

const SIZE: usize = 40 << 20;

/// What stands at a position.
fn byte(position: usize) -> u8 {
    (position.wrapping_mul(0x9E37_79B1) >> 13) as u8
}

fn file() -> Offloaded<File> {
    Offloaded::new(file_of(&(0..SIZE).map(byte).collect::<Vec<_>>()))
}

fn assert_at(position: usize, bytes: &[u8]) {
    assert!(bytes.iter().enumerate().all(|(index, &at)| at == byte(position + index)), "wrong at {position}");
}

#[test]
fn in_its_own_buffer() {
    let _watchdog = watchdog();
    block_on(async {
        let mut file = file();
        let mut position = 0;
        loop {
            let bytes = file.fill_buf().await.unwrap();
            if bytes.is_empty() {
                break;
            }
            let len = bytes.len();
            assert_at(position, bytes);
            file.consume_unpin(len);
            position += len;
        }
        assert_eq!(position, SIZE);
    });
}

/// Reads that are dropped before they are done, and seeks in the midst of reading ahead, lose and double nothing.
#[test]
fn with_dropped_reads_and_seeks() {
    let _watchdog = watchdog();
    let mut random = fastrand::Rng::with_seed(3);
    block_on(async {
        let mut file = file();
        let mut buffer = vec![0; 300_000];
        let (mut position, mut left) = (0, 2 * SIZE);
        while left > 0 {
            let most = random.usize(1..buffer.len());
            let read = match random.u8(..20) {
                0 => file.read(&mut buffer[..most]).now_or_never().transpose().unwrap().unwrap_or(0),
                1 if random.u8(..20) == 0 => {
                    position = random.usize(..SIZE);
                    assert_eq!(file.seek(SeekFrom::Start(position as u64)).await.unwrap(), position as u64);
                    0
                }
                _ => file.read(&mut buffer[..most]).await.unwrap(),
            };
            assert_at(position, &buffer[..read]);
            position += read;
            left = left.saturating_sub(read);
            if position == SIZE {
                assert_eq!(file.seek(SeekFrom::Start(0)).await.unwrap(), 0);
                position = 0;
            }
        }
    });
}

/// At any moment of reading ahead, what is read ahead is taken off.
#[test]
fn with_positions() {
    let _watchdog = watchdog();
    let mut random = fastrand::Rng::with_seed(4);
    block_on(async {
        let (mut file, mut position) = (file(), 0);
        for _ in 0..300 {
            for _ in 0..random.usize(5..20) {
                let bytes = file.fill_buf().await.unwrap();
                assert_at(position, &bytes[..bytes.len().min(100)]);
                let len = bytes.len();
                file.consume_unpin(len);
                position += len;
            }
            assert_eq!(file.stream_position().await.unwrap(), position as u64);
            if position > SIZE / 2 {
                position = 0;
                file.seek(SeekFrom::Start(0)).await.unwrap();
            }
        }
    });
}
