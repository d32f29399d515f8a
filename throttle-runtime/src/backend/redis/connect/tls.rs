//! Encrypted connections: who is trusted, who one is, and by whose algorithms.

use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::ConfigError;

/// What is said beside URLs.
#[derive(Default)]
pub(in crate::backend::redis) struct Tls {
    /// Whether the server is reached by it, whatever URLs say.
    pub(in crate::backend::redis) on: Option<bool>,
    pub(in crate::backend::redis) root: Option<Vec<u8>>,
    pub(in crate::backend::redis) client: Option<ClientTlsConfig>,
}

impl Tls {
    /// The same server and its sentinels by TLS, where they are meant to be.
    pub(super) fn apply(
        &self,
        server: ConnectionInfo,
        sentinels: Vec<ConnectionInfo>,
    ) -> Result<(ConnectionInfo, Vec<ConnectionInfo>), ConfigError> {
        self.check()?;
        let usually = sentinels.iter().chain([&server]).any(is_encrypted);
        let server = switch(server, self.on.unwrap_or(usually));
        let is_meant = self.on == Some(true) || self.root.is_some() || self.client.is_some();
        if is_meant && !is_encrypted(&server) {
            let text = "the server is not reached by TLS, for which there are settings: its URL begins with `rediss://`";
            return Err(ConfigError::one(text));
        }
        let sentinels =
            sentinels.into_iter().map(|sentinel| self.certify(sentinel)).collect::<Result<_, _>>()?;
        Ok((self.certify(server)?, sentinels))
    }

    /// Whether there is a certificate wherever there should be one: the client takes none for one.
    fn check(&self) -> Result<(), ConfigError> {
        let client = self.client.as_ref().map(|client| &client.client_cert);
        for (what, pem) in [("root", self.root.as_ref()), ("client", client)] {
            let first = pem.map(|pem| CertificateDer::pem_slice_iter(pem).next());
            if matches!(first, Some(None | Some(Err(_)))) {
                return Err(ConfigError::one(format!("the {what} certificate is no PEM")));
            }
        }
        Ok(())
    }

    /// The same server with the certificates, if it is encrypted.
    fn certify(&self, server: ConnectionInfo) -> Result<ConnectionInfo, ConfigError> {
        if !is_encrypted(&server) || (self.root.is_none() && self.client.is_none()) {
            return Ok(server);
        }
        let certificates = TlsCertificates { client_tls: self.client.clone(), root_cert: self.root.clone() };
        // What the parser says may hold a line of what it was given.
        let wrong = |_| ConfigError::one("a certificate or the key of the client's is no PEM");
        Ok(Client::build_with_tls(server, certificates).map_err(wrong)?.get_connection_info().clone())
    }
}

/// The same server, encrypted or not.
fn switch(server: ConnectionInfo, on: bool) -> ConnectionInfo {
    let address = match (server.addr(), on) {
        (ConnectionAddr::Tcp(host, port), true) => {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        }
        (ConnectionAddr::TcpTls { host, port, .. }, false) => ConnectionAddr::Tcp(host.clone(), *port),
        _ => return server,
    };
    server.set_addr(address)
}

fn is_encrypted(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}

/// Sees to it that there are algorithms for a connection: rustls panics where it cannot tell by itself whose to use,
/// as where several crates have turned on different ones.
pub(super) fn provide(client: &Client) {
    if is_encrypted(client.get_connection_info()) && CryptoProvider::get_default().is_none() {
        // Whoever was faster has installed others, which serve as well.
        let _ = ring::default_provider().install_default();
    }
}
