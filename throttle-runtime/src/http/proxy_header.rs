//! The headers in which proxies name their clients.

use http::HeaderName;

/// A header in which a trusted proxy names its client.
///
/// **Security:** enable only headers that your proxy sets or overwrites. A header that the proxy passes on is
/// written by the client.
///
/// A text converts into a header: `"X-Forwarded-For"` is [`XForwardedFor`](Self::XForwardedFor), and an
/// unknown name is [`Custom`](Self::Custom).
///
/// ```
/// use throttle::ProxyHeader;
///
/// assert_eq!(ProxyHeader::from("x-real-ip"), ProxyHeader::XRealIp);
/// assert_eq!(ProxyHeader::from("Fly-Client-IP"), ProxyHeader::Custom("Fly-Client-IP"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: a list to which every proxy appends the address of its caller.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the standard form of `X-Forwarded-For`.
    Forwarded,
    /// `X-Real-IP`: one address, as nginx is often configured to send.
    XRealIp,
    /// `CF-Connecting-IP`: one address, from Cloudflare.
    CfConnectingIp,
    /// `True-Client-IP`: one address, from Akamai and Cloudflare.
    TrueClientIp,
    /// `CloudFront-Viewer-Address`: one address and its port, from Amazon's CDN. IPv6 addresses are not in brackets.
    CloudFrontViewerAddress,
    /// Any other header with one address, with or without a port, such as `Fly-Client-IP`.
    Custom(&'static str),
}

/// The variants whose name is fixed.
const KNOWN: [ProxyHeader; 6] = [
    ProxyHeader::XForwardedFor,
    ProxyHeader::Forwarded,
    ProxyHeader::XRealIp,
    ProxyHeader::CfConnectingIp,
    ProxyHeader::TrueClientIp,
    ProxyHeader::CloudFrontViewerAddress,
];

impl ProxyHeader {
    /// The headers that proxies send most often. A request with such a header came through a proxy, or
    /// pretends to.
    pub(super) const SIGNS: [Self; 7] = [
        Self::XForwardedFor,
        Self::Forwarded,
        Self::XRealIp,
        Self::CfConnectingIp,
        Self::TrueClientIp,
        Self::CloudFrontViewerAddress,
        Self::Custom("fly-client-ip"),
    ];

    /// Returns the name of the header, in lower case unless it is custom.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::XRealIp => "x-real-ip",
            Self::CfConnectingIp => "cf-connecting-ip",
            Self::TrueClientIp => "true-client-ip",
            Self::CloudFrontViewerAddress => "cloudfront-viewer-address",
            Self::Custom(name) => name,
        }
    }

    /// Returns the header as it is written in a program.
    pub(super) fn code(self) -> String {
        match self {
            Self::Custom(name) => format!("\"{name}\""),
            known => format!("\"{}\"", known.name()),
        }
    }

    /// Returns the variant for a custom name, or the problem with the name.
    pub(super) fn resolved(self) -> Result<Self, String> {
        let Self::Custom(name) = self else { return Ok(self) };
        match HeaderName::try_from(name) {
            Ok(_) => Ok(name.into()),
            Err(_) => Err(format!(
                "the proxy header {name:?} is not the name of a header: write one such as \"Fly-Client-IP\""
            )),
        }
    }
}

impl From<&'static str> for ProxyHeader {
    fn from(name: &'static str) -> Self {
        let known = KNOWN.into_iter().find(|known| known.name().eq_ignore_ascii_case(name));
        known.unwrap_or(Self::Custom(name))
    }
}
