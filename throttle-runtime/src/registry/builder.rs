//! Declaring a registry.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Common, Declared, LIFECYCLE, Member, Registry, report};
use crate::backend::{Backend, Memory};
use crate::error_chain::chain;
use crate::http::ProxyHeader;
use crate::http::client::Clients;
use crate::http::peer::PeerAddress;
use crate::settings::MEMORY;
use crate::{Clock, ConfigError, Settings, SystemClock};

/// Starts the declaration of a registry; end it with [`install`](RegistryBuilder::install).
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

/// The declaration of a registry: see [`registry`].
#[must_use = "a registry is in charge only after `install().await`"]
pub struct RegistryBuilder {
    namespace: String,
    backends: HashMap<Arc<str>, (Member, Settings)>,
    defaults: Settings,
    overrides: HashMap<String, Settings>,
    clients: Clients,
    clock: Arc<dyn Clock>,
    required: bool,
    probes_in_background: bool,
    problems: Vec<String>,
}

impl RegistryBuilder {
    /// What the state of these throttles is kept apart by, in stores that others use too.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Declares a backend. `memory` is always there; declaring it replaces it.
    ///
    /// A single backend that is declared under another name becomes no default by that: see
    /// [`defaults`](Self::defaults).
    pub fn backend(self, name: &str, backend: impl Backend) -> Self {
        self.backend_with(name, backend, Settings::NONE)
    }

    /// Declares a backend and how the throttles on it behave where they say nothing themselves.
    pub fn backend_with(mut self, name: &str, backend: impl Backend, settings: Settings) -> Self {
        let mut member = Member::new(name, Arc::new(backend));
        if let Some((known, _)) = self.backends.values().find(|(known, _)| known.is(&member)) {
            member = member.named_after(known);
        }
        if self.backends.insert(Arc::from(name), (member, settings)).is_some() {
            self.problems.push(format!("the backend \"{name}\" is declared twice"));
        }
        self
    }

    /// How throttles behave where neither they nor their backend says anything. Adds to what was said before.
    pub fn defaults(mut self, settings: Settings) -> Self {
        self.defaults = settings.or(self.defaults);
        self
    }

    /// Overrides what the attribute with that uid says. Adds to what was said before. A throttle that a program
    /// [creates](Registry::create) has no override: the program says what it wants there.
    pub fn throttle(mut self, uid: &str, settings: Settings) -> Self {
        let said = self.overrides.get(uid).cloned().unwrap_or_default();
        self.overrides.insert(uid.to_owned(), settings.or(said));
        self
    }

