::core::compile_error! {
    "a cost of 0 charges nothing: write 1 or more"
}
#[inline]
async fn items(id: u64) -> String {
    id.to_string()
}
