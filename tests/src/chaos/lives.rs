//! What goes on meanwhile: workspaces made, stopped, started and deleted, many at once, by clients
//! that go to another replica when one does not answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::view::{Accepted, OperationState, OperationView};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::Client;
use crate::plane::ALICE;

/// How long a client tries before it gives a request up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one replica may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Everything that was accepted, as the clients were told.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accepted: Arc<Mutex<BTreeMap<OperationId, WorkspaceId>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Ledger {
    /// The operations that were accepted.
    pub fn accepted(&self) -> BTreeMap<OperationId, WorkspaceId> {
        self.accepted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note_accepted(&self, operation: OperationId, workspace: WorkspaceId) {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.insert(operation, workspace);
    }

    fn note_refused(&self, what: String) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.push(what);
    }

    /// What was refused, or failed inside, with the reason.
    pub fn refused(&self) -> Vec<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A client that knows every replica.
#[derive(Debug, Clone)]
pub struct Caller {
    replicas: Vec<Client>,
    ledger: Ledger,
    /// Before every key: ids derive from keys, and what an earlier run left must not be taken for
    /// this one's.
    run: uuid::Uuid,
}

impl Caller {
    /// Over these replicas.
    pub fn new(replicas: Vec<Client>, ledger: Ledger) -> Self {
        Self {
            replicas,
            ledger,
            run: uuid::Uuid::now_v7(),
        }
    }

    /// Asks until one of the replicas answers for good; `None` when it was refused.
    ///
    /// The key makes asking again harmless, whoever took the first one in.
    ///
    /// # Errors
    /// When none answers within a minute.
    pub async fn ask(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> anyhow::Result<Option<Accepted>> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        for turn in self.turns(key) {
            if Instant::now() > deadline {
                break;
            }
            let request = self.replicas[turn]
                .request(Method::POST, path)
                .header("Idempotency-Key", format!("{}-{key}", self.run.simple()))
                .timeout(ANSWER)
                .json(body);
            let reply = match request.send().await {
                Ok(reply) => reply,
                Err(error) => {
                    last = format!("{error:#}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let status = reply.status();
            let text = reply.text().await.unwrap_or_default();
            if status.is_success() {
                let accepted: Accepted = serde_json::from_str(&text)?;
                if let Some(operation) = accepted.operation {
                    self.ledger.note_accepted(operation, accepted.workspace);
                }
                return Ok(Some(accepted));
            }
            last = format!("{status} {text}");
            if status == StatusCode::INTERNAL_SERVER_ERROR {
                self.ledger.note_refused(format!("{path}: {last}"));
            }
            if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
                self.ledger.note_refused(format!("{path}: {last}"));
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("{path}: no replica answered within a minute; the last said {last}")
    }

    /// Replicas in turn, beginning with one that depends on the request.
    fn turns(&self, key: &str) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (
            key.len() + usize::from(key.ends_with('1')),
            self.replicas.len(),
        );
        (first..).map(move |turn| turn % count)
    }

    /// Waits until an operation has ended, however it did; `None` when it has not `within`.
    pub async fn ended(&self, id: OperationId, within: Duration) -> Option<OperationView> {
        let asking = async {
            for turn in self.turns(&id.to_string()) {
                let path = format!("/api/v1/operations/{id}?wait=5");
                let request = self.replicas[turn]
                    .request(Method::GET, &path)
                    .timeout(ANSWER);
                let view = async {
                    request
                        .send()
                        .await
                        .ok()?
                        .json::<OperationView>()
                        .await
                        .ok()
                };
                match view.await {
                    Some(view) if view.state != OperationState::InFlight => return view,
                    Some(_) => {}
                    None => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            unreachable!("there is always a next turn")
        };
        tokio::time::timeout(within, asking).await.ok()
    }
}

/// One life after the other until told to stop; what is there then stays.
///
/// # Errors
/// When no replica answers for a minute.
pub async fn live(
    caller: Caller,
    number: usize,
    seed: u64,
    spec: Value,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<usize> {
    let mut numbers = StdRng::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9));
    let mut rounds = 0;
    while !*stop.borrow() {
        rounds += 1;
        let name = format!("life-{number}-{rounds}");
        let life = Life {
            caller: &caller,
            stop: &stop,
            name: &name,
        };
        life.lead(&mut numbers, &spec)
            .await
            .with_context(|| name.clone())?;
    }
    Ok(rounds)
}

struct Life<'a> {
    caller: &'a Caller,
    stop: &'a watch::Receiver<bool>,
    name: &'a str,
}

impl Life<'_> {
    async fn lead(&self, numbers: &mut StdRng, spec: &Value) -> anyhow::Result<()> {
        let path = format!("/api/v1/workspaces?owner={ALICE}");
        let body = json!({ "name": self.name, "spec": spec });
        let Some(created) = self
            .caller
            .ask(&path, &format!("{}-create", self.name), &body)
            .await?
        else {
            // Nobody drives the provider at the moment.
            tokio::time::sleep(Duration::from_millis(500)).await;
            return Ok(());
        };
        // Now and then the mind is changed before it is there.
        if numbers.random_ratio(3, 4) {
            self.wait(created.operation).await;
        }
        for turn in 0..numbers.random_range(0..3) {
            for verb in ["stop", "start"] {
                if *self.stop.borrow() {
                    return Ok(());
                }
                self.change(created.workspace, verb, turn, numbers).await?;
            }
        }
        if *self.stop.borrow() {
            return Ok(());
        }
        self.change(created.workspace, "delete", 0, numbers).await
    }

    async fn change(
        &self,
        workspace: WorkspaceId,
        verb: &str,
        turn: usize,
        numbers: &mut StdRng,
    ) -> anyhow::Result<()> {
        let path = format!("/api/v1/workspaces/{workspace}/{verb}");
        let key = format!("{}-{verb}-{turn}", self.name);
        let accepted = self.caller.ask(&path, &key, &json!({})).await?;
        if numbers.random_ratio(7, 8) {
            self.wait(accepted.and_then(|accepted| accepted.operation))
                .await;
        }
        Ok(())
    }

    /// Until it has ended, or all is over.
    async fn wait(&self, operation: Option<OperationId>) {
        let Some(operation) = operation else { return };
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = self.caller.ended(operation, Duration::from_secs(300)) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}
