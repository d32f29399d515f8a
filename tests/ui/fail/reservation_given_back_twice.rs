use throttle::{BackendError, Reservation};

async fn job(reservation: Reservation) -> Result<(), BackendError> {
    reservation.settle(1).await?;
    reservation.refund().await
}

fn main() {
    let _ = job;
}
