//! The accounts of all identities, in bounded memory.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::account::Account;
use crate::util::fingerprint::Map;

/// Accounts by fingerprint.
#[derive(Debug)]
pub(super) struct Ledger {
    shards: [Mutex<Shard>; SHARDS],
    /// The number of accounts with a debt. It is usually 0, which can be read without a lock.
    owing: AtomicUsize,
}

#[derive(Debug, Default)]
struct Shard {
    accounts: Map<Account>,
    owing: usize,
}

const SHARDS: usize = 16;

/// The maximum number of accounts without a debt in a shard, and of accounts with a debt. All shards together
/// keep 64 Ki of each.
pub(super) const ROOM: usize = 4_096;

/// The number of accounts that are examined to find one to evict.
const CANDIDATES: usize = 8;

impl Ledger {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), owing: AtomicUsize::new(0) }
    }

    pub(super) fn is_owed(&self) -> bool {
        self.owing.load(Relaxed) > 0
    }

    /// Returns the identities with a debt.
    pub(super) fn owing(&self) -> Vec<u128> {
        let mut all = Vec::new();
        for shard in self.shards.iter().map(lock).filter(|shard| shard.owing > 0) {
            let owing = shard.accounts.iter().filter(|(_, account)| account.debt.is_some());
            all.extend(owing.map(|(id, _)| *id));
        }
        all
    }

    /// Reads an account, if it exists.
    pub(super) fn read<T>(&self, id: u128, read: impl FnOnce(&Account) -> T) -> Option<T> {
        self.shard(id).accounts.get(&id).map(read)
    }

    /// Changes an account, if it exists.
    pub(super) fn change<T>(&self, id: u128, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
        self.update(&mut self.shard(id), id, change)
    }

    /// Changes an account, which is created if it does not exist. `change` receives whether one more account
    /// may have a debt.
    pub(super) fn open<T>(&self, id: u128, change: impl FnOnce(&mut Account, bool) -> T) -> Option<T> {
        let mut shard = self.shard(id);
        let has_room = shard.owing < ROOM;
        if shard.accounts.len() - shard.owing >= ROOM && !shard.accounts.contains_key(&id) {
            shard.make_room();
        }
        shard.accounts.entry(id).or_default();
        self.update(&mut shard, id, |account| change(account, has_room))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).accounts.len()).sum()
    }

    fn update<T>(&self, shard: &mut Shard, id: u128, change: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let account = shard.accounts.get_mut(&id)?;
        let (owed, changed, owes) = (account.debt.is_some(), change(account), account.debt.is_some());
        if account.is_empty() {
            shard.accounts.remove(&id);
        }
        self.count(shard, owed, owes);
        Some(changed)
    }

    fn count(&self, shard: &mut Shard, owed: bool, owes: bool) {
        if owes && !owed {
            shard.owing += 1;
            self.owing.fetch_add(1, Relaxed);
        } else if owed && !owes {
            shard.owing -= 1;
            self.owing.fetch_sub(1, Relaxed);
        }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(id % SHARDS as u128).unwrap_or_default();
        lock(&self.shards[at])
    }
}

impl Shard {
    /// Evicts the oldest of some accounts. Accounts with a debt are never evicted.
    fn make_room(&mut self) {
        let idle = self.accounts.iter().filter(|(_, account)| account.debt.is_none());
        let oldest = idle.take(CANDIDATES).min_by_key(|(_, account)| account.last_heard());
        if let Some(oldest) = oldest.map(|(id, _)| *id) {
            self.accounts.remove(&oldest);
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
