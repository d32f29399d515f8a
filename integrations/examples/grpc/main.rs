//! A tonic server with a limit for each client. A denied call receives the status `RESOURCE_EXHAUSTED`, with
//! `retry-after` in its metadata.
//!
//! Run it with `cargo run -p throttle-integrations --example grpc`. The environment variable `PORT` sets
//! another port than 3000. The program starts the server, and calls it four times:
//!
//! ```text
//! hello ann Some("\"greeter\";r=2;t=7")
//! hello bob Some("\"greeter\";r=1;t=7")
//! hello cleo Some("\"greeter\";r=0;t=7")
//! ResourceExhausted: Too many requests. Retry in 7 seconds. Some("7")
//! ```

mod greeter;

use throttle::{Rule, Settings, ThrottleLayer, registry};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};

use crate::greeter::{Greeter, greet};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    registry().namespace("grpc").install().await?;
    let limits = ThrottleLayer::new([("greeter", Settings::new().rate("3/min"))])
        .only(Rule::path("/greeting.Greeter/*"))
        .check()?;

    let port = std::env::var("PORT").map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}/, and asked from here:");
    let server = Server::builder().layer(limits).add_service(Greeter);
    let server = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    for name in ["ann", "bob", "cleo", "dan"] {
        match greet(&channel, name).await {
            Ok(answer) => println!("{} {:?}", answer.get_ref(), answer.metadata().get("ratelimit")),
            Err(status) => println!(
                "{:?}: {} {:?}",
                status.code(),
                status.message(),
                status.metadata().get("retry-after")
            ),
        }
    }
    server.await??;
    Ok(())
}
