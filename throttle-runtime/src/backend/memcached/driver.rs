//! Keeps a connection up in the background: connects, sends requests, and distributes replies.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use tracing::field::display;

use super::probe::probe;
use super::protocol::Reply;
use super::request::{Answer, IN_FLIGHT, Request, Up};
use crate::error::chain::chain;
use crate::util::log_limit::LogLimit;
use crate::util::{deadline, random};

const CONNECT: Duration = Duration::from_secs(1);
/// A server that owes replies and sends nothing for this duration counts as unreachable.
const SILENCE: Duration = Duration::from_secs(1);
/// A timer that fires later than this belongs to a process that was paused. After this number of late timers,
/// silence counts nevertheless.
const LATE: Duration = Duration::from_millis(50);
const MOST_LATE: u32 = 3;
/// The minimum and maximum pause between attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// Connects, serves and reconnects, until no handle to the connection exists.
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
        // Requests that arrived meanwhile fail immediately.
        while queue.try_recv().is_ok() {}
        if queue.is_closed() {
            return;
        }
        // Processes that lost the same server must not reconnect at the same moment.
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

/// Sends requests and distributes replies until the connection breaks. Returns `Ok` if no handle exists any
/// more.
///
/// Only a reply resets the pause to its minimum, because a server that accepts connections and resets them is
/// not usable yet.
async fn serve(
    mut stream: TcpStream,
    queue: &mut mpsc::Receiver<Request>,
    pause: &mut Duration,
) -> io::Result<()> {
    let (mut reader, mut writer) = stream.split();
    let (mut output, mut input) = (Vec::new(), Vec::with_capacity(4_096));
    let mut waiting = Waiting::new();
    let (mut silent_since, mut late) = (Instant::now(), 0);
    loop {
        // The task also reads while no request waits, so that it notices a closed connection before the next
        // request.
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
                gather(request, queue, &mut output, &mut waiting);
                timeout(SILENCE, writer.write_all(&output)).await??;
            }
            read = read => {
                let Ok(read) = read else {
                    // A paused process received nothing from any server, so its silence is no evidence about
                    // this server.
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
                distribute(&mut input, &mut waiting)?;
            }
        }
    }
}

/// The requests that wait for a reply, the oldest first.
type Waiting = VecDeque<oneshot::Sender<Answer>>;

/// Adds this request, and all others in the queue, to the output.
fn gather(
    request: Request,
    queue: &mut mpsc::Receiver<Request>,
    output: &mut Vec<u8>,
    waiting: &mut Waiting,
) {
    let mut next = Some(request);
    while let Some(mut request) = next {
        output.extend_from_slice(&request.bytes);
        waiting.extend(request.reply.take());
        next = queue.try_recv().ok();
    }
}

/// Removes the complete replies from the input, and sends each of them to its request.
fn distribute(input: &mut Vec<u8>, waiting: &mut Waiting) -> io::Result<()> {
    let mut taken = 0;
    while let Some((reply, length)) = Reply::parse(&input[taken..]).map_err(io::Error::other)? {
        taken += length;
        let asked = waiting.pop_front();
        let asked = asked.ok_or_else(|| io::Error::other("a reply without a request"))?;
        let _ = asked.send(Ok(reply));
    }
    input.drain(..taken);
    Ok(())
}
