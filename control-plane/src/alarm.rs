//! Limits on what happens again and again on one connection, without a timer set and taken back
//! each time.
//!
//! A connection has one alarm. What has to end by some moment waits for that moment with
//! [`Alarm::until`]; the timer below is set again only when it rings, which is once for very many
//! requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// The alarm of one connection. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Alarm {
    timer: Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>,
}

/// Waits for a moment. Only the newest of an alarm is sure to be woken.
#[derive(Debug)]
pub(crate) struct Until {
    alarm: Alarm,
    moment: Instant,
}

impl Alarm {
    /// Waits for `moment`, which is not before that of the wait before.
    pub(crate) fn until(&self, moment: Instant) -> Until {
        let alarm = self.clone();
        Until { alarm, moment }
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let moment = self.moment.into();
        let mut timer = self
            .alarm
            .timer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(moment)));
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= moment {
                return Poll::Ready(());
            }
            timer.as_mut().reset(moment);
        }
        Poll::Pending
    }
}

impl Sleep for Until {}

/// hyper asks for a new sleep before each head.
impl Timer for Alarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, moment: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.until(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_for_the_newest_and_not_before() {
        let (alarm, begun) = (Alarm::default(), Instant::now());
        let mut first = alarm.until(begun + Duration::from_millis(20));
        assert!(futures::poll!(&mut first).is_pending());
        drop(first);
        let later = begun + Duration::from_millis(60);
        alarm.until(later).await;
        assert!(Instant::now() >= later);
        // What is over is over at once.
        assert!(futures::poll!(&mut alarm.until(later)).is_ready());
    }
}
