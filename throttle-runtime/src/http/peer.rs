//! The address at the other end of the connection, as servers pass it on.

use std::any::type_name;
use std::fmt;
#[cfg(any(feature = "axum", feature = "tower"))]
use std::net::Ipv4Addr;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{Extensions, HeaderMap, header::CONTENT_TYPE};

/// Returns the address of the peer from the extensions of a request, if a server stored it there.
#[inline]
pub(crate) fn peer(extensions: &Extensions, others: &[PeerAddress]) -> Option<IpAddr> {
    standard(extensions).or_else(|| others.iter().find_map(|other| (other.read)(extensions)))
}

/// Returns the IPv4 address of the peer, if axum's server stored one.
#[cfg(feature = "axum")]
#[inline]
pub(super) fn connected_ipv4(extensions: &Extensions) -> Option<Ipv4Addr> {
    match extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()?.0 {
        SocketAddr::V4(peer) => Some(*peer.ip()),
        SocketAddr::V6(_) => None,
    }
}

#[cfg(all(feature = "tower", not(feature = "axum")))]
#[inline]
pub(super) fn connected_ipv4(extensions: &Extensions) -> Option<Ipv4Addr> {
    match extensions.get::<SocketAddr>()? {
        SocketAddr::V4(peer) => Some(*peer.ip()),
        SocketAddr::V6(_) => None,
    }
}

#[cfg(feature = "axum")]
fn standard(extensions: &Extensions) -> Option<IpAddr> {
    use axum::extract::ConnectInfo;
    use axum::extract::connect_info::MockConnectInfo;

    let real = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let mock = || extensions.get::<MockConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    real.or_else(mock).or_else(|| bare(extensions))
}

#[cfg(not(feature = "axum"))]
fn standard(extensions: &Extensions) -> Option<IpAddr> {
    bare(extensions)
}

/// Returns an address without a wrapper, as a program or tonic stores it.
fn bare(extensions: &Extensions) -> Option<IpAddr> {
    let bare = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    #[cfg(feature = "tonic")]
    let bare = bare.or_else(|| {
        let info = extensions.get::<tonic::transport::server::TcpConnectInfo>()?;
        info.remote_addr().map(|address| address.ip())
    });
    bare
}

type Read = dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync;

/// A type of the program that contains the address of the peer.
#[derive(Clone)]
pub(crate) struct PeerAddress {
    name: &'static str,
    read: Arc<Read>,
}

impl PeerAddress {
    /// Reads the address from an extension of type `T`, or from axum's `ConnectInfo<T>`.
    pub(crate) fn of<T: Clone + Send + Sync + 'static>(
        read: impl Fn(&T) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        let find = move |extensions: &Extensions| {
            #[cfg(feature = "axum")]
            {
                use axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

                let mock = || extensions.get::<MockConnectInfo<T>>().map(|info| &info.0);
                if let Some(info) = extensions.get::<ConnectInfo<T>>().map(|info| &info.0).or_else(mock) {
                    return read(info);
                }
            }
            extensions.get().and_then(&read)
        };
        Self { name: type_name::<T>(), read: Arc::new(find) }
    }
}

impl fmt::Debug for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The kind of a server that passes on no address, as far as a request shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Lambda,
    Grpc,
    Unix,
    Unknown,
}

impl Server {
    pub(super) fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let is_grpc = headers
            .get(CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"application/grpc"));
        if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
            Self::Lambda
        } else if is_unix(extensions) {
            Self::Unix
        } else if is_grpc {
            Self::Grpc
        } else {
            Self::Unknown
        }
    }

    /// Returns the advice for a program whose server passes on no address.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Lambda => {
                "AWS Lambda passes on no peer: write `registry().trusted_hops(1)`, so that the client is the last address in \
                 `X-Forwarded-For`, which the function URL, the HTTP API or the load balancer appends"
            }
            Self::Unix => {
                "peers on a Unix socket have no address: write `registry().trusted_hops(1)` if a proxy that sets \
                 `X-Forwarded-For` connects to the socket, or use another `key`"
            }
            Self::Grpc => {
                "for a server of tonic enable the feature `tonic` of this crate, which reads `TcpConnectInfo`; on a \
                 Unix socket write `registry().trusted_hops(1)`"
            }
            Self::Unknown => {
                "on TCP serve the router with `app.into_make_service_with_connect_info::<std::net::SocketAddr>()`; with a \
                 `Connected` type of your own write `registry().peer_address(|info: &YourType| Some(info.address))`; on a Unix \
                 socket or on AWS Lambda, behind a proxy that sets `X-Forwarded-For`, write `registry().trusted_hops(1)`; \
                 any other server inserts a `std::net::SocketAddr` into the extensions of the request"
            }
        }
    }
}

#[cfg(unix)]
fn is_unix(extensions: &Extensions) -> bool {
    use std::os::unix::net::SocketAddr as Unix;

    #[cfg(feature = "tonic")]
    if extensions.get::<tonic::transport::server::UdsConnectInfo>().is_some() {
        return true;
    }
    #[cfg(feature = "axum")]
    if extensions.get::<axum::extract::ConnectInfo<Unix>>().is_some() {
        return true;
    }
    extensions.get::<Unix>().is_some()
}

#[cfg(not(unix))]
const fn is_unix(_: &Extensions) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f15_each_server_has_its_line() {
        let advice = |server: Server| server.advice();
        assert!(advice(Server::Lambda).contains("registry().trusted_hops(1)"));
        assert!(advice(Server::Unix).contains("registry().trusted_hops(1)"));
        assert!(advice(Server::Grpc).contains("feature `tonic`"));
        for line in ["into_make_service_with_connect_info", "peer_address", "trusted_hops(1)", "SocketAddr"] {
            assert!(advice(Server::Unknown).contains(line), "{line}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn f15_servers_are_told_apart() {
        let mut extensions = Extensions::new();
        let mut headers = HeaderMap::new();
        assert_eq!(Server::of(&extensions, &headers), Server::Unknown);
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/grpc+proto"));
        assert_eq!(Server::of(&extensions, &headers), Server::Grpc);
        let unnamed = std::os::unix::net::SocketAddr::from_pathname("/run/socket").expect("a path");
        #[cfg(feature = "axum")]
        extensions.insert(axum::extract::ConnectInfo(unnamed));
        #[cfg(not(feature = "axum"))]
        extensions.insert(unnamed);
        assert_eq!(Server::of(&extensions, &headers), Server::Unix);
    }
}
