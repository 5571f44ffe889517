//! Why a command is refused, and how that is told: outside text here, inside detail in the log.

use nexus_events::claim::ClaimRejection;
use nexus_events::id::OperationId;
use nexus_events::name::WorkspaceName;
use nexus_events::node::NodeRejection;
use nexus_events::problem::{FieldError, Problem, ProblemCode};
use nexus_events::spec::Provider;
use nexus_events::user::UserRejection;
use nexus_events::workspace::Rejection;
use nexus_nats::{AppendError, ExecuteError, LoadError, ReadError};

use crate::queries::{QueryError, log_once};
use crate::sealing::SealingError;

/// Why a command came to nothing. No event was stored, unless it says that nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Something the command needs was not found, or could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Fields are wrong.
    #[error("the request is not valid")]
    Invalid {
        /// Which, and why.
        errors: Vec<FieldError>,
    },
    /// The asker may not do this.
    #[error("{what}")]
    Forbidden {
        /// What they may not.
        what: String,
    },
    /// The name is held for another workspace of the owner.
    #[error("there is a workspace called {name} already")]
    NameTaken {
        /// The name.
        name: WorkspaceName,
    },
    /// The SSH key is another user's.
    #[error("the key {fingerprint} is another user's")]
    KeyTaken {
        /// Which key.
        fingerprint: String,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request before")]
    KeyReused,
    /// Every port of every pool is claimed.
    #[error("every port for SSH is in use ({pools})")]
    PortPoolEmpty {
        /// The pools.
        pools: String,
    },
    /// No worker drives the provider.
    #[error("no worker drives {wanted}; online: {online}")]
    NoWorker {
        /// The provider asked for.
        wanted: Provider,
        /// The providers that have a worker, in words.
        online: String,
    },
    /// The disk is nearly full.
    #[error("{} MiB are free where the log is kept", free >> 20)]
    NoRoom {
        /// How much is left.
        free: u64,
    },
    /// The workspace is deleted.
    #[error("the workspace is deleted")]
    Deleted,
    /// The user's rules forbid it.
    #[error(transparent)]
    User(#[from] UserRejection),
    /// A parked message could not be moved.
    #[error(transparent)]
    Parked(#[from] nexus_nats::parked::ParkedError),
    /// Personal fields could not be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The log did not take the event.
    #[error("the log did not take the event")]
    Log(#[source] AppendError),
    /// The log did not tell what it has.
    #[error("the log did not answer")]
    Unread(#[source] ReadError),
    /// Anything else that went wrong inside.
    #[error("something went wrong inside")]
    Inside(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others kept changing the same thing.
    #[error("others changed it at the same time")]
    Contended,
    /// A worker's report about an operation that is not in flight; only workers see it.
    #[error("operation {0} is no longer in flight")]
    NotInFlight(OperationId),
}

impl CommandError {
    /// Several fields at once.
    pub(super) const fn invalid(errors: Vec<FieldError>) -> Self {
        Self::Invalid { errors }
    }

    /// One wrong field.
    pub(super) fn field(field: &str, cause: impl std::fmt::Display) -> Self {
        Self::invalid(vec![FieldError {
            field: field.to_owned(),
            cause: cause.to_string(),
        }])
    }

    /// Whether nothing was stored for certain.
    pub(super) const fn is_certain(&self) -> bool {
        !matches!(
            self,
            Self::Log(AppendError::Ambiguous { .. }) | Self::Unread(_)
        )
    }
}

/// What a rejection of an aggregate means to the asker.
pub(super) trait Explain: std::error::Error + Sized + 'static {
    fn explain(self) -> CommandError;
}

impl Explain for Rejection {
    fn explain(self) -> CommandError {
        match self {
            Self::NotFound => QueryError::not_found("workspace", "of that id").into(),
            Self::Deleted => CommandError::Deleted,
            Self::AlreadyRequested => CommandError::KeyReused,
            Self::HoldOver { .. } => CommandError::field("until", self),
            Self::TooManyHolds { .. } => CommandError::field("name", self),
            Self::PlacedElsewhere { .. } => CommandError::Contended,
            Self::NotInFlight { operation } => CommandError::NotInFlight(operation),
        }
    }
}

impl Explain for UserRejection {
    fn explain(self) -> CommandError {
        CommandError::User(self)
    }
}

impl Explain for NodeRejection {
    fn explain(self) -> CommandError {
        match self {
            Self::NotFound => QueryError::not_found("node", "of that id").into(),
        }
    }
}

impl Explain for ClaimRejection {
    fn explain(self) -> CommandError {
        CommandError::Contended
    }
}

impl<R: Explain + Send + Sync> From<ExecuteError<R>> for CommandError {
    fn from(error: ExecuteError<R>) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => rejection.explain(),
            ExecuteError::Append(AppendError::IdTaken { .. }) => Self::KeyReused,
            ExecuteError::Append(error) => Self::Log(error),
            ExecuteError::Contended { .. } => Self::Contended,
            ExecuteError::Load(error) => error.into(),
            ExecuteError::Encode(error) => Self::Inside(error.into()),
        }
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Read(error) => Self::Unread(error),
            error @ (LoadError::Subject(_) | LoadError::Decode { .. }) => {
                Self::Inside(error.into())
            }
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let text = error.to_string();
        match error {
            CommandError::Query(error) => error.into(),
            CommandError::Invalid { errors } => invalid(errors),
            CommandError::Forbidden { .. } => Self::new(
                ProblemCode::Forbidden,
                text,
                "ask an administrator, or use the local socket on the server's machine",
            ),
            CommandError::NameTaken { name } => {
                let hint =
                    format!("choose another name, or delete it: nexus workspace delete {name}");
                Self::new(ProblemCode::Conflict, text, hint)
            }
            CommandError::KeyTaken { .. } => {
                let errors = vec![FieldError {
                    field: "key".into(),
                    cause: text.clone(),
                }];
                let hint = "take a key of your own: ssh-keygen -t ed25519";
                Self::new(ProblemCode::Conflict, text, hint).with_errors(errors)
            }
            CommandError::KeyReused => Self::new(
                ProblemCode::IdempotencyKeyReused,
                text,
                "send another request under another key",
            ),
            CommandError::PortPoolEmpty { .. } => Self::new(
                ProblemCode::PortPoolEmpty,
                text,
                "delete a workspace you no longer need: nexus workspace list",
            ),
            CommandError::NoWorker { .. } => Self::new(
                ProblemCode::NoWorker,
                text,
                "name a provider that is online, or start a worker for it: nexus node list",
            ),
            CommandError::NoRoom { .. } => Self::new(
                ProblemCode::StorageFull,
                text,
                "make room on that disk, then try again: nexus doctor",
            ),
            CommandError::Deleted => Self::new(
                ProblemCode::Gone,
                text,
                "create a new one: nexus workspace create NAME",
            ),
            CommandError::User(rejection) => user(&rejection, text),
            CommandError::Parked(error) => parked(&error, text),
            CommandError::Contended | CommandError::NotInFlight(_) => {
                Self::new(ProblemCode::Conflict, text, "try again")
            }
            CommandError::Log(error) => log(&error),
            CommandError::Unread(error) => {
                log_once(&error);
                unavailable("the log did not answer; send the same request again")
            }
            CommandError::Sealing(SealingError::Store(error)) => {
                log_once(&error);
                unavailable("the keys of users cannot be reached; nothing changed")
            }
            CommandError::Sealing(error) => inside(&error),
            CommandError::Inside(error) => inside(error.as_ref()),
        }
    }
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    let words: Vec<_> = errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.cause))
        .collect();
    let hint = "correct what is named and send the request again";
    Problem::new(ProblemCode::ValidationError, words.join("; "), hint).with_errors(errors)
}

