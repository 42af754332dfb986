//! A stream whose reading is done by something of its own; writing goes through as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How a stream is read.
pub trait Reader: Unpin {
    /// Reads from `stream`, or does not yet, as [`AsyncRead::poll_read`].
    fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>>;
}

/// A stream that is read by a [`Reader`].
#[derive(Debug)]
pub struct ReadBy<R, S> {
    reader: R,
    stream: S,
}

impl<R, S> ReadBy<R, S> {
    /// `stream`, read by `reader`.
    pub fn new(reader: R, stream: S) -> Self {
        Self { reader, stream }
    }
}

impl<R: Reader, S: AsyncRead + Unpin> AsyncRead for ReadBy<R, S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { reader, stream } = &mut *self;
        reader.poll_read(Pin::new(stream), context, into)
    }
}

impl<R: Unpin, S: AsyncWrite + Unpin> AsyncWrite for ReadBy<R, S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
