//! Throttled handlers in the API documents of `aide`. Alone because it needs the `aide` feature.

use aide::generate::GenContext;
use aide::openapi::{Operation, Response};
use aide::{OperationInput, OperationOutput};

use super::guard::OnlyAxumCallsThrottledHandlers;
use super::handler_needs::HandlerSignature;

/// The handler's own return type documents its responses, because `#[throttle]` emits `Response`. The denial
/// is added to them.
impl<const SITE: u64, C, P, R: OperationOutput> OperationInput
    for OnlyAxumCallsThrottledHandlers<SITE, C, HandlerSignature<P, R>>
{
    fn inferred_early_responses(
        context: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, Response)> {
        let mut responses = R::inferred_responses(context, operation);
        if !responses.iter().any(|(status, _)| *status == Some(429)) {
            let description = "Too many requests".to_owned();
            responses.push((Some(429), Response { description, ..Response::default() }));
        }
        responses
    }
}
