//! Shared values of a service's instances, stored as values of a store.

use std::time::Duration;

use super::{Store, StoreBackend, keys};
use crate::NowOrLater;
use crate::backend::{Board, Reply};

impl<S: Store> Board for StoreBackend<S> {
    fn post<'a>(&'a self, name: &'a str, word: u64, ttl: Duration) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            let (key, word) = (self.word(name), word.to_string());
            self.client.call(self.store.set(&key, &word, Some(ttl))).await
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        NowOrLater::later(async move {
            let found = self.client.call(self.store.get(&self.word(name))).await?;
            Ok(found.and_then(|word| word.parse().ok()))
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        NowOrLater::later(async move { self.client.call(self.store.delete(&self.word(name))).await })
    }
}

impl<S: Store> StoreBackend<S> {
    fn word(&self, name: &str) -> String {
        keys::of_word(&self.prefix, name)
    }
}
