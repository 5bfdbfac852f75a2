//! A file as the body of a response.

use aside::Group;
use aside::io::Offloaded;
use futures::io::AsyncBufRead;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Take};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// How much is read ahead of a client. Each connection may have that much in memory.
const READ_AHEAD: usize = 256 * 1024;

/// As many bytes of a file as were promised. Offload threads read them, ahead of the client.
pub(crate) struct FileBody {
    /// Ends where the part ends, so that nothing is read in vain.
    file: Offloaded<Take<File>>,
    left: u64,
}

impl FileBody {
    /// What comes from where the file stands.
    pub(crate) fn new(file: File, length: u64, group: &Group) -> Self {
        let file = Offloaded::builder().group(group).read_buffer(READ_AHEAD).build(file.take(length));
        Self { file, left: length }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let bytes = match ready!(Pin::new(&mut self.file).poll_fill_buf(cx)) {
            // Somebody has made it shorter. The client was promised more: it has to see that this is not all.
            Ok([]) => return Poll::Ready(Some(Err(ErrorKind::UnexpectedEof.into()))),
            Ok(bytes) => Bytes::copy_from_slice(bytes),
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        Pin::new(&mut self.file).consume(bytes.len());
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::{Seek, SeekFrom, Write};

    #[tokio::test]
    async fn a_file_that_shrinks_is_an_error() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 1000]).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let body = FileBody::new(file, 1001, Group::global());
        let error = body.collect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_file_that_grows_is_not_followed() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 1000]).unwrap();
        file.seek(SeekFrom::Start(100)).unwrap();
        let body = FileBody::new(file, 500, Group::global());
        assert_eq!(body.size_hint().exact(), Some(500));
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 500);
    }
}
