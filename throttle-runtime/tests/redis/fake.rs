//! Servers that reply like older or different servers.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A server whose replies a function returns.
pub(crate) struct Fake {
    pub(crate) port: u16,
}

impl Fake {
    pub(crate) async fn start(reply: impl Fn(&[String]) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let reply = Arc::new(reply);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let reply = Arc::clone(&reply);
                tokio::spawn(async move { serve(client, &*reply).await });
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

async fn serve(
    client: TcpStream,
    reply: &(dyn Fn(&[String]) -> String + Send + Sync),
) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let Some(count) = number(&mut client, '*').await? else { return Ok(()) };
        let mut command = Vec::new();
        for _ in 0..count {
            let Some(length) = number(&mut client, '$').await? else { return Ok(()) };
            let mut bytes = vec![0; length + 2];
            client.read_exact(&mut bytes).await?;
            command.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
        client.write_all(reply(&command).as_bytes()).await?;
    }
}

async fn number(client: &mut BufReader<TcpStream>, sign: char) -> std::io::Result<Option<usize>> {
    let mut line = String::new();
    client.read_line(&mut line).await?;
    Ok(line.trim_end().strip_prefix(sign).and_then(|number| number.parse().ok()))
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn list(items: &[&str]) -> String {
    format!("*{}\r\n{}", items.len(), items.iter().map(|item| bulk(item)).collect::<String>())
}

/// Returns the reply of a server of this version to a command that is neither a script nor `HELLO`.
pub(crate) fn usual(command: &[String], version: &str) -> String {
    match command[0].as_str() {
        "PING" => "+PONG\r\n".to_owned(),
        "ROLE" => format!("*3\r\n{}:0\r\n*0\r\n", bulk("master")),
        "SCRIPT" => bulk("0123456789012345678901234567890123456789"),
        "INFO" => bulk(&format!("# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n")),
        "EVALSHA" => "-NOSCRIPT No matching script. Please use EVAL.\r\n".to_owned(),
        other => format!("-ERR unknown command `{other}`, with args beginning with: \r\n"),
    }
}

/// Redis 6.0: `SET` has no `EXAT` yet, and `HELLO` needs an argument.
pub(crate) fn redis_6_0(command: &[String]) -> String {
    match command[0].as_str() {
        "HELLO" if command.len() == 1 => "-ERR wrong number of arguments for 'hello' command\r\n".to_owned(),
        "EVAL" => list(&["SET", "ERR syntax error"]),
        _ => usual(command, "6.0.9"),
    }
}

/// Redis 5: neither `KEEPTTL` nor `HELLO`.
pub(crate) fn redis_5(command: &[String]) -> String {
    match command[0].as_str() {
        "EVAL" => list(&["SET", "ERR syntax error", "SET", "ERR syntax error"]),
        _ => usual(command, "5.0.14"),
    }
}

/// A server whose Lua has fewer libraries. A script that reads a missing global returns an error.
pub(crate) fn without_struct(command: &[String]) -> String {
    match command[0].as_str() {
        "EVAL" => "-ERR Error running script (call to f_0123): @enable_strict_lua:15: user_script:8: Script attempted to \
                   access nonexistent global variable 'struct'\r\n"
            .to_owned(),
        _ => usual(command, "7.0.15"),
    }
}

/// Redis 4: a script that has read the time may not write.
pub(crate) fn without_time(command: &[String]) -> String {
    match command[0].as_str() {
        "EVAL" => list(&[
            "SET",
            "ERR Write commands not allowed after non deterministic commands. Call redis.replicate_commands() at the \
             start of your script in order to switch to single commands replication mode.",
        ]),
        _ => usual(command, "4.0.14"),
    }
}
