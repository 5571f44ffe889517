//! How fast one token may ask: so that a program that runs wild slows itself and nobody else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use nexus_events::id::TokenId;
use nexus_events::problem::ProblemCode;

use super::error::Refusal;
use crate::identity::Identity;

/// Requests a second, in the long run.
const RATE: f64 = 50.0;
/// Requests at once, after a rest.
const BURST: f64 = 500.0;

/// What each token has left. Administrators are not counted.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    left: Mutex<HashMap<TokenId, Left>>,
}

#[derive(Debug, Clone, Copy)]
struct Left {
    requests: f64,
    at: Instant,
}

impl Pace {
    /// Counts a request of `identity` at `now`.
    ///
    /// # Errors
    /// `RATE_LIMIT` when it is one too many.
    pub(crate) fn count(&self, identity: &Identity, now: Instant) -> Result<(), Refusal> {
        let Identity::User { token, .. } = identity else {
            return Ok(());
        };
        if identity.is_admin() {
            return Ok(());
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let known = left.entry(*token).or_insert(Left {
            requests: BURST,
            at: now,
        });
        let earned = now.saturating_duration_since(known.at).as_secs_f64() * RATE;
        *known = Left {
            requests: (known.requests + earned).min(BURST),
            at: now,
        };
        if known.requests < 1.0 {
            return Err(too_fast());
        }
        known.requests -= 1.0;
        Ok(())
    }
}

fn too_fast() -> Refusal {
    let cause = format!("more than {RATE} requests a second");
    Refusal::new(
        ProblemCode::RateLimit,
        format!("token: {cause}"),
        "wait a second; instead of polling follow `/api/v1/events`, or ask with `wait=60`",
    )
    .naming("token", cause)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_events::id::UserId;
    use nexus_events::user::Scope;

    use super::*;

    #[test]
    fn a_token_that_runs_wild_is_slowed_and_no_other() {
        let token = |name: &str, scope| Identity::User {
            id: UserId::derived(name),
            scope,
            token: TokenId::derived(name),
        };
        let (wild, calm) = (token("wild", Scope::User), token("calm", Scope::User));
        let (pace, start) = (Pace::default(), Instant::now());
        let burst = (0..10_000)
            .take_while(|_| pace.count(&wild, start).is_ok())
            .count();
        assert_eq!(burst, 500);
        assert!(pace.count(&calm, start).is_ok());
        for exempt in [Identity::Operator, token("admin", Scope::Admin)] {
            assert!((0..1_000).all(|_| pace.count(&exempt, start).is_ok()));
        }
        let later = start + Duration::from_secs(1);
        let earned = (0..10_000)
            .take_while(|_| pace.count(&wild, later).is_ok())
            .count();
        assert_eq!(earned, 50);
    }
}
