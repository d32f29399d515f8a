//! TLS settings: trusted certificates, client certificates, and the cryptography provider.

use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::crypto::CryptoProvider;
#[cfg(not(feature = "redis-tls"))]
use rustls::crypto::aws_lc_rs as provider;
#[cfg(feature = "redis-tls")]
use rustls::crypto::ring as provider;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::error::ConfigError;

/// TLS settings that are not part of URLs.
#[derive(Default)]
pub(in crate::backend::redis) struct Tls {
    /// Whether connections to the server use TLS, which overrides the URLs.
    pub(in crate::backend::redis) on: Option<bool>,
    pub(in crate::backend::redis) root: Option<Vec<u8>>,
    pub(in crate::backend::redis) client: Option<ClientTlsConfig>,
}

impl Tls {
    /// Applies the settings to the server and its sentinels.
    pub(in crate::backend::redis) fn apply(
        &self,
        server: ConnectionInfo,
        sentinels: Vec<ConnectionInfo>,
    ) -> Result<(ConnectionInfo, Vec<ConnectionInfo>), ConfigError> {
        self.check()?;
        let default = sentinels.iter().chain([&server]).any(is_encrypted);
        let server = switch(server, self.on.unwrap_or(default));
        let is_expected = self.on == Some(true) || self.root.is_some() || self.client.is_some();
        if is_expected && !is_encrypted(&server) {
            let text =
                "TLS settings are configured, but the URL of the server does not begin with `rediss://`";
            return Err(ConfigError::one(text));
        }
        let sentinels =
            sentinels.into_iter().map(|sentinel| self.certify(sentinel)).collect::<Result<_, _>>()?;
        Ok((self.certify(server)?, sentinels))
    }

    /// Checks that each configured certificate contains a certificate. The client crate accepts PEM without
    /// any.
    fn check(&self) -> Result<(), ConfigError> {
        let client = self.client.as_ref().map(|client| &client.client_cert);
        for (what, pem) in [("root", self.root.as_ref()), ("client", client)] {
            let first = pem.map(|pem| CertificateDer::pem_slice_iter(pem).next());
            if matches!(first, Some(None | Some(Err(_)))) {
                return Err(ConfigError::one(format!("the {what} certificate is not PEM")));
            }
        }
        Ok(())
    }

    /// Adds the certificates to the settings of a server, if it uses TLS.
    fn certify(&self, server: ConnectionInfo) -> Result<ConnectionInfo, ConfigError> {
        if !is_encrypted(&server) || (self.root.is_none() && self.client.is_none()) {
            return Ok(server);
        }
        let certificates = TlsCertificates { client_tls: self.client.clone(), root_cert: self.root.clone() };
        // The message of the parser is omitted, because it may contain a line of its input.
        let wrong = |_| ConfigError::one("the certificate or the key of the client is not PEM");
        Ok(Client::build_with_tls(server, certificates).map_err(wrong)?.get_connection_info().clone())
    }
}

/// Turns TLS on or off in the settings of a server.
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

/// Installs a cryptography provider if a connection needs one. rustls panics if it cannot choose one, for
/// example if several crates have enabled different ones.
pub(super) fn install_provider(client: &Client) {
    if is_encrypted(client.get_connection_info()) && CryptoProvider::get_default().is_none() {
        // If another thread has installed a provider meanwhile, that one is used.
        let _ = provider::default_provider().install_default();
    }
}
