//! What the container engine itself says: counted outside of Nexus.

use serde_json::Value;

const SOCKET: &str = "/var/run/docker.sock";

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