    /// The networks of the proxies that may name their clients, such as `"10.0.0.0/8"`, or single addresses.
    /// Without any, the client is the peer of the connection, whatever headers contain.
    ///
    /// **Security:** declare proxies only. A network in which clients are, too, lets each of them choose the address that
    /// it is counted under; networks above /8 (IPv4) and /7 (IPv6) are rejected at startup.
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let clients = &mut self.clients;
        self.problems
            .extend(networks.into_iter().filter_map(|network| clients.trust(network.as_ref()).err()));
        self
    }

    /// How many proxies are in front of the program, where their addresses are not known: on platforms such as Fly.io,
    /// Heroku, Cloud Run or AWS Lambda, and where a proxy connects to a Unix socket. 0, the default, trusts no peer unless
    /// it is one of the [`trusted_proxies`](Self::trusted_proxies); the two exclude each other.
    ///
    /// With `n` proxies the client is the `n`th address from the right of a list such as `X-Forwarded-For`, since each
    /// proxy appends the address of its caller. Headers with one address are read as they are.
    ///
    /// **Security:** clients that reach the program past the proxies can choose their address. Use it only where the
    /// platform is the only way in.
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

    /// The headers in which trusted proxies name their clients, in the order in which they are read: the first header that
    /// names a client counts. `X-Forwarded-For` unless configured otherwise. Each is a
    /// [`ProxyHeader`](crate::ProxyHeader) or the name of a header, such as `"Fly-Client-IP"`.
    ///
    /// **Security:** list only headers that your proxy sets or removes itself: others come from the client.
    pub fn proxy_headers(mut self, headers: impl IntoIterator<Item: Into<ProxyHeader>>) -> Self {
        self.problems.extend(self.clients.read(headers.into_iter().map(Into::into)));
        self
    }

    /// Where the address of the peer is, if the server does not pass it on as a `SocketAddr`: in a type of your own that
    /// implements axum's `Connected`, or in an extension of the request of that type. `None` if there is no address.
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
    pub fn peer_address<T: Clone + Send + Sync + 'static>(
        mut self,
        read: impl Fn(&T) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.clients.read_peer(PeerAddress::of(read));
        self
    }

    /// How many leading bits of an IPv6 address make a client; 64 unless said otherwise, as providers give
    /// each customer at least that much.
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.problems.extend(self.clients.group_ipv6(bits).err());
        self
    }

    /// Where circuit breakers have the time from, and what fallbacks begin with and owe; the machine's clock unless said
    /// otherwise. Backends have clocks of their own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether a task in the background tries if a backend is back when its circuit breaker may close, instead of one
    /// of the requests. The task asks a question that takes nothing. Unless said otherwise a request tries, and is
    /// decided by the fallback if that fails.
    pub const fn probe_in_background(mut self, on: bool) -> Self {
        self.probes_in_background = on;
        self
    }

    /// Whether a backend that cannot be initialised keeps the program from starting, as it does unless said otherwise.
    /// If not, it is warned of, and initialised by the first request that needs it; until then the requests of its
    /// throttles are failures, and their `on_error` has the word. With a [`failover`](crate::failover) a service then
    /// starts while its store is down.
    pub const fn require_backends(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Checks the whole program against this declaration, initialises the backends and puts the registry in
    /// charge of everything. One event at level INFO says of each attribute on what it runs, what is tried when that
    /// fails, and how long a decision may take in all.
    ///
    /// # Errors
    ///
    /// All problems at once, each with its file and line: a backend that is not declared, two attributes with
    /// one uid and different settings, an override for a uid that no attribute has, a value that does not
    /// parse, a backend that cannot be initialised within five seconds; or that a registry is installed or in use already.
    pub async fn install(self) -> Result<Registry, ConfigError> {
        Registry::check_not_global_yet()?;
        let required = self.required;
        let registry = self.checked(Registry::verify)?;
        registry.initialize(required).await?;
        match registry.clone().make_global() {
            Ok(global) => {
                global.announce();
                Ok(global)
            }
            Err(taken) => {
                // What came up nobody else would close.
                let _ = registry.close().await;
                Err(taken)
            }
        }
    }

    /// Like [`install`](Self::install) for a registry beside the global one. What is declared is checked, but
    /// attributes only when they are first used, since most of the program belongs to the global registry.
    pub async fn build(self) -> Result<Registry, ConfigError> {
        let required = self.required;
        let registry = self.checked(|_| Vec::new())?;
        registry.initialize(required).await?;
        Ok(registry)
    }

    fn checked(mut self, more: impl FnOnce(&Registry) -> Vec<String>) -> Result<Registry, ConfigError> {
        let memory = || (Member::new(MEMORY, Arc::new(Memory::new())), Settings::NONE);
        self.backends.entry(Arc::from(MEMORY)).or_insert_with(memory);
        let mut problems = self.problems;
        let declared =
            Declared { backends: self.backends, defaults: self.defaults, overrides: self.overrides };
        problems.extend(report::unknown_overrides(declared.overrides.keys()));
        problems.extend(declared.problems());
        problems.extend(self.clients.problems());
        let mut common = Common::new(declared, self.namespace, self.clients, self.clock);
        common.probes_in_background = self.probes_in_background;
        let registry = Registry::new(common);
        problems.extend(more(&registry));
        if problems.is_empty() { Ok(registry) } else { Err(ConfigError::new(problems)) }
    }
}

impl Registry {
    async fn initialize(&self, required: bool) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        for member in self.declared().distinct_backends() {
            if let Err(error) = member.prepare_or_wait(LIFECYCLE).await {
                let problem =
                    format!("the backend \"{}\" cannot be initialised: {}", member.name, chain(&error));
                if required {
                    problems.push(problem);
                } else {
                    tracing::warn!(target: "throttle", backend = &*member.name, error = chain(&error), "the backend cannot be initialised yet");
                }
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        // What came up nobody else would close.
        let _ = self.close().await;
        Err(ConfigError::outage(problems))
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
