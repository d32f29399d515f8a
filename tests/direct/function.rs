//! `#[throttle_fn]` on functions that are not handlers: story 25, behaviours 36 and 114.

use std::sync::Arc;

use throttle::{
    ErrorAction, Failure, Identity, ManualClock, OnError, Rate, Registry, Settings, ThrottleError, registry,
    throttle_fn,
};

use crate::common::{Broken, registry_at};

#[derive(Debug)]
enum JobError {
    Later(u64),
    Broken(String),
    Own,
}

impl From<ThrottleError> for JobError {
    fn from(refused: ThrottleError) -> Self {
        match refused {
            ThrottleError::Throttled(throttled) => {
                Self::Later(throttled.retry_after_seconds().unwrap_or(u64::MAX))
            }
            failed => Self::Broken(failed.to_string()),
        }
    }
}

#[throttle_fn(uid = "mail", rate = "2/min")]
async fn mail(to: &str) -> Result<String, JobError> {
    let sent: Result<(), JobError> = if to.is_empty() { Err(JobError::Own) } else { Ok(()) };
    sent?;
    Ok(format!("sent to {to}"))
}

#[throttle_fn(rate = "1/min", key = "{user.id}/{kind}")]
async fn export(user: &User, kind: &str) -> Result<u64, JobError> {
    Ok(user.id + kind.len() as u64)
}

struct User {
    id: u64,
}

async fn plan() -> Rate {
    Rate::per_minute(3)
}

async fn two() -> u8 {
    2
}

async fn somebody() -> Identity {
    "somebody".into()
}

async fn nobody() -> bool {
    false
}

#[throttle_fn(uid = "asking", rate = plan, cost = two, key = somebody, exempt = nobody)]
async fn asking() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Ok(())
}

struct Service {
    calls: std::sync::atomic::AtomicU32,
}

impl Service {
    #[throttle_fn(rate = "1/s, 3/min", key = "{key}")]
    async fn call<T: AsRef<str> + Send + Sync + std::fmt::Display>(
        &self,
        key: T,
    ) -> Result<usize, ThrottleError> {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(key.as_ref().len())
    }
}

trait Job {
    fn run(self: Arc<Self>) -> impl Future<Output = Result<(), ThrottleError>> + Send;
}

impl Job for Service {
    #[throttle_fn(uid = "job", rate = "1/min")]
    async fn run(self: Arc<Self>) -> Result<(), ThrottleError> {
        Ok(())
    }
}

async fn at(clock: &ManualClock) -> Registry {
    registry_at(clock).await
}

#[tokio::test]
async fn b114_s25_the_error_type_carries_the_denial() {
    let registry = at(&ManualClock::new()).await;
    registry
        .scope(async {
            assert_eq!(mail("alice").await.expect("sent"), "sent to alice");
            assert!(matches!(mail("").await, Err(JobError::Own)), "the body's own errors are as ever");
            assert!(matches!(mail("alice").await, Err(JobError::Later(60))));
        })
        .await;
}

#[tokio::test]
async fn a_key_is_made_of_arguments() {
    let registry = at(&ManualClock::new()).await;
    registry
        .scope(async {
            let (a, b) = (User { id: 1 }, User { id: 2 });
            assert!(export(&a, "csv").await.is_ok());
            assert!(export(&a, "csv").await.is_err());
            assert!(export(&a, "pdf").await.is_ok());
            assert!(export(&b, "csv").await.is_ok());
        })
        .await;
}

#[tokio::test]
async fn settings_are_functions_without_arguments() {
    let registry = at(&ManualClock::new()).await;
    registry
        .scope(async {
            asking().await.expect("2 of 3");
            let error = asking().await.expect_err("4 of 3");
            assert_eq!(error.to_string(), "Too many requests. Retry in 60 seconds.");
        })
        .await;
}

#[tokio::test]
async fn methods_keep_their_signatures() {
    let clock = ManualClock::new();
    let registry = at(&clock).await;
    registry
        .scope(async {
            let service = Service { calls: 0.into() };
            assert_eq!(service.call("abc").await.expect("called"), 3);
            assert!(service.call(String::from("abc")).await.is_err(), "generic or not, one limit");
            assert!(service.call("other").await.is_ok());
            assert_eq!(service.calls.load(std::sync::atomic::Ordering::SeqCst), 2);
            let service = Arc::new(service);
            assert!(Arc::clone(&service).run().await.is_ok());
            assert!(service.run().await.is_err());
        })
        .await;
}

async fn by_kind(failure: Failure) -> ErrorAction {
    if failure.uid() == "forgiving" { ErrorAction::Allow } else { ErrorAction::Propagate }
}

#[throttle_fn(uid = "forgiving", rate = "1/s", on_error = by_kind)]
async fn forgiving() -> Result<(), JobError> {
    Ok(())
}

#[throttle_fn(uid = "strict", rate = "1/s", on_error = OnError::Raise)]
async fn strict() -> Result<(), JobError> {
    Ok(())
}

#[tokio::test]
async fn b036_a_failure_is_not_a_denial() {
    let settings = Settings::new().on_error("allow");
    let declared = registry().backend_with("memory", Broken::default(), settings);
    let registry = declared.build().await.expect("a registry");
    registry
        .scope(async {
            forgiving().await.expect("allowed");
            let Err(JobError::Broken(text)) = strict().await else { panic!("raised") };
            assert_eq!(text, "the rate limiter's backend failed");
            mail("alice").await.expect("the backend's policy");
        })
        .await;
}

/// A trait whose methods are made async by `#[async_trait]`.
#[async_trait::async_trait]
trait Mail {
    async fn send(&self, to: &str) -> Result<usize, JobError>;
    async fn flush(&mut self) -> std::io::Result<()>;
}

struct Server(String);

fn busy(refused: ThrottleError) -> std::io::Error {
    std::io::Error::other(refused)
}

#[async_trait::async_trait]
impl Mail for Server {
    #[throttle_fn(uid = "boxed:send", rate = "1/min", key = "{self.0}/{to}")]
    async fn send(&self, to: &str) -> Result<usize, JobError> {
        Ok(self.0.len() + to.len())
    }

    #[throttle_fn(uid = "boxed:flush", rate = "1/min", error = busy)]
    async fn flush(&mut self) -> std::io::Result<()> {
        self.0.clear();
        Ok(())
    }
}

#[tokio::test]
async fn f22_methods_of_async_traits_are_limited() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            let (one, other): (Box<dyn Mail>, _) = (Box::new(Server("a".to_owned())), Server("b".to_owned()));
            assert!(matches!(one.send("ann").await, Ok(4)));
            assert!(matches!(one.send("ann").await, Err(JobError::Later(60))));
            assert!(matches!(one.send("bob").await, Ok(4)), "the key is a template over the arguments");
            assert!(matches!(other.send("ann").await, Ok(4)), "and over `self`");
        })
        .await;
}

#[tokio::test]
async fn f22_an_error_of_another_crate_is_made_by_a_function() {
    registry_at(&ManualClock::new())
        .await
        .scope(async {
            let mut server = Server("a".to_owned());
            server.flush().await.expect("the first call");
            server.0.push('b');
            let error = server.flush().await.expect_err("the second call is denied");
            let refused = error.get_ref().and_then(|error| error.downcast_ref::<ThrottleError>());
            assert!(matches!(refused, Some(ThrottleError::Throttled(_))), "{error:?}");
            assert_eq!(server.0, "b", "a denied call runs nothing of the body");
        })
        .await;
}
