//! A stream that records the first bytes from its server, so that an error can name the kind of server.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crate::util::sync;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The maximum number of recorded bytes.
const MAX_BYTES: usize = 256;

/// The first bytes that a server has sent.
#[derive(Clone, Default)]
pub(super) struct Greeting(Arc<Mutex<Vec<u8>>>);

impl Greeting {
    pub(super) fn bytes(&self) -> Vec<u8> {
        sync::lock(&self.0).clone()
    }

    fn add(&self, bytes: &[u8]) -> usize {
        let mut kept = sync::lock(&self.0);
        let room = MAX_BYTES - kept.len();
        kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        MAX_BYTES - kept.len()
    }
}

/// A stream, and the first bytes that were read from it.
pub(super) struct RecordingStream<S> {
    stream: S,
    greeting: Greeting,
    room: usize,
}

impl<S> RecordingStream<S> {
    pub(super) const fn new(stream: S, greeting: Greeting) -> Self {
        Self { stream, greeting, room: MAX_BYTES }
    }
}

impl<S: AsyncRead + Unpin> RecordingStream<S> {
    /// Reads the reason that a server sends before it closes a rejected connection. Writing may fail before the
    /// reason was read.
    fn read_rest(&mut self, context: &mut Context<'_>) {
        let mut bytes = [0; MAX_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        if self.room > 0
            && matches!(Pin::new(&mut self.stream).poll_read(context, &mut buffer), Poll::Ready(Ok(())))
        {
            self.room = self.greeting.add(buffer.filled());
        }
    }

    fn checked<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Err(_))) {
            self.read_rest(context);
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordingStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(context, buffer);
        if this.room > 0 {
            this.room = this.greeting.add(&buffer.filled()[before..]);
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RecordingStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.checked(context, result)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(context);
        this.checked(context, result)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
