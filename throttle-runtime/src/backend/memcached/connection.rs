//! One connection to one server, kept up in the background. Requests of all tasks go through it one after the other
//! without waiting for each other's replies, which come in the same order.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::protocol::{Command, Reply};
use crate::{BackendError, ErrorKind};

/// The end of a connection that requests are put into.
#[derive(Debug)]
pub(super) struct Connection {
    requests: mpsc::Sender<Request>,
    up: watch::Receiver<Up>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Request {
    bytes: Vec<u8>,
    /// Nobody listens any more if the decision was given up; the reply is then read and dropped.
    reply: oneshot::Sender<Result<Reply, BackendError>>,
}

/// Whether the server is there; before the first attempt nobody knows.
#[derive(Debug, Clone)]
enum Up {
    Unknown,
    Yes,
    No(Arc<io::Error>),
}

/// How many requests may wait for their replies. A server that hangs costs those their deadlines, and all others
/// are told at once.
const IN_FLIGHT: usize = 1_024;
const CONNECT: Duration = Duration::from_secs(1);
/// A server that owes replies and sends nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(1);
/// How long to wait at least and at most between attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

impl Connection {
    /// Begins to connect, in a task that ends with the last use of this.
    pub(super) fn open(address: String) -> Self {
        let (requests, queue) = mpsc::channel(IN_FLIGHT);
        let (status, up) = watch::channel(Up::Unknown);
        let task = tokio::spawn(keep_up(address, queue, status)).abort_handle();
        Self { requests, up, task }
    }

    /// Ends it, whoever still waits for a reply.
    pub(super) fn close(&self) {
        self.task.abort();
    }

    /// Whether nobody keeps it up any more, as after the end of the runtime that it was opened on.
    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits until the first attempt to connect has come to an end.
    pub(super) async fn ready(&self) -> Result<(), BackendError> {
        let mut up = self.up.clone();
        let settled = up.wait_for(|up| !matches!(up, Up::Unknown)).await;
        match settled.as_deref() {
            Ok(Up::No(error)) => Err(unreachable(Arc::clone(error))),
            _ => Ok(()),
        }
    }

    /// Sends a command, and waits for its reply.
    pub(super) async fn ask(&self, command: Command<'_>) -> Result<Reply, BackendError> {
        if let Up::No(error) = &*self.up.borrow() {
            return Err(unreachable(Arc::clone(error)));
        }
        let mut bytes = Vec::with_capacity(64);
        command.write(&mut bytes);
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request { bytes, reply }).map_err(|error| match error {
            TrySendError::Full(_) => {
                BackendError::new(ErrorKind::Connection, "too many requests wait for Memcached's replies")
            }
            TrySendError::Closed(_) => lost(),
        })?;
        match answer.await {
            Ok(Ok(Reply::Refused(line))) => Err(BackendError::new(ErrorKind::Store, line)),
            Ok(reply) => reply,
            Err(_) => Err(lost()),
        }
    }
}

fn unreachable(error: Arc<io::Error>) -> BackendError {
    BackendError::with_source(ErrorKind::Connection, "Memcached cannot be reached", error)
}

fn lost() -> BackendError {
    BackendError::new(ErrorKind::Connection, "the connection to Memcached was lost")
}

/// Connects, serves and connects again, until nobody holds the other end.
async fn keep_up(address: String, mut queue: mpsc::Receiver<Request>, status: watch::Sender<Up>) {
    let mut pause = PAUSES[0];
    loop {
        let error = match connect(&address).await {
            Ok(stream) => {
                status.send_replace(Up::Yes);
                match serve(stream, &mut queue, &mut pause).await {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tracing::warn!(target: "throttle", backend = "memcached", %error, "no connection");
        status.send_replace(Up::No(Arc::new(error)));
        // Who asked meanwhile has waited for nothing: the senders are dropped.
        while queue.try_recv().is_ok() {}
        if queue.is_closed() {
            return;
        }
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSES[1]);
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Between nothing and all of it, so that processes that lost the same server do not come back together.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0_u8) >> 40;
    pause * u32::try_from(random).unwrap_or(u32::MAX) / (1 << 24)
}

/// Sends requests and hands out replies until the connection breaks; `Ok` if nobody is left to ask. Only a reply makes
/// the pause a short one again: who takes connections and resets them is not there yet.
async fn serve(
    mut stream: TcpStream,
    queue: &mut mpsc::Receiver<Request>,
    pause: &mut Duration,
) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let (mut output, mut input) = (Vec::new(), Vec::with_capacity(4_096));
    let mut waiting = VecDeque::new();
    let mut silent_since = Instant::now();
    loop {
        // Also read while nobody waits: that is how a server's end is noticed before the next request.
        let read = async {
            let read = reader.read_buf(&mut input);
            if waiting.is_empty() { Ok(read.await) } else { timeout_at(silent_since + SILENCE, read).await }
        };
        tokio::select! {
            request = queue.recv(), if waiting.len() < IN_FLIGHT => {
                let Some(request) = request else { return Ok(()) };
                if waiting.is_empty() {
                    silent_since = Instant::now();
                }
                output.clear();
                let mut next = Some(request);
                while let Some(Request { bytes, reply }) = next {
                    output.extend_from_slice(&bytes);
                    waiting.push_back(reply);
                    next = queue.try_recv().ok();
                }
                timeout(SILENCE, writer.write_all(&output)).await??;
            }
            read = read => {
                if read?? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                silent_since = Instant::now();
                *pause = PAUSES[0];
                let mut taken = 0;
                while let Some((reply, length)) = Reply::parse(&input[taken..]).map_err(io::Error::other)? {
                    taken += length;
                    let asked: Option<oneshot::Sender<_>> = waiting.pop_front();
                    let asked = asked.ok_or_else(|| io::Error::other("a reply that nobody asked for"))?;
                    let _ = asked.send(Ok(reply));
                }
                input.drain(..taken);
            }
        }
    }
}
