//! Ports of servers, in tests. Alone because the tests of all servers use it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the system gives to connections. So no connection takes a port before its server binds
/// it, or while its server is down.
const FIRST: u32 = 10_000;
const COUNT: u32 = 10_000;
/// How far the second port is above the first.
const ABOVE: u16 = 10_000;

/// Returns a free port. The port 10000 above it, on which nodes of a cluster communicate, is also free. No call of
/// this process returns a port twice, and processes that run at the same time begin at different ports.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let of_process = std::process::id().wrapping_mul(211);
    let ports = (0..COUNT).map(|_| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        u16::try_from(FIRST + of_process.wrapping_add(next) % COUNT).expect("a port")
    });
    ports.into_iter().find(|port| is_free(*port) && is_free(port + ABOVE)).expect("a port")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
