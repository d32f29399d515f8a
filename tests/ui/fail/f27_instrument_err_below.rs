use throttle::throttle;

#[throttle(rate = "100/min")]
#[tracing::instrument(skip_all, err)]
async fn items() -> Result<String, String> {
    Ok(String::new())
}

fn main() {}
