//! Which keys were certified, and which of those certificates count no more.
//!
//! A certificate cannot be taken back; whoever checks one is told instead which keys are refused,
//! for as long as a certificate over them could last.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::User;
use crate::id::TokenId;

/// How long a user certificate lasts at most.
pub const MOST_CERTIFICATE_TIME: SignedDuration = SignedDuration::from_hours(12);

/// The most keys that can be certified at a time.
pub(super) const MOST_CERTIFIED: usize = 200;

/// A key with a certificate in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certified {
    /// The token it was asked for with; `None`: the operator asked.
    pub token: Option<TokenId>,
    /// When the last certificate over it ends.
    pub valid_before: Timestamp,
}

impl User {
    /// Fingerprints of keys whose certificates count no more, as of `now`.
    pub fn refused_at(&self, now: Timestamp) -> impl Iterator<Item = &String> {
        self.refused
            .iter()
            .filter(move |(_, until)| **until > now)
            .map(|(fingerprint, _)| fingerprint)
    }

    pub(super) fn certify(&mut self, fingerprint: String, certified: Certified, at: Timestamp) {
        self.forget_past_certificates(at);
        self.refused.remove(&fingerprint);
        self.certified.insert(fingerprint, certified);
    }

    /// Whatever was certified over the key counts no more.
    pub(super) fn refuse_key(&mut self, fingerprint: &str, at: Timestamp) {
        self.forget_past_certificates(at);
        self.certified.remove(fingerprint);
        let until = at
            .saturating_add(MOST_CERTIFICATE_TIME)
            .unwrap_or(Timestamp::MAX);
        self.refused.insert(fingerprint.to_owned(), until);
    }

    /// Whatever was certified with the token counts no more.
    pub(super) fn refuse_token(&mut self, token: TokenId, at: Timestamp) {
        self.forget_past_certificates(at);
        let refused = &mut self.refused;
        self.certified.retain(|fingerprint, certified| {
            let stays = certified.token != Some(token);
            if !stays {
                refused.insert(fingerprint.clone(), certified.valid_before);
            }
            stays
        });
    }

    /// What is over needs no remembering, so neither list grows for ever.
    fn forget_past_certificates(&mut self, at: Timestamp) {
        self.certified
            .retain(|_, certified| certified.valid_before > at);
        self.refused.retain(|_, until| *until > at);
    }
}
