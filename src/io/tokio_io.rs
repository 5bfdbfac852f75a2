//! The traits of tokio.

use super::behind::Take;
use super::offloaded::Offloaded;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

impl<T: Read + Send + 'static> AsyncRead for Offloaded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            let bytes = ready!(self.poll_fill(cx))?;
            let read = bytes.len().min(buffer.remaining());
            buffer.put_slice(&bytes[..read]);
            self.consume_bytes(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Read + Send + 'static> AsyncBufRead for Offloaded<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().poll_fill(cx)
    }

    fn consume(mut self: Pin<&mut Self>, bytes: usize) {
        self.consume_bytes(bytes);
    }
}

impl<T: Write + Send + 'static> AsyncWrite for Offloaded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_from(cx, bytes, Take::SomeOfIt)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)
    }
}

impl<T: Seek + Send + 'static> AsyncSeek for Offloaded<T> {
    fn start_seek(mut self: Pin<&mut Self>, to: SeekFrom) -> io::Result<()> {
        self.start_next(to)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.poll_arrived(cx)
    }
}
