//! What a worker and `nexus-init` say to each other, and nothing else.
//!
//! One connection on init's unix socket carries one request:
//!
//! ```text
//! worker                                   nexus-init
//!   │ Hello {lowest, highest, peer}  ─────▶ │
//!   │ ◀───── Welcome {version, init, boot}  │   or Refused, then the end
//!   │ Request ───────────────────────────▶  │
//!   │ ◀───────────────────────────  Answer  │   one or many, by request
//!   │ Input, data frames ⇄ Answer, data     │   exec, terminal, file content
//! ```
//!
//! Every message is one [`frame`]: a kind byte, a length, a payload. Control payloads are JSON, so
//! that a field can be added without a new version; data payloads are raw bytes behind their byte
//! offset. After the answer `Connected` of `Dial` and `Ssh` the connection is the bare byte stream.
//! On one host descriptors change hands too ([`descriptor`]): an accepted connection goes in with
//! `HandOver`, a connected socket comes out with `DialSocket`, and no copying process stays between.
//!
//! The types stand in a crate of their own so that worker and init share them and nothing else;
//! [`client::Client`] is the worker's side, one method per request.

pub mod access;
pub mod answer;
pub mod client;
pub mod descriptor;
pub mod error;
pub mod exec;
pub mod file;
pub mod frame;
pub mod hello;
pub mod id;
pub mod plan;
pub mod reach;
pub mod report;
pub mod request;
pub mod sandbox;
pub mod secret;
pub mod service;
pub mod socket;
pub mod status;
pub mod terminal;

pub use access::{Access, Credentials, RSA_BITS};
pub use answer::{Answer, Failure, FailureCode};
pub use client::Client;
pub use error::ClientError;
pub use exec::{ExecSpec, ExitOutcome, Signal};
pub use id::{ExecId, SessionId};
pub use plan::{Hooks, Repository, SecretFile, SetupPlan, StepTimeouts, WorkUser};
pub use reach::{BoxFuture, Duplex, InitStream, Reach};
pub use report::{OutputStream, Readiness, Report, ReportEvent, StepName};
pub use request::{DialTarget, HandOver, Input, Request};
pub use secret::SecretText;
pub use service::{CommandLine, HealthCheck, HealthProbe, RestartPolicy, ServiceSpec};
pub use status::{Activity, ActivitySource, ServicePhase, ServiceState, SetupPhase, Status};
pub use terminal::{TerminalSize, TerminalSpec};
