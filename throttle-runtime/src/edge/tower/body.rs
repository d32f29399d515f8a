//! The bodies of responses, which come from the service or from the layer.

use std::any::TypeId;
use std::error::Error;

use axum_core::body::Body;
use http_body::Body as HttpBody;

/// The body of a response of a service below a [`ThrottleLayer`](super::ThrottleLayer).
///
/// Every [`http_body::Body`] of `Bytes` implements this trait, such as the bodies of axum, tonic, hyper and
/// the layers of tower-http. The layer converts it into the body of axum, which is also the body of a denial.
/// The conversion of axum's own body costs nothing. Other bodies are boxed.
///
/// ```
/// use axum::body::Body;
/// use throttle::tower::ResponseBody;
///
/// /// Converts the body as the layer does.
/// fn converted(body: impl ResponseBody) -> Body {
///     body.into_body()
/// }
/// # let _ = converted(Body::empty());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of a response below a `ThrottleLayer`",
    label = "this body is not an `http_body::Body` of `Bytes` that is `Send` and `'static`",
    note = "convert the body below the layer: `.layer(throttle_layer).map_response(|response| response.map(axum::body::Body::from))`"
)]
pub trait ResponseBody: Sized {
    /// Converts the body.
    fn into_body(self) -> Body;

    /// Whether the request counts as in flight until this body ends. A body that is not axum's and has a
    /// known length is not awaited.
    #[doc(hidden)]
    fn is_awaited(&self) -> bool;
}

#[diagnostic::do_not_recommend]
impl<B> ResponseBody for B
where
    B: HttpBody<Data = <Body as HttpBody>::Data> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    #[inline]
    fn into_body(self) -> Body {
        Body::new(self)
    }

    fn is_awaited(&self) -> bool {
        TypeId::of::<B>() == TypeId::of::<Body>() || self.size_hint().exact().is_none()
    }
}
