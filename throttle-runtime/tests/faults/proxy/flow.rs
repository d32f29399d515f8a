//! One direction of a connection: what is read is written again, as the flow says at that time.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// What becomes of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    Pass,
    Delay(Duration),
    Trickle {
        bytes: usize,
        every: Duration,
    },
    /// They stay here until the flow is another one, as in a network that sends them again when it is whole.
    Hold,
    /// This part of the chunks in a hundred comes a retransmission later, and what follows it waits for it.
    Lose(u64),
    Swallow,
    Corrupt,
    /// So many of each connection pass, and then it is reset.
    CutAfter(usize),
}

/// Bytes, and when they came.
type Chunk = (Instant, Vec<u8>);

/// When TCP sends again what nobody has acknowledged.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// How many chunks may be on their way; whoever sends more waits, as for a window of TCP.
const WINDOW: usize = 64;

/// Passes on until the sender's end, which is passed on as well.
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
    // Where bytes do not get through, neither does their end.
    writer.turn(|flow| !matches!(flow, Flow::Hold)).await?;
    writer.to.shutdown().await
}

struct Writer<'a, W> {
    to: W,
    flow: watch::Receiver<Flow>,
    count: &'a AtomicU64,
    /// When something was written.
    last: Instant,
    /// How much was written since there is an end to it.
    passed: usize,
    chunk: u64,
    /// Whether something was left out.
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
                // Spread over them, and the same in each run.
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

    /// Writes what may be written at once: the rest is left.
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
