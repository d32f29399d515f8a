//! Shared values of a service's instances, as values of a store. Alone because it implements a trait of its own.

use std::time::Duration;

use super::{Store, StoreBackend, keys};
use crate::backend::{CoordinationStore, Reply};
use crate::util::now_or_later::NowOrLater;

impl<S: Store> CoordinationStore for StoreBackend<S> {
    fn put<'a>(&'a self, name: &'a str, value: u64, ttl: Duration) -> Reply<'a, ()> {
        NowOrLater::later(async move {
            let (key, value) = (self.key(name), value.to_string());
            self.client.call(self.store.set(&key, &value, Some(ttl))).await
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> Reply<'a, Option<u64>> {
        NowOrLater::later(async move {
            let found = self.client.call(self.store.get(&self.key(name))).await?;
            Ok(found.and_then(|value| value.parse().ok()))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        NowOrLater::later(async move { self.client.call(self.store.delete(&self.key(name))).await })
    }
}

impl<S: Store> StoreBackend<S> {
    fn key(&self, name: &str) -> String {
        keys::of_word(&self.prefix, name)
    }
}
