use throttle::{BackendError, Transaction};

async fn job(mut transaction: Transaction) -> Result<(), BackendError> {
    transaction.commit().await?;
    transaction.charge(1);
    Ok(())
}

fn main() {
    let _ = job;
}
