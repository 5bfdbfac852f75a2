//! The copying itself: any async reader, any async writer, no runtime.

use futures::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use std::io::{self, ErrorKind};

/// Which side failed.
#[derive(Debug)]
pub(crate) enum Error {
    Read(io::Error),
    Write(io::Error),
}

/// Copies until the end, and closes the writer, as what it has accepted may fail only then. Returns how many bytes there were.
///
/// `futures::io::copy_buf` does the same, but does not tell which side failed, and has nobody to tell how far it is.
/// With an [`Offloaded`](aside::io::Offloaded) on each side, three things happen at a time: reading ahead, this, and writing behind.
pub(crate) async fn copy(
    mut from: impl AsyncBufRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut progress: impl FnMut(u64),
) -> Result<u64, Error> {
    let mut copied = 0;
    loop {
        let bytes = from.fill_buf().await.map_err(Error::Read)?;
        if bytes.is_empty() {
            to.close().await.map_err(Error::Write)?;
            return Ok(copied);
        }
        let written = match to.write(bytes).await {
            Ok(0) => return Err(Error::Write(ErrorKind::WriteZero.into())),
            Ok(written) => written,
            Err(error) => return Err(Error::Write(error)),
        };
        from.consume_unpin(written);
        copied += written as u64;
        progress(written as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aside::io::Offloaded;
    use futures::executor::block_on;
    use std::io::{Cursor, Read, Write};

    /// Gives a few bytes at a time, and then fails.
    struct Tears(usize);

    impl Read for Tears {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("torn"));
            }
            self.0 -= 1;
            buffer[..3].fill(7);
            Ok(3)
        }
    }

    /// Takes so many bytes and no more.
    struct Fills(usize);

    impl Write for Fills {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tells_how_far_it_is() {
        let source = Offloaded::new(Cursor::new(vec![1; 100_000]));
        let mut told = 0;
        let copied = block_on(copy(source, Offloaded::new(Vec::new()), |bytes| told += bytes)).unwrap();
        assert_eq!((copied, told), (100_000, 100_000));
    }

    #[test]
    fn a_reader_that_fails_is_told_from_a_writer() {
        let mut copied = 0;
        let failed = block_on(copy(Offloaded::new(Tears(4)), futures::io::sink(), |bytes| copied += bytes));
        assert!(matches!(failed, Err(Error::Read(error)) if error.to_string() == "torn"));
        assert_eq!(copied, 12);
    }

    #[test]
    fn a_writer_that_fails_late_is_heard() {
        for room in [0, 10, 99_999] {
            // Small enough to be accepted as a whole before anything is written.
            let source = Offloaded::new(Cursor::new(vec![1; 100_000]));
            let failed = block_on(copy(source, Offloaded::new(Fills(room)), |_| {}));
            assert!(
                matches!(&failed, Err(Error::Write(error)) if error.kind() == ErrorKind::StorageFull),
                "{failed:?}"
            );
        }
    }
}
