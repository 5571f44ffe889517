//! How a request is refused: problem details (RFC 9457) with a code, a hint and the wrong fields.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $title:literal;)*) => {
        /// The classes of refusal, stable for programs to branch on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum ProblemCode { $($(#[$doc])* $name),* }

        impl ProblemCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The HTTP status it goes with.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// One line for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

problem_codes! {
    /// The request is not of the form this route takes.
    ValidationError = 422, "The request is not valid";
    /// The body is not JSON, or of the wrong type.
    MalformedRequest = 400, "The request could not be read";
    /// No token, or one that counts no more.
    AuthenticationError = 401, "Who you are is not known";
    /// Known, but not allowed.
    Forbidden = 403, "You may not do this";
    /// There is no such thing, or it is somebody else's.
    NotFound = 404, "There is no such thing";
    /// The route exists, the method does not.
    MethodNotAllowed = 405, "This cannot be done here";
    /// The name is taken, or another request won.
    Conflict = 409, "It clashes with what is there";
    /// An `Idempotency-Key` was used for another request before.
    IdempotencyKeyReused = 409, "The idempotency key was used for another request";
    /// The workspace is deleted.
    Gone = 410, "It is deleted";
    /// The body is too large.
    PayloadTooLarge = 413, "The request is too large";
    /// The body is not JSON.
    UnsupportedMediaType = 415, "The content type is not supported";
    /// Every port of every pool is claimed.
    PortPoolEmpty = 409, "No port is free";
    /// No worker drives this provider.
    NoWorker = 409, "No worker can do this";
    /// A step, service or command inside the workspace failed.
    ProcessError = 502, "A process in the workspace failed";
    /// The workspace does not run.
    NotRunning = 409, "The workspace is not running";
    /// Too many requests.
    RateLimit = 429, "Too many requests";
    /// The log cannot be reached, so nothing can change; reads go on.
    LogUnavailable = 503, "The log cannot be reached";
    /// The disk is nearly full, so nothing new is accepted.
    StorageFull = 503, "There is no room left";
    /// `min_seq` was not reached in time.
    NotYetVisible = 504, "The read model has not caught up yet";
    /// It did not end in time.
    Timeout = 504, "It took too long";
    /// A fault of our own; the trace id finds it in the log of the server.
    InternalError = 500, "Something went wrong inside";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(text)) => f.write_str(&text),
            _ => f.write_str("INTERNAL_ERROR"),
        }
    }
}

/// A refusal, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI that names the class: `urn:nexus:problem:<CODE>`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// One line for people, the same for every problem of this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The class, for programs.
    pub code: ProblemCode,
    /// What to do about it: the next command to type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// Whether the same request may succeed later as it is.
    pub retryable: bool,
    /// Finds the request in the server's own log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// Every field that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Which, in the words of the request (`services.web.port`).
    pub field: String,
    /// What is wrong with it.
    pub cause: String,
}

impl Problem {
    /// A problem of `code`, with what is wrong this time and what to do about it.
    pub fn new(code: ProblemCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        let retryable = matches!(code.status(), 429 | 503 | 504);
        Self {
            problem_type: format!("urn:nexus:problem:{code}"),
            title: code.title().into(),
            status: code.status(),
            detail: detail.into(),
            code,
            hint: hint.into(),
            retryable,
            trace_id: String::new(),
            errors: Vec::new(),
        }
    }

    /// The same, naming the wrong fields.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

impl From<crate::spec::InvalidSpec> for FieldError {
    fn from(invalid: crate::spec::InvalidSpec) -> Self {
        Self {
            field: invalid.field,
            cause: invalid.cause,
        }
    }
}
