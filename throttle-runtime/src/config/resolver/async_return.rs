//! The return value of a plug-in function before it is awaited. Alone: the trait only serves its compiler error.

/// The future of a plug-in function. Every future implements this trait, which exists for its compiler error.
#[diagnostic::on_unimplemented(
    message = "functions of a throttle are `async fn`, but this one returns `{Self}` directly",
    label = "make this function an `async fn`"
)]
pub trait AsyncReturn {
    /// The type that the future returns.
    type Output;
    /// The type of the future.
    type Future: Future<Output = Self::Output>;

    /// Returns the value as a future.
    fn future(self) -> Self::Future;
}

#[diagnostic::do_not_recommend]
impl<F: Future> AsyncReturn for F {
    type Output = F::Output;
    type Future = Self;

    fn future(self) -> Self {
        self
    }
}
