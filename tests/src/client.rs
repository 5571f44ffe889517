//! The API as a user's program sees it, over the local socket.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::StreamExt as _;
use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::view::{Accepted, EventView, OperationState, OperationView, Page, WorkspaceView};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::tool::Output;

/// How often a start is looked at: often, since it is measured by this.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A client of one control plane.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A reply, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its HTTP status.
    pub status: StatusCode,
    /// Its body; null when it was not JSON.
    pub body: Value,
}

impl Client {
    /// Over the local socket: as the operator.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn local(socket: &Path) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().unix_socket(socket).build()?;
        Ok(Self {
            http,
            base: "http://nexus".into(),
            token: None,
        })
    }

    /// Over TCP, with a token or without.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn tcp(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            base: base.into(),
            token: token.map(str::to_owned),
        })
    }

    /// A request about to be sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and takes whatever comes.
    ///
    /// # Errors
    /// When no reply comes within a minute.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Reply> {
        let mut request = self.request(method, path).timeout(Duration::from_secs(60));
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        Ok(Reply {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    /// Waits until the control plane says that it is ready, for as long as it does not.
    pub async fn ready(&self) {
        while self.get::<Value>("/readyz").await.is_err() {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Reads `path`, which must be there.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let reply = self.send(Method::GET, path, None).await?;
        expect(path, reply, &[StatusCode::OK])
    }

    /// Posts to `path`, which must accept it.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        let reply = self.send(Method::POST, path, Some(body)).await?;
        expect(
            path,
            reply,
            &[StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED],
        )
    }

    /// Registers a person.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn register(&self, login: &str, id: u64, key: &PublicKey) -> anyhow::Result<Value> {
        let body = serde_json::json!({
            "github_username": login,
            "github_id": id,
            "ssh_pubkey": key.line,
            "ssh_pubkey_fingerprint": key.fingerprint,
        });
        self.post("/api/v1/users/register", &body).await
    }

    /// Asks for a workspace.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn create(&self, owner: &str, name: &str, spec: Value) -> anyhow::Result<Accepted> {
        let body = serde_json::json!({ "name": name, "spec": spec });
        self.post(&format!("/api/v1/workspaces?owner={owner}"), &body)
            .await
    }

    /// A workspace as it is, reading at least the write that gave `sequence`.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn workspace(&self, id: WorkspaceId, sequence: u64) -> anyhow::Result<WorkspaceView> {
        self.get(&format!("/api/v1/workspaces/{id}?min_seq={sequence}"))
            .await
    }

    /// Start, stop or delete.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn change(&self, id: WorkspaceId, verb: &str) -> anyhow::Result<Accepted> {
        self.post(
            &format!("/api/v1/workspaces/{id}/{verb}"),
            &serde_json::json!({}),
        )
        .await
    }

    /// Waits until an operation has ended, however it did; rides over restarts of the server.
    ///
    /// # Errors
    /// When it has not within five minutes.
    pub async fn ended(&self, id: OperationId) -> anyhow::Result<OperationView> {
        let wait = async {
            loop {
                let asked: anyhow::Result<OperationView> =
                    self.get(&format!("/api/v1/operations/{id}?wait=20")).await;
                match asked {
                    Ok(operation) if operation.state != OperationState::InFlight => {
                        return operation;
                    }
                    Ok(_) => {}
                    // The server is being killed by the scenario; it comes back by itself.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(300), wait)
            .await
            .with_context(|| format!("operation {id} has not ended within five minutes"))
    }

    /// Changes a workspace and waits for a good end.
    ///
    /// # Errors
    /// When it is refused or ends badly.
    pub async fn changed(&self, id: WorkspaceId, verb: &str) -> anyhow::Result<OperationView> {
        let accepted = self.change(id, verb).await?;
        let operation = accepted
            .operation
            .with_context(|| format!("{verb}: {:?}", accepted.reason))?;
        succeeded(self.ended(operation).await?)
    }

    /// Makes a workspace and waits until it runs.
    ///
    /// # Errors
    /// When it is refused or ends badly.
    pub async fn running(
        &self,
        owner: &str,
        name: &str,
        spec: Value,
    ) -> anyhow::Result<WorkspaceView> {
        let accepted = self.create(owner, name, spec).await?;
        let operation = accepted.operation.context("a create is an operation")?;
        succeeded(self.ended(operation).await?)?;
        self.workspace(accepted.workspace, accepted.sequence).await
    }

    /// Runs a command in a workspace.
    ///
    /// # Errors
    /// When it could not be run.
    pub async fn exec(&self, id: WorkspaceId, argv: &[&str]) -> anyhow::Result<Output> {
        let path = format!("/api/v1/workspaces/{id}/exec");
        let body = serde_json::json!({ "argv": argv });
        let reply = self.request(Method::POST, &path).json(&body).send().await?;
        let text = reply.text().await?;
        let mut output = Output {
            code: None,
            stdout: String::new(),
            stderr: String::new(),
        };
        for line in text.lines() {
            let frame: Value = serde_json::from_str(line)?;
            output.stdout.push_str(&decoded(&frame["stdout"])?);
            output.stderr.push_str(&decoded(&frame["stderr"])?);
            if let Some(exit) = frame.get("exit") {
                output.code = exit["code"].as_i64().and_then(|code| code.try_into().ok());
                return Ok(output);
            }
        }
        bail!("{argv:?} could not be run: {text}")
    }

    /// Every event of a workspace, in order.
    ///
    /// # Errors
    /// Whatever the server refused.
    pub async fn events(&self, id: WorkspaceId) -> anyhow::Result<Vec<EventView>> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let path = format!("/api/v1/events?workspace={id}&after={after}&limit=500");
            let page: Page<EventView> = self.get(&path).await?;
            let Some(last) = page.items.last() else {
                return Ok(events);
            };
            after = last.sequence;
            events.extend(page.items);
        }
    }

    /// Reads the live tail of a workspace from `sequence` on until an event of `event_type` has come.
    ///
    /// # Errors
    /// When the tail ends before, or it does not come within two minutes.
    pub async fn until(
        &self,
        id: WorkspaceId,
        sequence: u64,
        event_type: &str,
    ) -> anyhow::Result<u64> {
        let after = sequence.saturating_sub(1);
        let path = format!("/api/v1/events?workspace={id}&after={after}&min_seq={sequence}");
        let reply = self
            .request(Method::GET, &path)
            .header("Accept", "text/event-stream")
            .send();
        let mut bytes = reply.await?.error_for_status()?.bytes_stream();
        let wanted = format!("event: {event_type}");
        let read = async {
            let mut text = String::new();
            while let Some(chunk) = bytes.next().await {
                text.push_str(&String::from_utf8_lossy(&chunk?));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    if event.lines().any(|line| line == wanted) {
                        let id = event.lines().find_map(|line| line.strip_prefix("id: "));
                        return Ok(id.and_then(|id| id.trim().parse().ok()).unwrap_or(0));
                    }
                    text = rest.to_owned();
                }
            }
            bail!("the tail ended before {event_type} came")
        };
        tokio::time::timeout(Duration::from_secs(120), read)
            .await
            .with_context(|| format!("{event_type} did not come within two minutes"))?
    }
}

/// The operation, if it ended well.
///
/// # Errors
/// When it did not, with its failure.
pub fn succeeded(operation: OperationView) -> anyhow::Result<OperationView> {
    if operation.state != OperationState::Succeeded {
        bail!(
            "{:?} ended {:?}: {:#?}",
            operation.kind,
            operation.state,
            operation.failure
        );
    }
    Ok(operation)
}

fn expect<T: DeserializeOwned>(path: &str, reply: Reply, good: &[StatusCode]) -> anyhow::Result<T> {
    if !good.contains(&reply.status) {
        bail!("{path}: {} {}", reply.status, reply.body);
    }
    serde_json::from_value(reply.body.clone())
        .with_context(|| format!("{path} answered a shape we do not know: {}", reply.body))
}

/// Bytes of a frame, in base64; empty where the frame has none.
fn decoded(field: &Value) -> anyhow::Result<String> {
    let bytes = BASE64_STANDARD.decode(field.as_str().unwrap_or_default())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A person's public SSH key.
#[derive(Debug, Clone)]
pub struct PublicKey {
    /// In one line.
    pub line: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}
