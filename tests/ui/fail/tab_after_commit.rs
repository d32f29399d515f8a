use throttle::{BackendError, Tab};

async fn job(mut tab: Tab) -> Result<(), BackendError> {
    tab.commit().await?;
    tab.charge(1);
    Ok(())
}

fn main() {
    let _ = job;
}
