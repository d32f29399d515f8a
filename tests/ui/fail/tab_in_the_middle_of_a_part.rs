use throttle::{BackendError, Tab};

async fn job(mut tab: Tab) -> Result<(), BackendError> {
    let mut part = tab.nested();
    tab.charge(1);
    part.charge(1);
    part.commit();
    tab.commit().await?;
    Ok(())
}

fn main() {
    let _ = job;
}
