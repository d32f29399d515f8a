use throttle::{BackendError, Transaction};

async fn job(mut transaction: Transaction) -> Result<(), BackendError> {
    let mut part = transaction.savepoint();
    transaction.charge(1);
    part.charge(1);
    part.commit();
    transaction.commit().await?;
    Ok(())
}

fn main() {
    let _ = job;
}
