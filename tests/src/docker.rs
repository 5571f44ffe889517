//! What the container engine itself says: counted outside of Nexus. And what a scenario leaves
//! there, taken away whatever became of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use nexus_events::id::WorkspaceId;
use serde_json::Value;

const SOCKET: &str = "/var/run/docker.sock";
/// The label that says which Nexus a container or volume belongs to.
const INSTANCE: &str = "nexus.instance";

/// The engine's API, where one answers.
pub async fn engine() -> Option<Engine> {
    let http = reqwest::Client::builder()
        .unix_socket(SOCKET)
        .build()
        .ok()?;
    let engine = Engine { http };
    engine.get("/version").await.ok()?;
    Some(engine)
}

/// Whether workspaces can be made with it: it answers and has the base image.
pub async fn is_usable() -> bool {
    match engine().await {
        Some(engine) => engine.has_image("nexus/base:latest").await,
        None => false,
    }
}

/// Takes away every container that something below `home` is mounted in, and the volumes of their
/// Nexus; waits until they are gone. For a drop, where nothing can be awaited.
///
/// # Errors
/// When the engine does not answer, or does not let go of one.
pub fn clear(home: &Path) -> anyhow::Result<()> {
    let home = home.to_owned();
    let clearing = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build()?.block_on(async {
            match engine().await {
                Some(engine) => engine.clear(&home).await,
                None => Ok(()),
            }
        })
    });
    clearing
        .join()
        .map_err(|_| anyhow::anyhow!("clearing what is left at the engine panicked"))?
}

/// The label a workspace's machine bears.
const WORKSPACE: &str = "nexus.workspace";

/// A container of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// The engine's own id.
    pub id: String,
    /// Whether it runs.
    pub running: bool,
}

/// The engine's API.
#[derive(Debug, Clone)]
pub struct Engine {
    http: reqwest::Client,
}

impl Engine {
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self
            .http
            .get(format!("http://docker{path}"))
            .send()
            .await?
            .json()
            .await?)
    }

    async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let reply = self.http.delete(format!("http://docker{path}")).send();
        let status = reply.await?.status();
        let is_gone = status.is_success() || status == reqwest::StatusCode::NOT_FOUND;
        anyhow::ensure!(is_gone, "{path} is kept: {status}");
        Ok(())
    }

    async fn clear(&self, home: &Path) -> anyhow::Result<()> {
        let containers = self.get("/containers/json?all=true").await?;
        let is_below_home = |mount: &Value| {
            let source = mount["Source"].as_str().unwrap_or_default();
            Path::new(source).starts_with(home)
        };
        let mut instances = BTreeSet::new();
        for container in containers.as_array().into_iter().flatten() {
            let mounts = container["Mounts"].as_array();
            if mounts.into_iter().flatten().any(is_below_home) {
                let id = container["Id"].as_str().context("a container has an id")?;
                self.remove(id).await?;
                instances.extend(container["Labels"][INSTANCE].as_str().map(str::to_owned));
            }
        }
        let volumes = self.get("/volumes").await?;
        for volume in volumes["Volumes"].as_array().into_iter().flatten() {
            let instance = volume["Labels"][INSTANCE].as_str();
            if instance.is_some_and(|instance| instances.contains(instance)) {
                let name = volume["Name"].as_str().context("a volume has a name")?;
                self.delete(&format!("/volumes/{name}")).await?;
            }
        }
        Ok(())
    }

    /// Names and states of every container of `workspace`, running or not.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn containers(&self, workspace: &str) -> anyhow::Result<Vec<(String, String)>> {
        let list = self.get("/containers/json?all=true").await?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(list
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| (word(&container["Names"][0]), word(&container["State"])))
            .filter(|(name, _)| name.contains(workspace))
            .collect())
    }

    /// Every container that bears the label of a workspace.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn labelled_containers(&self) -> anyhow::Result<Vec<Labelled>> {
        let list = self.get("/containers/json?all=true").await?;
        let labelled = |container: &Value| {
            Some(Labelled {
                workspace: container["Labels"][WORKSPACE].as_str()?.parse().ok()?,
                id: container["Id"].as_str()?.to_owned(),
                running: container["State"] == "running",
            })
        };
        let all = list.as_array().into_iter().flatten();
        Ok(all.filter_map(labelled).collect())
    }

    /// Removes a container, running or not.
    ///
    /// # Errors
    /// When the engine does not answer, or keeps it.
    pub async fn remove(&self, id: &str) -> anyhow::Result<()> {
        self.delete(&format!("/containers/{id}?force=true&v=true"))
            .await
    }

    /// The workspace of every volume that bears such a label.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn labelled_volumes(&self) -> anyhow::Result<Vec<WorkspaceId>> {
        let list = self.get("/volumes").await?;
        let all = list["Volumes"].as_array().into_iter().flatten();
        let of = |volume: &Value| volume["Labels"][WORKSPACE].as_str()?.parse().ok();
        Ok(all.filter_map(of).collect())
    }

    /// The process id, on this machine, of the first process of `workspace`.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn first_process(&self, workspace: &str) -> anyhow::Result<Option<u32>> {
        let Some((name, _)) = self.containers(workspace).await?.into_iter().next() else {
            return Ok(None);
        };
        let path = format!("/containers/{}/json", name.trim_start_matches('/'));
        let container = self.get(&path).await?;
        let pid = container["State"]["Pid"].as_u64();
        Ok(pid
            .and_then(|pid| pid.try_into().ok())
            .filter(|pid| *pid > 0))
    }

    /// Everything the engine tells of the container of `workspace`.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn inspect(&self, workspace: &str) -> anyhow::Result<Value> {
        let Some((name, _)) = self.containers(workspace).await?.into_iter().next() else {
            return Ok(Value::Null);
        };
        self.get(&format!(
            "/containers/{}/json",
            name.trim_start_matches('/')
        ))
        .await
    }

    /// Names of every volume that holds `text`.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn volumes(&self, text: &str) -> anyhow::Result<Vec<String>> {
        let list = self.get("/volumes").await?;
        Ok(list["Volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|volume| volume["Name"].as_str())
            .filter(|name| name.contains(text))
            .map(str::to_owned)
            .collect())
    }

    /// Whether an image of this name is there.
    pub async fn has_image(&self, name: &str) -> bool {
        let path = format!("http://docker/images/{name}/json");
        let reply = self.http.get(path).send().await;
        reply.is_ok_and(|reply| reply.status().is_success())
    }
}
