//! The declaration of a registry.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::backend::Backend;
use crate::backend::named::NamedBackend;
use crate::clock::{Clock, SystemClock};
use crate::config::settings::Settings;
use crate::http::ProxyHeader;
use crate::http::client::Clients;
use crate::http::peer::PeerAddress;

/// Starts the declaration of a registry. End it with [`install`](RegistryBuilder::install).
///
/// ```no_run
/// use throttle::{Settings, registry};
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// registry()
///     .namespace("shop")
///     .defaults(Settings::new().on_error("allow"))
///     .throttle("api:search", Settings::new().rate("50/min"))
///     .trusted_proxies(["10.0.0.1"])
///     .install()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn registry() -> RegistryBuilder {
    RegistryBuilder {
        namespace: String::new(),
        backends: HashMap::new(),
        defaults: Settings::NONE,
        overrides: HashMap::new(),
        clients: Clients::default(),
        clock: Arc::new(SystemClock::new()),
        required: true,
        probes_in_background: false,
        problems: Vec::new(),
    }
}

/// The declaration of a registry, which [`registry`] starts. It ends with [`install`](Self::install) for the
/// global registry, or with [`build`](Self::build) for another one.
///
/// Each method describes its default in a section of its own.
///
/// ```
/// use throttle::{RegistryBuilder, Settings, backend::Memory, registry};
///
/// fn declaration() -> RegistryBuilder {
///     registry()
///         .namespace("shop")
///         .backend("local", Memory::builder().max_keys(10_000).build())
///         .defaults(Settings::new().backend("local").on_error("allow"))
///         .trusted_proxies(["10.0.0.1"])
///         .ipv6_prefix(56)
/// }
///
/// # async fn example() -> Result<(), throttle::ConfigError> {
/// let registry = declaration().build().await?; // in a test
/// declaration().install().await?; // in `main`
/// # Ok(())
/// # }
/// ```
#[must_use = "a registry has no effect before `install().await` or `build().await`"]
pub struct RegistryBuilder {
    pub(super) namespace: String,
    pub(super) backends: HashMap<Arc<str>, (NamedBackend, Settings)>,
    pub(super) defaults: Settings,
    pub(super) overrides: HashMap<String, Settings>,
    pub(super) clients: Clients,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) required: bool,
    pub(super) probes_in_background: bool,
    pub(super) problems: Vec<String>,
}

impl RegistryBuilder {
    /// Sets the namespace, which separates the state of these throttles from other state in a shared store.
    ///
    /// # Default
    ///
    /// The empty namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Declares a backend under a name. A declaration with the name `memory` replaces the default backend.
    ///
    /// Throttles without a backend run on `memory`, even if only one other backend is declared: see
    /// [`defaults`](Self::defaults).
    ///
    /// # Default
    ///
    /// The backend `memory`, made by [`Memory::new`](crate::backend::Memory::new). It also exists beside other
    /// backends.
    pub fn backend(self, name: &str, backend: impl Backend) -> Self {
        self.backend_with(name, backend, Settings::NONE)
    }

    /// Declares a backend, with settings for the throttles on it. They apply to settings that a throttle does
    /// not set itself. They cannot name a backend.
    ///
    /// ```
    /// use std::time::Duration;
    /// use throttle::{Settings, registry};
    ///
    /// # async fn example(redis: throttle::backend::Memory) -> Result<(), throttle::ConfigError> {
    /// let slow = Settings::new().timeout(Duration::from_millis(500)).on_error("allow");
    /// let registry = registry().backend_with("redis", redis, slow).build().await?;
    /// let imports = registry.create("imports", Settings::new().rate("10/min").backend("redis"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// No settings.
    pub fn backend_with(mut self, name: &str, backend: impl Backend, settings: Settings) -> Self {
        let mut named = NamedBackend::new(name, Arc::new(backend));
        if let Some((known, _)) = self.backends.values().find(|(known, _)| known.ptr_eq(&named)) {
            named = named.named_after(known);
        }
        if self.backends.insert(Arc::from(name), (named, settings)).is_some() {
            self.problems.push(format!("the backend \"{name}\" is declared twice"));
        }
        self
    }

    /// Sets the defaults, which apply to settings that neither a throttle nor its backend sets. Further calls
    /// add to the defaults, and replace settings that were set before.
    ///
    /// # Default
    ///
    /// No settings, so that [`Settings::BUILT_IN`] applies.
    pub fn defaults(mut self, settings: Settings) -> Self {
        self.defaults = settings.or(self.defaults);
        self
    }

    /// Overrides the settings of the attribute with this uid. Further calls add to the override, and replace
    /// settings that were set before.
    ///
    /// An override for a uid that no attribute has is an error, unless the program has no attributes. For a
    /// throttle that the program [creates](crate::Registry::create), pass the settings to `create`.
    ///
    /// ```no_run
    /// use throttle::{Settings, registry, throttle};
    ///
    /// #[throttle(uid = "orders", rate = "100/min")]
    /// async fn orders() {}
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let rate = std::env::var("ORDERS_RATE")?;
    /// registry().throttle("orders", Settings::new().rate(rate)).install().await?;
    /// # Ok(())
    /// # }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(orders));
    /// ```
    ///
    /// # Default
    ///
    /// No overrides.
    pub fn throttle(mut self, uid: &str, settings: Settings) -> Self {
        let declared = self.overrides.get(uid).cloned().unwrap_or_default();
        self.overrides.insert(uid.to_owned(), settings.or(declared));
        self
    }

