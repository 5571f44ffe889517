//! What strangers, other tenants, foreign pages and bad networks try on a running Nexus, and get.

mod browsers;
mod half_open;
mod tenants;
mod wires;

use nexus_events::view::WorkspaceView;
use nexus_tests::client::{Client, Reply};
use nexus_tests::plane::{ALICE, Plane, make_key};
use nexus_tests::terminal::Door;
use reqwest::Method;
use serde_json::{Value, json};

/// The one who has no business in Alice's workspace.
const MALLORY: &str = "mallory";

/// A plane, Alice's running workspace on it, and what each person holds.
struct World {
    plane: Plane,
    workspace: WorkspaceView,
    alice: String,
    mallory: String,
}

impl World {
    async fn make() -> anyhow::Result<Self> {
        let plane = Plane::start("process").await?;
        let key = make_key(&plane.home().join("id_mallory")).await?;
        plane.client.register(MALLORY, 2, &key).await?;
        let spec = json!({ "provider": "process" });
        let workspace = plane.client.running(ALICE, "desk", spec).await?;
        let alice = plane.token_of(ALICE).await?;
        let mallory = plane.token_of(MALLORY).await?;
        Ok(Self {
            plane,
            workspace,
            alice,
            mallory,
        })
    }

    fn door(&self, token: Option<&str>) -> anyhow::Result<Door> {
        self.plane.door(token)
    }

    /// The origin of the dashboard.
    fn origin(&self) -> String {
        format!("http://{}", self.plane.address())
    }

    /// Every path a WebSocket is opened on.
    fn sockets(&self) -> Vec<String> {
        let (id, name) = (self.workspace.id, &self.workspace.name);
        vec![
            format!("/api/v1/workspaces/{id}/terminal?session=main"),
            format!("/machines/{id}/terminal"),
            format!("/terminal/{name}"),
            "/api/v1/events/ws".to_owned(),
        ]
    }

    /// Sends a request with headers over TCP, with a token or without.
    async fn ask(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<(Reply, reqwest::header::HeaderMap)> {
        let client: Client = self.plane.over_tcp(token)?;
        let mut request = client.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request
            .timeout(std::time::Duration::from_secs(30))
            .send()
            .await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        let text = reply.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok((Reply { status, body }, headers))
    }
}
