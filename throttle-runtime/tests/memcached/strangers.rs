//! Servers that can never decide: they are found at the first connection, and reported in one line.

use throttle_runtime::backend::{Backend, Memcached};
use throttle_runtime::{ErrorKind, registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Starts a server that sends one text whatever it receives. Returns its address.
async fn server_that_says(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 256]).await;
            let _ = client.write_all(text.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn f39_a_server_that_can_never_decide_is_named_at_the_start() {
    for (says, what) in [
        (
            "VERSION 1.4.25\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n",
            "Memcached 1.6 or later is needed, ADDRESS is 1.4.25",
        ),
        (
            "-ERR unknown command 'version', with args beginning with: \r\n",
            "ADDRESS is a Redis server, not Memcached",
        ),
        ("-NOAUTH Authentication required.\r\n", "ADDRESS is a Redis server, not Memcached"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "ADDRESS is an HTTP server, not Memcached"),
        ("220 mail.example ESMTP\r\n", "ADDRESS is another kind of server, not Memcached"),
    ] {
        let address = server_that_says(says).await;
        let what = what.replace("ADDRESS", &address);
        let memcached = Memcached::new([address]);
        let error = memcached.initialize().await.expect_err("it can never decide");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::Store, what.clone()));
        let started =
            registry().backend("memcached", memcached).build().await.expect_err("it is found at the start");
        assert!(started.to_string().contains(&what), "{started}");
    }
}
