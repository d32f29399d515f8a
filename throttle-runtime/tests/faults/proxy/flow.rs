//! One direction of a connection: the bytes that are read are written again, as the current flow requires.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// How bytes are handled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    Pass,
    Delay(Duration),
    Trickle {
        bytes: usize,
        every: Duration,
    },
    /// They stay here until the flow changes, as in a network that resends them when it works again.
    Hold,
    /// This percentage of the chunks arrives a retransmission later, and everything after such a chunk waits
    /// for it.
    Lose(u64),
    Swallow,
    Corrupt,
    /// This many bytes of each connection pass, and then the connection is reset.
    CutAfter(usize),
}

/// Bytes, and the time of their arrival.
type Chunk = (Instant, Vec<u8>);

/// The time after which TCP resends unacknowledged data.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// The maximum number of chunks on their way. A sender above it waits, as for a TCP window.
const WINDOW: usize = 64;

/// Passes data on until the sender's end, which is passed on as well.
pub(super) async fn pump(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    flow: watch::Receiver<Flow>,
    count: &AtomicU64,
) -> io::Result<()> {
    let (sender, chunks) = mpsc::channel(WINDOW);
    tokio::try_join!(read(from, sender), write(to, chunks, flow, count)).map(drop)
}

async fn read(mut from: impl AsyncRead + Unpin, chunks: mpsc::Sender<Chunk>) -> io::Result<()> {
    loop {
        let mut bytes = Vec::with_capacity(4_096);
        if from.read_buf(&mut bytes).await? == 0 || chunks.send((Instant::now(), bytes)).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(
    to: impl AsyncWrite + Unpin,
    mut chunks: mpsc::Receiver<Chunk>,
    flow: watch::Receiver<Flow>,
    count: &AtomicU64,
) -> io::Result<()> {
    let mut writer = Writer { to, flow, count, last: Instant::now(), passed: 0, chunk: 0, gap: false };
    while let Some((came, bytes)) = chunks.recv().await {
        writer.chunk += 1;
        writer.deliver(came, &bytes).await?;
    }
    // If bytes do not get through, the end does not either.
    writer.turn(|flow| !matches!(flow, Flow::Hold)).await?;
    writer.to.shutdown().await
}

struct Writer<'a, W> {
    to: W,
    flow: watch::Receiver<Flow>,
    count: &'a AtomicU64,
    /// The time of the last write.
    last: Instant,
    /// The number of bytes that were written since the flow has a limit.
    passed: usize,
    chunk: u64,
    /// Whether bytes were left out.
    gap: bool,
}

impl<W: AsyncWrite + Unpin> Writer<'_, W> {
    async fn deliver(&mut self, came: Instant, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let flow = *self.flow.borrow_and_update();
            let due = match flow {
                Flow::Delay(by) => Some(came + by),
                Flow::Trickle { every, .. } => Some(self.last + every),
                Flow::Hold => None,
                // Spread over the chunks, and the same in each run.
                Flow::Lose(part) if self.chunk * 37 % 100 < part => Some(came + RETRANSMISSION),
                _ => Some(came),
            };
            tokio::select! {
                biased;
                changed = self.flow.changed() => changed.map_err(io::Error::other)?,
                () = until(due) => bytes = self.write(flow, bytes).await?,
            }
        }
        Ok(())
    }

    /// Writes the bytes that may be written immediately, and returns the rest.
    async fn write<'b>(&mut self, flow: Flow, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let most = match flow {
            Flow::Trickle { bytes, .. } => bytes.max(1),
            Flow::CutAfter(limit) => limit.saturating_sub(self.passed),
            _ => usize::MAX,
        };
        let (now, rest) = bytes.split_at(most.min(bytes.len()));
        self.gap |= matches!(flow, Flow::Swallow);
        match flow {
            _ if self.gap => return Ok(rest),
            Flow::Corrupt => self.to.write_all(&now.iter().map(|byte| !byte).collect::<Vec<_>>()).await?,
            _ => self.to.write_all(now).await?,
        }
        self.count.fetch_add(u64::try_from(now.len()).map_err(io::Error::other)?, Ordering::Relaxed);
        self.last = Instant::now();
        self.passed = if matches!(flow, Flow::CutAfter(_)) { self.passed + now.len() } else { 0 };
        if matches!(flow, Flow::CutAfter(limit) if limit == self.passed) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(rest)
    }

    async fn turn(&mut self, is_so: impl FnMut(&Flow) -> bool) -> io::Result<()> {
        self.flow.wait_for(is_so).await.map(drop).map_err(io::Error::other)
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

impl Flow {
    pub(super) fn both(flow: Self) -> [watch::Sender<Self>; 2] {
        [flow, flow].map(|flow| watch::channel(flow).0)
    }
}
