//! The choice of the headers that a response carries.

/// The headers that a response carries about the limits.
///
/// In the attribute: `headers = "draft-11"`, `"legacy"`, `"off"`, or a constant expression of this type.
/// Denied requests also receive `Retry-After`, unless it is switched off or no wait helps.
///
/// # Default
///
/// [`Headers::DRAFT_11`].
///
/// ```
/// use throttle::{DraftVersion, HeaderPolicy, Headers};
///
/// const BOTH: Headers = Headers::DRAFT_11.legacy(true).when(HeaderPolicy::Denied);
/// const LIMITS_ONLY: Headers = Headers::DRAFT_11.policy(false).retry_after(false);
/// const LEGACY_AND_DRAFT: Headers = Headers::LEGACY.draft_version(Some(DraftVersion::Draft11));
/// assert_eq!(Headers::named("off"), Some(Headers::OFF));
/// # let _ = (BOTH, LIMITS_ONLY, LEGACY_AND_DRAFT);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    pub(crate) draft_version: Option<DraftVersion>,
    pub(crate) policy: bool,
    pub(crate) legacy: bool,
    pub(crate) retry_after: bool,
    pub(crate) when: HeaderPolicy,
}

/// A version of the IETF's `RateLimit` headers. The draft is not a standard yet and has changed its syntax
/// three times, so a version is named after the draft that defines it.
///
/// ```
/// use throttle::{DraftVersion, Headers};
///
/// let both = Headers::LEGACY.draft_version(Some(DraftVersion::Draft11)).policy(true);
/// assert_eq!(both, Headers::DRAFT_11.legacy(true));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DraftVersion {
    /// `draft-ietf-httpapi-ratelimit-headers-11`: structured fields, `RateLimit-Policy: "name";q=100;w=60`
    /// and `RateLimit: "name";r=99;t=42`.
    Draft11,
}

/// The responses that carry the headers.
///
/// # Default
///
/// [`Always`](Self::Always), in all three constants of [`Headers`].
///
/// ```
/// use throttle::{HeaderPolicy, Headers, throttle};
///
/// const QUIET: Headers = Headers::DRAFT_11.when(HeaderPolicy::Denied);
///
/// #[throttle(rate = "100/min", headers = QUIET)]
/// async fn items() -> &'static str { "ok" }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(items));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderPolicy {
    /// All responses: those of the handler, and denials.
    Always,
    /// Denials only.
    Denied,
}

impl Headers {
    /// `RateLimit-Policy`, `RateLimit` and `Retry-After` as in draft 11. This is the default.
    pub const DRAFT_11: Self = Self {
        draft_version: Some(DraftVersion::Draft11),
        policy: true,
        legacy: false,
        retry_after: true,
        when: HeaderPolicy::Always,
    };

    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset` (whole seconds from now, rounded up)
    /// of the tightest limit, and `Retry-After`.
    pub const LEGACY: Self = Self { draft_version: None, policy: false, legacy: true, ..Self::DRAFT_11 };

    /// No headers at all, not even `Retry-After`.
    pub const OFF: Self = Self { retry_after: false, legacy: false, ..Self::LEGACY };

    /// Returns the headers with this name: `draft-11`, `legacy` or `off`. Returns `None` for other names.
    pub const fn named(name: &str) -> Option<Self> {
        match name.as_bytes() {
            b"draft-11" => Some(Self::DRAFT_11),
            b"legacy" => Some(Self::LEGACY),
            b"off" => Some(Self::OFF),
            _ => None,
        }
    }

    /// Sets the version of the `RateLimit` headers. `None` sends none of them.
    ///
    /// # Default
    ///
    /// [`DraftVersion::Draft11`] in [`DRAFT_11`](Self::DRAFT_11), otherwise `None`.
    #[must_use]
    pub const fn draft_version(mut self, draft_version: Option<DraftVersion>) -> Self {
        self.draft_version = draft_version;
        self
    }

    /// Sets whether `RateLimit-Policy` is sent beside `RateLimit`.
    ///
    /// # Default
    ///
    /// `true` in [`DRAFT_11`](Self::DRAFT_11), otherwise `false`.
    #[must_use]
    pub const fn policy(mut self, on: bool) -> Self {
        self.policy = on;
        self
    }

    /// Sets whether the `X-RateLimit-*` headers are sent.
    ///
    /// # Default
    ///
    /// `true` in [`LEGACY`](Self::LEGACY), otherwise `false`.
    #[must_use]
    pub const fn legacy(mut self, on: bool) -> Self {
        self.legacy = on;
        self
    }

    /// Sets whether denials carry `Retry-After`.
    ///
    /// # Default
    ///
    /// `true`, but `false` in [`OFF`](Self::OFF).
    #[must_use]
    pub const fn retry_after(mut self, on: bool) -> Self {
        self.retry_after = on;
        self
    }

    /// Sets which responses carry the headers. `Retry-After` is on denials only, in any case.
    ///
    /// # Default
    ///
    /// [`HeaderPolicy::Always`].
    #[must_use]
    pub const fn when(mut self, when: HeaderPolicy) -> Self {
        self.when = when;
        self
    }

    /// Whether responses to admitted requests carry no headers.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) const fn is_silent(self) -> bool {
        (self.draft_version.is_none() && !self.legacy) || matches!(self.when, HeaderPolicy::Denied)
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self::DRAFT_11
    }
}
