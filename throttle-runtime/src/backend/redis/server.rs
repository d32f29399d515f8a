//! Where the server is: said once, or asked for before each connection.

use redis::Client;

use super::sentinels::Sentinels;
use crate::BackendError;

pub(super) enum Server {
    /// Always there.
    At(Client),
    /// Wherever sentinels say that the master is.
    Watched(Sentinels),
}

impl Server {
    /// What to connect to now.
    pub(super) async fn locate(&self) -> Result<Client, BackendError> {
        match self {
            Self::At(client) => Ok(client.clone()),
            Self::Watched(sentinels) => sentinels.master().await,
        }
    }
}
