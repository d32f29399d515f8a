//! What a function returns before it is awaited.

/// The future of a plug-in function. Every future is one; the trait exists for its message.
#[diagnostic::on_unimplemented(
    message = "a function of a throttle is an `async fn`, and this one returns `{Self}` directly",
    label = "make this function an `async fn`"
)]
pub trait Answered {
    /// What the future returns.
    type Output;
    /// The future.
    type Future: Future<Output = Self::Output>;

    /// The same as a future.
    fn future(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<F: Future> Answered for F {
    type Output = F::Output;
    type Future = Self;

    fn future(self) -> Self {
        self
    }
}
