//! The default response to a denial: its status, sentence, headers and problem document.

use http::{HeaderMap, StatusCode};

use super::throttled::Throttled;
use crate::decision::DecisionReason;
use crate::http::Headers;
use crate::http::header_fields::Report;

impl Throttled {
    /// Returns the status of the default response: 403 for a client on a `deny` list, and otherwise 429.
    pub fn status(&self) -> StatusCode {
        match self.reason() {
            DecisionReason::Forbidden => StatusCode::FORBIDDEN,
            _ => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// Returns the sentence of the default response: the [detail](Self::with_detail) if it is set.
    ///
    /// # Default
    ///
    /// | denial | sentence |
    /// |---|---|
    /// | a wait helps | `Too many requests. Retry in 5 seconds.` |
    /// | no wait helps | `This request costs more than the limit can ever allow.` |
    /// | of the program, without a wait | `Too many requests.` |
    /// | the client is on a `deny` list | `Your network is not allowed.` |
    ///
    /// These sentences contain no data of the request.
    pub fn message(&self) -> String {
        match (&self.0.detail, self.reason(), self.retry_after_seconds()) {
            (Some(detail), ..) => detail.to_string(),
            (None, DecisionReason::Forbidden, _) => FORBIDDEN.to_owned(),
            (None, DecisionReason::Program, None) => "Too many requests.".to_owned(),
            (None, _, seconds) => message(seconds),
        }
    }

    /// Adds the headers of the default response: `Retry-After`, and the headers that the throttle's
    /// [`Headers`](crate::Headers) select. If another throttle has written the same headers, lists are
    /// extended, and of single values the strictest remains.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::http::HeaderMap;
    /// use throttle::Throttled;
    ///
    /// let mut headers = HeaderMap::new();
    /// Throttled::new(Duration::from_millis(1_500)).write_headers(&mut headers);
    /// assert_eq!(headers["retry-after"], "2");
    /// ```
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        self.report().write(headers);
    }

    /// Adds the headers that are not set yet.
    #[cfg(feature = "axum")]
    pub(crate) fn complete(&self, theirs: &mut HeaderMap) {
        let mut ours = HeaderMap::new();
        self.write_headers(&mut ours);
        for (name, value) in ours {
            if let Some(name) = name
                && !theirs.contains_key(&name)
            {
                theirs.insert(name, value);
            }
        }
    }

    /// Returns a body of the media type `application/problem+json` (RFC 9457). Its `violated-policies` have the
    /// same names as in the headers (draft-ietf-httpapi-ratelimit-headers-11, section 6.1). A denial that no
    /// limit caused has the type `about:blank` and no `violated-policies`.
    ///
    /// ```
    /// use throttle::Throttled;
    ///
    /// let body = Throttled::new(None).problem_json();
    /// assert!(body.starts_with(r#"{"type":"about:blank","title":"Too Many Requests","status":429"#));
    /// ```
    pub fn problem_json(&self) -> String {
        if self.0.decision.quotas().is_empty() {
            let (status, detail) = (self.status(), json_string(&self.message()));
            let (code, title) = (status.as_u16(), status.canonical_reason().unwrap_or_default());
            return format!(
                "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":{detail}}}"
            );
        }
        format!(
            "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\"title\":\"Too Many \
             Requests\",\"status\":429,\"detail\":\"{}\",\"violated-policies\":[{}]}}",
            self.message(),
            self.report().violated(),
        )
    }

    pub(crate) fn report(&self) -> Report<'_> {
        let policy = self.0.policy.as_ref();
        Report {
            name: policy.map_or("", |policy| &policy.name),
            advertised: policy.and_then(|policy| policy.advertised.as_ref()),
            quotas: self.limits(),
            retry_after: self.retry_after(),
            denied: true,
            headers: policy.map_or_else(Headers::default, |policy| policy.headers),
        }
    }
}

/// The sentence of the default response to a client on a `deny` list.
pub(crate) const FORBIDDEN: &str = "Your network is not allowed.";

const HEX: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

/// Returns a text as a JSON string (RFC 8259 section 7).
fn json_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => string.extend(['\\', character]),
            '\0'..' ' => string.extend([
                "\\u00",
                if character < '\u{10}' { "0" } else { "1" },
                HEX[character as usize % 16],
            ]),
            _ => string.push(character),
        }
    }
    string.push('"');
    string
}

/// Returns the sentence of the default response.
pub(crate) fn message(retry_after_seconds: Option<u64>) -> String {
    match retry_after_seconds {
        Some(1) => "Too many requests. Retry in 1 second.".to_owned(),
        Some(seconds) => {
            let mut digits = itoa::Buffer::new();
            let (before, seconds, after) =
                ("Too many requests. Retry in ", digits.format(seconds), " seconds.");
            let mut message = String::with_capacity(before.len() + seconds.len() + after.len());
            message.push_str(before);
            message.push_str(seconds);
            message.push_str(after);
            message
        }
        None => "This request costs more than the limit can ever allow.".to_owned(),
    }
}