    /// Declares the networks of the proxies that may name their clients, such as `"10.0.0.0/8"`, or single
    /// addresses.
    ///
    /// **Security:** declare proxies only. A network that also contains clients lets each of them choose the
    /// address that it is counted under. Networks larger than /8 (IPv4) and /7 (IPv6) are rejected at
    /// startup.
    ///
    /// # Default
    ///
    /// No proxies: the client is the peer of the connection, whatever the headers contain.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let clients = &mut self.clients;
        self.problems
            .extend(networks.into_iter().filter_map(|network| clients.trust(network.as_ref()).err()));
        self
    }

    /// Declares how many proxies are in front of the program, if their addresses are not known. Use it on
    /// platforms such as Heroku, Cloud Run or AWS Lambda, and if a proxy connects to a Unix socket. It cannot be
    /// combined with [`trusted_proxies`](Self::trusted_proxies).
    ///
    /// **Security:** clients that reach the program without passing the proxies can choose their address. Use
    /// it only if the platform is the only way to the program.
    ///
    /// With `n` proxies, the client is the `n`th address from the right of a list such as `X-Forwarded-For`,
    /// because each proxy appends the address of its caller. Headers with one address are read as they are.
    /// At most 32 proxies are allowed. Some platforms append more than one address: with a Google Cloud
    /// Application Load Balancer, `n` is 2. On Fly.io, read the header `Fly-Client-IP` instead of the list, as in
    /// the example.
    ///
    /// # Default
    ///
    /// 0: a peer is trusted only if it is one of the [`trusted_proxies`](Self::trusted_proxies).
    ///
    /// ```
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = throttle::registry().trusted_hops(1).proxy_headers(["Fly-Client-IP"]).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn trusted_hops(mut self, proxies: usize) -> Self {
        self.clients.trust_hops(proxies);
        self
    }

    /// Sets the headers in which trusted proxies name their clients. They are read in this order, and the
    /// first header that names a client is used. Each is a [`ProxyHeader`](crate::ProxyHeader) or the name of
    /// a header, such as `"Fly-Client-IP"`.
    ///
    /// **Security:** list only headers that your proxy sets or removes itself. Clients can send all other
    /// headers.
    ///
    /// ```
    /// use throttle::{ProxyHeader, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = registry().trusted_proxies(["10.0.0.0/8"]).proxy_headers([ProxyHeader::Forwarded]);
    /// registry.build().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// `X-Forwarded-For`.
    pub fn proxy_headers(mut self, headers: impl IntoIterator<Item: Into<ProxyHeader>>) -> Self {
        self.problems.extend(self.clients.read(headers.into_iter().map(Into::into)));
        self
    }

    /// Sets where the address of the peer is read from, if the server does not pass it on as a `SocketAddr`.
    /// `T` is your own type that implements axum's `Connected`, or the type of an extension of the request.
    /// The function returns `None` if there is no address. With several calls, the first function that returns
    /// an address is used.
    ///
    /// ```
    /// use std::net::IpAddr;
    ///
    /// #[derive(Clone)]
    /// struct Connection {
    ///     peer: IpAddr,
    /// }
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = throttle::registry().peer_address(|it: &Connection| Some(it.peer)).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// No function: the address is axum's `ConnectInfo<SocketAddr>`, or a `SocketAddr` among the extensions of
    /// the request. These two have precedence over functions.
    pub fn peer_address<T: Clone + Send + Sync + 'static>(
        mut self,
        read: impl Fn(&T) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.clients.read_peer(PeerAddress::of(read));
        self
    }

    /// Sets how many leading bits of an IPv6 address identify a client: 1 to 128.
    ///
    /// # Default
    ///
    /// 64, because providers assign at least a /64 to each customer.
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.problems.extend(self.clients.group_ipv6(bits).err());
        self
    }

    /// Sets the clock of the circuit breakers, of the usage that is carried over between a backend and its
    /// fallback, and of the checks for changed files of [`Networks`](crate::Networks). Backends have clocks of
    /// their own.
    ///
    /// ```
    /// use throttle::{ManualClock, backend::Memory, registry};
    ///
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let clock = ManualClock::new();
    /// let memory = Memory::builder().clock(clock.clone()).build();
    /// let registry = registry().clock(clock.clone()).backend("memory", memory).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// The clock of the machine, [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets whether a background task, instead of a request, probes a backend when its circuit breaker may
    /// close. The task sends a read that charges nothing.
    ///
    /// ```
    /// # async fn example() -> Result<(), throttle::ConfigError> {
    /// let registry = throttle::registry().probe_in_background(true).build().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// `false`: a request probes, and is decided by the fallback if the probe fails.
    pub const fn probe_in_background(mut self, on: bool) -> Self {
        self.probes_in_background = on;
        self
    }

    /// Sets whether a backend that cannot be initialised makes the startup fail. With `false`, a warning is
    /// logged, and the first request that needs the backend initialises it. Until then, the requests of its
    /// throttles fail, and `on_error` decides about them. With a [`failover`](crate::failover), a service
    /// then starts while its store is unreachable.
    ///
    /// ```no_run
    /// use throttle::{CircuitBreaker, Settings, failover, registry};
    ///
    /// # async fn example(redis: throttle::backend::Memory) -> Result<(), throttle::ConfigError> {
    /// let failover = failover("memory", CircuitBreaker::new());
    /// registry()
    ///     .backend("redis", redis)
    ///     .defaults(Settings::new().backend("redis").on_error(failover))
    ///     .require_backends(false)
    ///     .install()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Default
    ///
    /// `true`.
    pub const fn require_backends(mut self, required: bool) -> Self {
        self.required = required;
        self
    }
}

impl fmt::Debug for RegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("namespace", &self.namespace)
            .field("backends", &self.backends.keys())
            .field("defaults", &self.defaults)
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}
