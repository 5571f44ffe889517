//! Trying again what may succeed in a moment.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::provider::{ProviderError, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Calls `call` until it succeeds, fails for good, or `budget` is used up; the last error is
/// returned. Pauses double and have full jitter, so that many workers do not come at once.
pub(super) async fn attempt<T, F>(budget: Duration, mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let deadline = Instant::now() + budget;
    let mut most = FIRST_PAUSE;
    loop {
        let error = match call().await {
            Err(error) if error.class.is_retryable() => error,
            answer => return answer,
        };
        let pause = pause_after(&error, most);
        if Instant::now() + pause >= deadline {
            return Err(error);
        }
        tracing::info!(%error, "tried again in {} ms", pause.as_millis());
        tokio::time::sleep(pause).await;
        most = (most * 2).min(LONGEST_PAUSE);
    }
}

fn pause_after(error: &ProviderError, most: Duration) -> Duration {
    // Any source of chance will do: version 7 ids end in 62 random bits.
    let part = (Uuid::now_v7().as_u128() % 1000) as u32;
    error.retry_after.unwrap_or_else(|| most * part / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ErrorClass;
    use std::cell::Cell;

    async fn calls_until_given_up(class: ErrorClass, good_after: u32) -> (u32, bool) {
        let calls = Cell::new(0);
        let answer = attempt(Duration::from_secs(60), || {
            calls.set(calls.get() + 1);
            let done = calls.get() > good_after;
            async move {
                if done {
                    Ok(())
                } else {
                    Err(ProviderError::new(class, "x", "y"))
                }
            }
        });
        let answer = answer.await.is_ok();
        (calls.get(), answer)
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_tried_again() {
        assert_eq!(
            calls_until_given_up(ErrorClass::Transient, 3).await,
            (4, true)
        );
        assert_eq!(
            calls_until_given_up(ErrorClass::Invalid, 3).await,
            (1, false)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends_it() {
        let (calls, good) = calls_until_given_up(ErrorClass::Unknown, u32::MAX).await;
        assert!(!good && calls > 3, "{calls}");
    }
}
