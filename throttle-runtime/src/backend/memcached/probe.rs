//! Probes a new connection with the commands of a decision, to find servers that can never decide.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::protocol::{Command, Reply, When};

/// No state has this key, because a namespace cannot contain `#`.
const KEY: &str = "throttle#probe";

/// The maximum length of the replies to the probe, in bytes.
const MOST: usize = 4_096;

/// Stores, reads and deletes an entry of its own, in one round trip.
pub(super) async fn probe(stream: &mut TcpStream, address: &str) -> io::Result<()> {
    let mut commands = b"version\r\n".to_vec();
    Command::Set { key: KEY, value: b"1", ttl: 1, when: When::Always }.write(&mut commands);
    Command::Get { key: KEY }.write(&mut commands);
    Command::Delete { key: KEY }.write(&mut commands);
    stream.write_all(&commands).await?;
    let mut heard = Vec::with_capacity(256);
    while heard.len() < MOST {
        if stream.read_buf(&mut heard).await? == 0 {
            break;
        }
        match judge(&heard) {
            Judgement::Incomplete => {}
            Judgement::Able => return Ok(()),
            Judgement::Old(version) => {
                return Err(unable(format!("Memcached 1.6 or later is needed, {address} is {version}")));
            }
            Judgement::Stranger(what) => return Err(unable(format!("{address} is {what}, not Memcached"))),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn unable(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Incomplete,
    Able,
    /// The version of a server that lacks a required command.
    Old(String),
    /// Another kind of server.
    Stranger(&'static str),
}

/// Judges the bytes received so far.
fn judge(heard: &[u8]) -> Judgement {
    let begins = |with: &str| heard.starts_with(with.as_bytes());
    if begins("HTTP/") || begins("<") {
        return Judgement::Stranger("an HTTP server");
    } else if begins("-") || begins("+") {
        return Judgement::Stranger("a Redis server");
    } else if begins("SSH-") {
        return Judgement::Stranger("an SSH server");
    }
    let Some(end) = heard.windows(2).position(|window| window == b"\r\n") else {
        return Judgement::Incomplete;
    };
    let Some(version) = heard[..end].strip_prefix(b"VERSION ") else {
        return Judgement::Stranger("another kind of server");
    };
    let old = || Judgement::Old(String::from_utf8_lossy(version).into_owned());
    let mut rest = &heard[end + 2..];
    // Other processes may probe concurrently, and a server may be short of memory. Therefore, several replies
    // are accepted.
    for _ in 0..3 {
        match Reply::parse(rest) {
            Ok(None) => return Judgement::Incomplete,
            Ok(Some((Reply::Refused(line), _))) if !line.starts_with("SERVER_ERROR") => return old(),
            Ok(Some((_, length))) => rest = &rest[length..],
            Err(_) => return old(),
        }
    }
    Judgement::Able
}

#[cfg(test)]
mod tests {
    use super::{Judgement, judge};

    #[test]
    fn f39_replies_to_the_probe_are_understood() {
        for (heard, judgement) in [
            ("VERSION 1.6.18\r\nHD\r\nVA 1 c5\r\n1\r\nHD\r\n", Judgement::Able),
            // Another process has probed in between, or the server has no memory.
            ("VERSION 1.6.18\r\nHD\r\nEN\r\nNF\r\n", Judgement::Able),
            ("VERSION 1.6.18\r\nSERVER_ERROR out of memory storing object\r\nEN\r\nNF\r\n", Judgement::Able),
            ("VERSION 1.6.18\r\nHD\r\nVA 1 c5\r\n", Judgement::Incomplete),
            ("VERS", Judgement::Incomplete),
            ("VERSION 1.4.25\r\nERROR\r\n", Judgement::Old("1.4.25".to_owned())),
            ("VERSION 1.5.22\r\nCLIENT_ERROR bad data chunk\r\n", Judgement::Old("1.5.22".to_owned())),
            ("VERSION 1.6.0\r\nOK \r\n", Judgement::Old("1.6.0".to_owned())),
            (
                "-ERR unknown command 'version', with args beginning with: \r\n",
                Judgement::Stranger("a Redis server"),
            ),
            ("-NOAUTH Authentication required.\r\n", Judgement::Stranger("a Redis server")),
            ("HTTP/1.1 400 Bad Request\r\n", Judgement::Stranger("an HTTP server")),
            ("220 mail ESMTP\r\n", Judgement::Stranger("another kind of server")),
        ] {
            assert_eq!(judge(heard.as_bytes()), judgement, "{heard}");
        }
    }
}
