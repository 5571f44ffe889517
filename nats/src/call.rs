//! Asking the server for something: one request, one answer, and the exact reason there is none.
//!
//! The library's publish keeps only one of the server's error codes apart; 10071 (the expectation
//! is wrong), 10164 (a write is in flight) and 10077 (the subject is full) mean three different
//! things here, so requests are made and answers are read by hand.

use std::time::Duration;

use async_nats::client::{Request, RequestErrorKind};
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::connect::Bus;

/// How long one request may take, where the caller has no budget of its own.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What a cluster says that has no leader at the moment, is gathering, or is overloaded: it is not
/// complete, has no peers to place a stream on, is not available, is not the leader, or is moving.
const NOT_NOW: [u64; 7] = [10004, 10005, 10008, 10009, 10118, 10119, 503];
/// A write is in flight: this very one (an attempt that was given up may still be on its way through
/// a leader that waits for the others), or another one to the subject. Nothing is said about an
/// expectation.
const IN_FLIGHT: [u64; 2] = [10158, 10164];

/// Why there is no good answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server said no.
    #[error("{attempt}: the server refused: {description} (code {code})")]
    Refused {
        /// What was attempted.
        attempt: &'static str,
        /// JetStream's error code, as in `nats-server/server/errors.json`.
        code: u64,
        /// Its words.
        description: String,
    },
    /// It did not answer in time, or the connection was lost meanwhile: nobody knows whether it
    /// was done. A lack of rights looks like this, too.
    #[error("{attempt}: no answer ({cause}), so nobody knows whether it was done")]
    NoAnswer {
        /// What was attempted.
        attempt: &'static str,
        /// How the wait ended.
        cause: &'static str,
    },
    /// Certainly not done: there is no JetStream, no such stream, or no connection.
    #[error("{attempt}: {cause}")]
    Absent {
        /// What was attempted.
        attempt: &'static str,
        /// What is missing.
        cause: String,
    },
    /// The answer makes no sense.
    #[error("{attempt}: the answer cannot be read")]
    Unreadable {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl CallError {
    /// JetStream's error code, where the server said no.
    pub const fn code(&self) -> Option<u64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::NoAnswer { .. } | Self::Absent { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Whether the same call may work later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Absent { .. } => true,
            Self::Unreadable { .. } => false,
            Self::Refused { code, .. } => NOT_NOW.contains(code) || IN_FLIGHT.contains(code),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Answer<T> {
    Refused { error: Refusal },
    Good(T),
}

#[derive(serde::Deserialize)]
struct Refusal {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl Bus {
    /// Calls JetStream's API: `$JS.API.<name>`.
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        attempt: &'static str,
        name: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let payload =
            serde_json::to_vec(body).map_err(|source| CallError::Unreadable { attempt, source })?;
        let subject = format!("$JS.API.{name}");
        self.call(attempt, subject, None, payload.into(), PATIENCE)
            .await
    }

    /// Sends one request and reads the answer as JSON.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        attempt: &'static str,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
        patience: Duration,
    ) -> Result<T, CallError> {
        let message = self
            .ask(attempt, subject, headers, payload, patience)
            .await?;
        match serde_json::from_slice(&message.payload) {
            Ok(Answer::Good(answer)) => Ok(answer),
            Ok(Answer::Refused { error }) => {
                let code = if error.err_code == 0 {
                    error.code
                } else {
                    error.err_code
                };
                if NOT_NOW.contains(&code) {
                    self.not_answered().await;
                }
                Err(CallError::Refused {
                    attempt,
                    code,
                    description: error.description,
                })
            }
            Err(source) => Err(CallError::Unreadable { attempt, source }),
        }
    }

    /// Sends one request and waits for the answer, or for the connection to be lost.
    pub(crate) async fn ask(
        &self,
        attempt: &'static str,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
        patience: Duration,
    ) -> Result<Message, CallError> {
        let mut connection = self.connection();
        let up = connection.wait_for(|now| now.up);
        if tokio::time::timeout(patience, up).await.is_err() {
            return Err(CallError::Absent {
                attempt,
                cause: "not connected to NATS".into(),
            });
        }
        let mut request = Request::new().payload(payload).timeout(Some(patience));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        let answer = tokio::select! {
            answer = self.client.send_request(subject, request) => answer,
            _ = connection.changed() => {
                return Err(CallError::NoAnswer { attempt, cause: "the connection was lost" });
            }
        };
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                // A server that was cut off answers nothing at first, and later that nobody is there.
                if matches!(
                    error.kind(),
                    RequestErrorKind::TimedOut | RequestErrorKind::NoResponders
                ) {
                    self.not_answered().await;
                }
                Err(explain(attempt, &error))
            }
        }
    }
}

fn explain(attempt: &'static str, error: &async_nats::client::RequestError) -> CallError {
    match error.kind() {
        RequestErrorKind::TimedOut => CallError::NoAnswer {
            attempt,
            cause: "it took too long",
        },
        RequestErrorKind::Other => CallError::NoAnswer {
            attempt,
            cause: "the client gave up",
        },
        RequestErrorKind::NoResponders => CallError::Absent {
            attempt,
            cause: "nobody serves it: JetStream is off, or the stream is not there".into(),
        },
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
            CallError::Refused {
                attempt,
                code: 0,
                description: error.to_string(),
            }
        }
    }
}
