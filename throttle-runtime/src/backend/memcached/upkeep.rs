//! Keeps a connection up behind the backs of requests: connects, sends what they ask, and hands out what they are told.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use tracing::field::display;

use super::connection::{Answer, IN_FLIGHT, Request, Up};
use super::probe::probe;
use super::protocol::Reply;
use crate::deadline;
use crate::error_chain::chain;
use crate::log_limit::LogLimit;
use crate::random;

const CONNECT: Duration = Duration::from_secs(1);
/// A server that owes replies and sends nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(1);
/// A timer that is later than this was that of a process that was paused. Silence is believed after so many of them.
const LATE: Duration = Duration::from_millis(50);
const MOST_LATE: u32 = 3;
/// How long to wait at least and at most between attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// Connects, serves and connects again, until nobody holds the other end.
pub(super) async fn keep_up(address: String, mut queue: mpsc::Receiver<Request>, status: watch::Sender<Up>) {
    let (mut pause, lost) = (PAUSES[0], LogLimit::new());
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
        if let Some(omitted) = lost.admit_now() {
            let (error, omitted) = (display(chain(&error)), omitted.field());
            tracing::warn!(target: "throttle", backend = "memcached", address, error, omitted, "Memcached is unreachable");
        }
        status.send_replace(Up::No(Arc::new(error)));
        // Who asked meanwhile has waited for nothing.
        while queue.try_recv().is_ok() {}
        if queue.is_closed() {
            return;
        }
        // Processes that lost the same server must not come back together.
        sleep(random::part(pause)).await;
        pause = (pause * 2).min(PAUSES[1]);
    }
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let connected = deadline::timeout(CONNECT, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        probe(&mut stream, address).await?;
        Ok(stream)
    });
    connected.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
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
    let (mut silent_since, mut late) = (Instant::now(), 0);
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
                while let Some(mut request) = next {
                    output.extend_from_slice(&request.bytes);
                    waiting.extend(request.reply.take());
                    next = queue.try_recv().ok();
                }
                timeout(SILENCE, writer.write_all(&output)).await??;
            }
            read = read => {
                let Ok(read) = read else {
                    // A process that was paused has heard nothing of anybody: that says nothing about the server.
                    if late < MOST_LATE && silent_since.elapsed() > SILENCE + LATE {
                        (silent_since, late) = (Instant::now(), late + 1);
                        continue;
                    }
                    return Err(io::ErrorKind::TimedOut.into());
                };
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                (silent_since, late) = (Instant::now(), 0);
                *pause = PAUSES[0];
                let mut taken = 0;
                while let Some((reply, length)) = Reply::parse(&input[taken..]).map_err(io::Error::other)? {
                    taken += length;
                    let asked: Option<oneshot::Sender<Answer>> = waiting.pop_front();
                    let asked = asked.ok_or_else(|| io::Error::other("a reply that nobody asked for"))?;
                    let _ = asked.send(Ok(reply));
                }
                input.drain(..taken);
            }
        }
    }
}
