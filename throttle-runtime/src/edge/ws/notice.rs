//! The messages that tell a client of its limit over an open connection.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};

use crate::http::header_fields::whole_seconds;

/// The message that tells a client that one of its messages exceeded a limit:
/// `{"type":"rate_limit","error":"Too many messages","retry_after":5}`.
///
/// `retry_after` is in whole seconds, rounded up, at least 1. It is `null` for `None`: the message costs more
/// than the limit can ever hold, so no wait helps. The message contains no data of the client.
///
/// A [`Socket`](super::Socket) sends it [itself](super::Socket::notify). Call this function to send it in
/// another way.
///
/// ```
/// use std::time::Duration;
/// use throttle::ws::notice;
///
/// let text = notice(Some(Duration::from_millis(4_001))).into_text()?;
/// assert_eq!(text, r#"{"type":"rate_limit","error":"Too many messages","retry_after":5}"#);
/// # Ok::<(), axum::Error>(())
/// ```
pub fn notice(retry_after: Option<Duration>) -> Message {
    let seconds = retry_after.map(|wait| whole_seconds(wait).max(1));
    let mut digits = itoa::Buffer::new();
    let wait = seconds.map_or("null", |seconds| digits.format(seconds));
    let text = [r#"{"type":"rate_limit","error":"Too many messages","retry_after":"#, wait, "}"].concat();
    Message::Text(text.into())
}

/// The longest reason of a close frame, in bytes. RFC 6455 section 5.5 allows 125 bytes, including the code
/// of two bytes.
const LONGEST_REASON: usize = 123;

/// The message that closes a connection. A reason that is too long is cut, because the peer would treat the
/// frame as an error.
pub(super) fn close(code: u16, reason: &str) -> Message {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from(&reason[..end]) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(wait: Option<Duration>) -> String {
        notice(wait).into_text().expect("text").to_string()
    }

    #[test]
    fn seconds_are_rounded_up_and_never_is_null() {
        let expected = |wait: &str| {
            format!("{{\"type\":\"rate_limit\",\"error\":\"Too many messages\",\"retry_after\":{wait}}}")
        };
        for (millis, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (59_999, "60")] {
            assert_eq!(text(Some(Duration::from_millis(millis))), expected(seconds), "{millis} ms");
        }
        assert_eq!(text(None), expected("null"));
        assert!(text(Some(Duration::MAX)).len() < 100);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = |text: &str| match close(1008, text) {
            Message::Close(Some(frame)) => frame.reason.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("Slow down"), "Slow down");
        assert_eq!(reason(&"x".repeat(200)), "x".repeat(123));
        assert_eq!(reason(&"ü".repeat(100)), "ü".repeat(61));
    }
}
