//! A load generator for machines without wrk. It uses more processor time than wrk, so the ratios are closer
//! to 1.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::observed::{CONNECTIONS, Seen};
use crate::response::content_length;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// Sends requests on all connections until the time is up.
pub(super) fn run(port: u16, time: Duration) -> Result<Seen, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let start = Instant::now();
    let connections = runtime.block_on(async {
        let tasks: JoinSet<_> = (0..CONNECTIONS).map(|_| connection(port, start + time)).collect();
        tasks.join_all().await
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut times = Histogram::<u64>::new(3)?;
    let mut refused = 0;
    for connection in connections {
        let (own, own_refused) = connection?;
        times.add(own)?;
        refused += own_refused;
    }
    let micros = |share| times.value_at_quantile(share) as f64 / 1e3;
    let (requests, p50, p99) = (times.len(), micros(0.5), micros(0.99));
    Ok(Seen { requests, refused, per_second: requests as f64 / seconds, p50, p99 })
}

/// Returns the nanoseconds of each request of one connection, and the number of responses without success.
async fn connection(port: u16, end: Instant) -> io::Result<(Histogram<u64>, u64)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut times = Histogram::new(3).map_err(io::Error::other)?;
    let mut refused = 0;
    let mut buffer = Vec::with_capacity(1_024);
    while Instant::now() < end {
        let start = Instant::now();
        stream.write_all(REQUEST).await?;
        let success = answer(&mut stream, &mut buffer).await?;
        refused += u64::from(!success);
        let nanos = u64::try_from(start.elapsed().as_nanos()).map_err(io::Error::other)?;
        times.record(nanos).map_err(io::Error::other)?;
    }
    Ok((times, refused))
}

/// Reads one response to its end. Returns whether its status is 2xx.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            && buffer.len() >= head + 4 + content_length(&buffer[..head])
        {
            return Ok(buffer.starts_with(b"HTTP/1.1 2"));
        }
    }
}
