use std::error::Error;
use std::fmt;
use throttle::{ThrottleError, throttle_fn};

#[derive(Debug)]
enum JobError {
    Later(ThrottleError),
    Broken(std::num::ParseIntError),
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(refused) => refused.fmt(f),
            Self::Broken(error) => error.fmt(f),
        }
    }
}

impl Error for JobError {}

impl From<ThrottleError> for JobError {
    fn from(refused: ThrottleError) -> Self {
        Self::Later(refused)
    }
}

impl From<std::num::ParseIntError> for JobError {
    fn from(error: std::num::ParseIntError) -> Self {
        Self::Broken(error)
    }
}

type Outcome<T> = Result<T, JobError>;

#[throttle_fn(rate = "5/s")]
async fn own(text: &str) -> Result<u32, JobError> {
    Ok(text.parse()?)
}

#[throttle_fn(rate = "5/s")]
async fn alias() -> Outcome<u32> {
    own("3").await
}

#[throttle_fn(rate = "5/s")]
async fn boxed(text: &str) -> Result<u32, Box<dyn Error>> {
    Ok(text.parse()?)
}

#[throttle_fn(rate = "5/s")]
async fn boxed_and_sent(text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
    Ok(text.parse()?)
}

#[throttle_fn(rate = "5/s")]
async fn opaque(text: &str) -> Result<impl fmt::Display + use<>, JobError> {
    Ok(text.parse::<u32>()?)
}

#[test]
fn compiles() {
    drop((own("1"), alias(), boxed("1"), boxed_and_sent("1"), opaque("1")));
}