fn user(rejection: &UserRejection, text: String) -> Problem {
    match rejection {
        UserRejection::Unregistered => Problem::new(
            ProblemCode::NotFound,
            text,
            "register first: POST /api/v1/users/register, or nexus up",
        ),
        UserRejection::Erased => {
            Problem::new(ProblemCode::Gone, text, "an erased user cannot come back")
        }
        UserRejection::TooMany { what, .. } => Problem::new(
            ProblemCode::Conflict,
            text,
            format!("remove {what} that are no longer used"),
        ),
    }
}

fn parked(error: &nexus_nats::parked::ParkedError, text: String) -> Problem {
    use nexus_nats::parked::ParkedError;
    match error {
        ParkedError::NotFound { .. } => Problem::new(
            ProblemCode::NotFound,
            text,
            "see what is parked: GET /api/v1/parked",
        ),
        ParkedError::NotACommand { .. } => Problem::new(
            ProblemCode::Conflict,
            text,
            "update the server, or discard it",
        ),
        ParkedError::Busy { .. } => Problem::new(
            ProblemCode::Conflict,
            text,
            "try again once its operation has ended: nexus operation list",
        ),
        ParkedError::Queue(_) => {
            log_once(error);
            unavailable("the log did not answer")
        }
    }
}

fn log(error: &AppendError) -> Problem {
    log_once(error);
    match error {
        AppendError::Unavailable { .. } => {
            unavailable("the log cannot be reached; nothing changed")
        }
        AppendError::Ambiguous { .. } => Problem::new(
            ProblemCode::LogUnavailable,
            "the log did not answer; whether the change is stored is not known",
            "send the same request again with the same Idempotency-Key, or see: nexus workspace list",
        ),
        AppendError::Refused { .. } => Problem::new(
            ProblemCode::StorageFull,
            "the log refused the event; nothing changed",
            "make room on the disk of the log, then try again: nexus doctor",
        ),
        AppendError::IdTaken { .. } => CommandError::KeyReused.into(),
    }
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(
        ProblemCode::LogUnavailable,
        detail,
        "see how the server fares: nexus daemon status",
    )
}

fn inside(error: &(dyn std::error::Error + 'static)) -> Problem {
    log_once(error);
    Problem::new(
        ProblemCode::InternalError,
        "something went wrong inside the server",
        "the log of the server says what: nexus daemon status",
    )
}
