//! The return value of a message function whose body did not run.

use std::convert::Infallible;
use std::ops::ControlFlow;

use crate::pipeline::throttle_error::ThrottleError;

/// A return type of a function with `#[throttle_message]`, which has a value for a message that the body did
/// not see.
///
/// A denied message is answered by a notice, or by the text of the registry's default `handler`, and the
/// connection stays open. Nothing failed, so the value is not an error, as the table shows. An error is
/// returned only if there is no decision, and if the type is a `Result<_, E>` where `E` implements `From` of
/// [`ThrottleError`]. For other types, the connection is closed with code 1011.
///
/// If a plug-in function refuses the message, or a list denies the client, the connection is closed with code
/// 1008, for all types.
///
/// | type | denied | no decision |
/// |---|---|---|
/// | `()` | `()` | `()`, and closed |
/// | `Option<T>` | `None` | `None`, and closed |
/// | `ControlFlow<B>` | `Continue(())` | `Continue(())`, and closed |
/// | `Result<T, E>` of these | `Ok` of that | `Err` of the [`ThrottleError`] |
///
/// ```
/// use std::ops::ControlFlow;
///
/// use axum::extract::ws::Message;
/// use throttle::{throttle_message, ws::Socket};
///
/// /// `Break` ends the loop of the connection. A denied message returns `Continue`.
/// #[throttle_message(rate = "60/min")]
/// async fn on_text(socket: &mut Socket, text: &str) -> ControlFlow<()> {
///     if text == "quit" {
///         return ControlFlow::Break(());
///     }
///     let _ = socket.send(Message::text(text)).await;
///     ControlFlow::Continue(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell the caller that the message was throttled",
    label = "return nothing, an `Option`, a `ControlFlow<_>`, or a `Result` of one of these",
    note = "the error of a `Result` implements `From<throttle::ThrottleError>`"
)]
pub trait Returned: Sized {
    /// Returns the value for a denied message: the client was told, and the connection stays open.
    fn skipped() -> Self;

    /// Returns the value if there is no decision. `None` if this type cannot represent that.
    fn refused(refused: ThrottleError) -> Option<Self>;
}

macro_rules! without_error {
    ($(($($parameter:ident)?) $outcome:ty: $skipped:expr;)*) => { $(
        #[diagnostic::do_not_recommend]
        impl $(<$parameter>)? Returned for $outcome {
            fn skipped() -> Self {
                $skipped
            }

            fn refused(_: ThrottleError) -> Option<Self> {
                None
            }
        }
    )* };
}

without_error! {
    () (): ();
    (T) Option<T>: None;
    (B) ControlFlow<B>: ControlFlow::Continue(());
}

#[diagnostic::do_not_recommend]
impl<T: Returned, E: From<ThrottleError>> Returned for Result<T, E> {
    fn skipped() -> Self {
        Ok(T::skipped())
    }

    fn refused(refused: ThrottleError) -> Option<Self> {
        Some(Err(refused.into()))
    }
}

/// Converts the answer `H` of a message's `handler` for the function: nothing, or the end of the connection.
///
/// ```
/// use axum::extract::ws::Message;
/// use throttle::{ThrottleError, Throttled, throttle_message, ws::Socket};
///
/// /// Ends the connection at the first message above the limit.
/// async fn strict(throttled: Throttled, _: &mut Socket) -> Result<(), Throttled> {
///     Err(throttled)
/// }
///
/// #[throttle_message(rate = "60/min", handler = strict)]
/// async fn on_text(socket: &mut Socket, text: &str) -> Result<(), ThrottleError> {
///     let _ = socket.send(Message::text(text)).await;
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a `handler` that returns `{H}` cannot be used for a function that returns `{Self}`",
    label = "the function returns `{Self}`",
    note = "to keep the connection open, the `handler` of a message returns nothing; to close it, the `handler` returns a `Result<(), E>` whose error converts to the function's error, or the function's own `ControlFlow<_>`"
)]
pub trait Handled<H>: Returned {
    /// Converts the answer of the handler into the return value of the function.
    fn handled(answer: H) -> Self;

    /// Returns whether the answer ends the connection, which is then closed with code 1008.
    ///
    /// # Default
    ///
    /// `false`: the connection stays open.
    fn ends(_: &H) -> bool {
        false
    }
}

#[diagnostic::do_not_recommend]
impl<R: Returned> Handled<()> for R {
    fn handled((): ()) -> Self {
        R::skipped()
    }
}

/// No handler returns this. But if `()` were the only answer that fits a function, the compiler would assume
/// that every handler returns `()`, and its error would only report that the handler does not.
#[diagnostic::do_not_recommend]
impl<R: Returned> Handled<Infallible> for R {
    fn handled(answer: Infallible) -> Self {
        match answer {}
    }
}

#[diagnostic::do_not_recommend]
impl<T: Returned, E: From<ThrottleError> + From<F>, F> Handled<Result<(), F>> for Result<T, E> {
    fn handled(answer: Result<(), F>) -> Self {
        answer.map(|()| T::skipped()).map_err(E::from)
    }

    fn ends(answer: &Result<(), F>) -> bool {
        answer.is_err()
    }
}

#[diagnostic::do_not_recommend]
impl<B> Handled<Self> for ControlFlow<B> {
    fn handled(answer: Self) -> Self {
        answer
    }

    fn ends(answer: &Self) -> bool {
        answer.is_break()
    }
}
