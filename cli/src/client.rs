//! The one way to the server: requests as values in, typed replies or finished errors out.

mod lines;
mod request;
mod sse;

pub(crate) use lines::Lines;
pub(crate) use request::{Request, encoded, workspace_path};
pub(crate) use sse::{Frame, Parser};

use std::time::Duration;

use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::view::HealthView;
use reqwest::{Response, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::server::Server;

/// How long a reply that is not a stream may take; a long-poll asks for less.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a write is sent at most when its connection breaks; its key keeps it one write.
const WRITE_ATTEMPTS: u32 = 4;
/// The pause before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A connection to one server, kept open between requests.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: Server,
}

impl Client {
    /// A client of `server`. Nothing is sent yet.
    pub(crate) fn new(server: Server) -> Result<Self> {
        let builder = reqwest::Client::builder()
            // The token is for this origin only; a redirect would carry it on.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT);
        let builder = match &server {
            Server::Socket(path) => builder.unix_socket(path.as_path()),
            Server::Address { .. } => builder,
        };
        let http = builder.build().map_err(|error| {
            Error::new(
                Exit::Failure,
                "prepare a connection",
                causes(&error),
                "nexus doctor",
            )
        })?;
        Ok(Self { http, server })
    }

    /// Sends `request` and reads the JSON of the reply.
    pub(crate) async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let response = self.open(request, Some(REPLY_TIMEOUT)).await?;
        self.read(request, response).await
    }

    async fn read<T: DeserializeOwned>(&self, request: &Request, response: Response) -> Result<T> {
        let body = response
            .bytes()
            .await
            .map_err(|error| self.broken(request, &error))?;
        serde_json::from_slice(&body).map_err(|error| {
            let why = format!("the reply is not what this version expects: {error}");
            Error::new(Exit::Failure, &request.what, why, "nexus version")
        })
    }

    /// How the server fares, also when that is badly.
    pub(crate) async fn health(&self, what: &str) -> Result<HealthView> {
        let request = Request::get(what, "/health");
        let response = self
            .attempt(&request, Some(REPLY_TIMEOUT))
            .await
            .map_err(|error| self.broken(&request, &error))?;
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return self
                .read(&request, self.judged(&request, response).await?)
                .await;
        }
        self.read(&request, response).await
    }

    /// Sends `request` for its effect only.
    pub(crate) async fn perform(&self, request: &Request) -> Result<()> {
        self.open(request, Some(REPLY_TIMEOUT)).await.map(drop)
    }

    /// Sends `request` and hands over the reply as it comes, without a time limit of its own.
    pub(crate) async fn stream(&self, request: &Request) -> Result<Response> {
        self.open(request, None).await
    }

    /// The reply, once its head is there and says success.
    async fn open(&self, request: &Request, timeout: Option<Duration>) -> Result<Response> {
        let mut pause = FIRST_PAUSE;
        let attempts = if request.is_write() {
            WRITE_ATTEMPTS
        } else {
            1
        };
        let mut attempt = 1;
        loop {
            match self.attempt(request, timeout).await {
                Ok(response) => return self.judged(request, response).await,
                // A write whose connection broke may have been done: the same key asks again.
                Err(error) if attempt < attempts && !error.is_connect() && !error.is_timeout() => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                Err(error) => return Err(self.broken(request, &error)),
            }
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        timeout: Option<Duration>,
    ) -> reqwest::Result<Response> {
        let mut builder = self
            .http
            .request(request.method.clone(), request.url(self.server.origin()))
            .header(
                header::USER_AGENT,
                concat!("nexus/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(timeout) = timeout {
            builder = builder.timeout(timeout);
        }
        if let Server::Address { token, .. } = &self.server {
            builder = builder.bearer_auth(token);
        }
        if let Some(accept) = request.accept {
            builder = builder.header(header::ACCEPT, accept);
        }
        if let Some(key) = &request.idempotency_key {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        builder.send().await
    }

    async fn judged(&self, request: &Request, response: Response) -> Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let why = format!("it answered {status}, and redirects are never followed");
            return Err(Error::new(
                Exit::Failure,
                &request.what,
                why,
                "check NEXUS_SERVER",
            ));
        }
        let body = response.bytes().await.unwrap_or_default();
        let problem = refusal(status.as_u16(), &request.path, &body);
        Err(Error::refused(&request.what, &problem))
    }

    fn broken(&self, request: &Request, error: &reqwest::Error) -> Error {
        let server = &self.server;
        if error.is_timeout() {
            let why = format!("{server} did not answer in time");
            return Error::new(Exit::NotReady, &request.what, why, "nexus doctor");
        }
        let why = format!("{server} cannot be reached: {}", causes(error));
        let next = match server {
            Server::Socket(_) => "nexus daemon start",
            Server::Address { .. } => "nexus doctor",
        };
        Error::new(Exit::Unreachable, &request.what, why, next)
    }
}

/// The innermost cause: the outer ones name libraries, not what happened.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    crate::clean::clean(&innermost.to_string())
}

/// The problem in the `body` of a refusal.
pub(crate) fn refusal(status: u16, path: &str, body: &[u8]) -> Problem {
    serde_json::from_slice(body).unwrap_or_else(|_| unnamed_problem(status, path))
}

/// What to say of a refusal that is no problem of ours (a proxy in between, another server).
fn unnamed_problem(status: u16, path: &str) -> Problem {
    let code = match status {
        400 => ProblemCode::MalformedRequest,
        401 => ProblemCode::AuthenticationError,
        403 => ProblemCode::Forbidden,
        404 => ProblemCode::NotFound,
        405 => ProblemCode::MethodNotAllowed,
        409 => ProblemCode::Conflict,
        410 => ProblemCode::Gone,
        422 => ProblemCode::ValidationError,
        429 => ProblemCode::RateLimit,
        503 => ProblemCode::LogUnavailable,
        504 => ProblemCode::Timeout,
        _ => ProblemCode::InternalError,
    };
    Problem::new(
        code,
        format!("the server answered {status} to {path} and no more"),
        "nexus doctor",
    )
}
