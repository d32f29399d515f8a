::core::compile_error! {
    "`#[throttle]` goes on an async fn: expected `fn`"
}
struct Items;
