//! Many short records are written to a file in memory.

use super::Case;
use crate::child::repeated;
use aside::io::Offloaded;
use aside_benches::figures::Figures;
use aside_benches::meter::metered;
use aside_benches::record::{LENGTH, Record};
use aside_benches::written;
use blocking::Unblock;
use futures::executor::block_on;
use futures::io::{AsyncWrite, AsyncWriteExt};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

const TIMES: usize = 3;
/// Of one call of the system.
const LARGE: usize = 256 * 1024;

pub(super) fn run(case: Case, records: usize) -> Figures {
    let write: Box<dyn Fn(File, usize)> = match case {
        Case::WriteStd => Box::new(std_file),
        Case::WriteUnblock => Box::new(|file, records| block_on(through(Unblock::new(file), records))),
        Case::WriteTokio => in_tokio(through_tokio),
        Case::WriteTokioBuffered => {
            in_tokio(|file, records| through_tokio(tokio::io::BufWriter::new(file), records))
        }
        Case::WriteAside => Box::new(|file, records| block_on(through(Offloaded::new(file), records))),
        Case::WriteLimit => {
            let text = all(records);
            Box::new(move |file, _| in_large_pieces(file, &text))
        }
        other => unreachable!("{} writes no file", other.name()),
    };
    repeated(TIMES, |_| {
        let file = written::file_in_memory().expect("a file");
        let to_check = file.try_clone().expect("a descriptor");
        let figures = metered(records, |_| write(file, records));
        check(to_check, records);
        figures
    })
}

fn check(mut file: File, records: usize) {
    assert_eq!(file.metadata().expect("has it").len(), (records * LENGTH) as u64, "the file's length");
    file.rewind().expect("is a file");
    let mut file = BufReader::new(file);
    let (mut found, mut expected) = ([0; LENGTH], Record::blank());
    for number in 0..records {
        file.read_exact(&mut found).expect("is long enough");
        assert_eq!(found, expected.numbered(number as u64), "record {number}");
    }
}

fn std_file(file: File, records: usize) {
    let mut file = BufWriter::new(file);
    let mut record = Record::blank();
    for number in 0..records {
        file.write_all(record.numbered(number as u64)).expect("writes");
    }
    file.flush().expect("writes");
}

fn all(records: usize) -> Vec<u8> {
    let mut record = Record::blank();
    (0..records).flat_map(|number| record.numbered(number as u64).to_vec()).collect()
}

/// What the system itself takes.
fn in_large_pieces(mut file: File, text: &[u8]) {
    for piece in text.chunks(LARGE) {
        file.write_all(piece).expect("writes");
    }
}

async fn through(mut file: impl AsyncWrite + Unpin, records: usize) {
    let mut record = Record::blank();
    for number in 0..records {
        file.write_all(record.numbered(number as u64)).await.expect("writes");
    }
    file.flush().await.expect("writes");
    file.close().await.expect("closes");
}

fn in_tokio<F: Future<Output = ()> + 'static>(
    write: fn(tokio::fs::File, usize) -> F,
) -> Box<dyn Fn(File, usize)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Box::new(move |file, records| runtime.block_on(write(tokio::fs::File::from_std(file), records)))
}

async fn through_tokio(mut file: impl tokio::io::AsyncWrite + Unpin, records: usize) {
    use tokio::io::AsyncWriteExt;
    let mut record = Record::blank();
    for number in 0..records {
        file.write_all(record.numbered(number as u64)).await.expect("writes");
    }
    file.flush().await.expect("writes");
    file.shutdown().await.expect("closes");
}
