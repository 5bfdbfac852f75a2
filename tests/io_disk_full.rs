//! A file that may not grow any further, for real: a process of its own with a limit on the size of files.
#![cfg(target_os = "linux")]

mod util;

use aside::io::Offloaded;
use futures::executor::block_on;
use futures::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use util::fork::alone;
use util::process::limit_files;

const LIMIT: u64 = 10_000;
const BYTES: usize = 100_000;

fn content() -> Vec<u8> {
    (0..BYTES).map(|n| (n % 251) as u8).collect()
}

#[track_caller]
fn assert_is_whole(mut file: File, expected: &[u8]) {
    let mut all = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut all).unwrap();
    assert!(all == expected, "{} bytes instead of {}", all.len(), expected.len());
}

#[test]
fn nothing_is_lost_and_each_attempt_tells() {
    alone("nothing_is_lost_and_each_attempt_tells", || {
        for buffer in [100, 4_096, 1_000_000] {
            limit_files(Some(LIMIT));
            let file = tempfile::tempfile().unwrap();
            let mut writer = Offloaded::builder().write_buffer(buffer).build(file.try_clone().unwrap());
            let mut expected = Vec::new();
            // As much as is taken before the first error.
            for part in content().chunks(1_000) {
                let mut rest = part;
                while !rest.is_empty() {
                    match block_on(writer.write(rest)) {
                        Ok(taken) => {
                            expected.extend_from_slice(&rest[..taken]);
                            rest = &rest[taken..];
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
                            break;
                        }
                    }
                }
                if !rest.is_empty() {
                    break;
                }
            }
            assert!(expected.len() as u64 >= LIMIT);
            for _ in 0..10 {
                assert_eq!(block_on(writer.flush()).unwrap_err().kind(), ErrorKind::FileTooLarge);
                assert_eq!(block_on(writer.close()).unwrap_err().kind(), ErrorKind::FileTooLarge);
                assert_eq!(file.metadata().unwrap().len(), LIMIT);
            }
            limit_files(None);
            block_on(writer.flush()).unwrap();
            assert_is_whole(file.try_clone().unwrap(), &expected);
            file.metadata().unwrap();
            block_on(writer.seek(SeekFrom::End(0))).unwrap();
            block_on(writer.write_all(b"and more")).unwrap();
            block_on(writer.close()).unwrap();
            expected.extend_from_slice(b"and more");
            assert_is_whole(file, &expected);
        }
    });
}

/// The same by seeking, by a closure, and by taking it apart.
#[test]
fn what_comes_behind_does_not_go_past_it() {
    alone("what_comes_behind_does_not_go_past_it", || {
        limit_files(Some(LIMIT));
        let file = tempfile::tempfile().unwrap();
        let mut writer = Offloaded::new(file.try_clone().unwrap());
        block_on(writer.write_all(&content())).unwrap();
        for _ in 0..3 {
            assert!(block_on(writer.seek(SeekFrom::Start(0))).is_err());
            assert!(block_on(writer.with(|_| unreachable!("the bytes before it are not written"))).is_err());
        }
        assert_eq!(file.metadata().unwrap().len(), LIMIT);
        let (error, inner, bytes) = block_on(writer.into_inner()).unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{error}");
        assert!(bytes == content()[LIMIT as usize..]);
        limit_files(None);
        let mut again = Offloaded::new(inner.unwrap());
        block_on(again.write_all(&bytes)).unwrap();
        block_on(again.close()).unwrap();
        assert_is_whole(file, &content());
    });
}
