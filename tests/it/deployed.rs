//! What an operator is given to run a cluster with: the compose file is brought up as it stands, and
//! systemd itself reads the units.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use nexus_nats::testing::ClusterFiles;
use nexus_tests::plane::make_key;
use nexus_tests::{binaries, docker, require, tool};
use tempfile::TempDir;

/// What goes with the compose file so that it needs no registry, and no name another run may use.
const OVERRIDE: &str = "
services:
  nats-a: { image: IMAGE }
  nats-b: { image: IMAGE }
  nats-c: { image: IMAGE }
networks:
  nexus-nats: { name: PROJECT }
";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats/deploy")
}

#[tokio::test]
async fn the_compose_file_brings_up_a_log_that_outlives_a_server() -> anyhow::Result<()> {
    const TEST: &str = "the_compose_file_brings_up_a_log_that_outlives_a_server";
    let compose = tool::is_installed("docker-compose");
    require!(TEST, compose, "docker-compose is not installed");
    require!(TEST, docker::is_usable().await, "no engine answers");
    require!(
        TEST,
        ClusterFiles::missing().is_none(),
        "openssl is missing"
    );
    let composed = Composed::up().await?;
    composed.plane().await?;
    composed.registers("ada", 1).await?;
    // Without a majority nothing would be acknowledged: the two that are left are one.
    composed.compose(&["kill", "nats-b"]).await?;
    composed.registers("bob", 2).await
}

/// The three servers, and a control plane beside them; gone when dropped.
struct Composed {
    folder: TempDir,
    project: String,
    client: String,
}

impl Composed {
    async fn up() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
        let project = format!("nexus{}", uuid::Uuid::now_v7().simple());
        let client =
            std::env::var("NEXUS_DOCKER_CLIENT").unwrap_or_else(|_| String::from("docker"));
        let hosts = ["nats-a", "nats-b", "nats-c"].map(String::from);
        ClusterFiles::make(&folder.path().join("cluster"), hosts, &[])?;
        let composed = Self {
            folder,
            project,
            client,
        };
        let file = composed.path("compose.yaml");
        std::fs::copy(deploy().join("compose.yaml"), file)?;
        let own = OVERRIDE
            .replace("IMAGE", &composed.project)
            .replace("PROJECT", &composed.project);
        std::fs::write(composed.path("override.yaml"), own)?;
        std::fs::create_dir(composed.path("keys"))?;
        for login in ["ada", "bob"] {
            make_key(&composed.path("keys").join(login)).await?;
        }
        composed.image().await?;
        composed.compose(&["up", "--detach"]).await?;
        Ok(composed)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The container of the control plane.
    fn plane_name(&self) -> String {
        format!("{}-plane", self.project)
    }

    /// The server this machine has, under the name the image of the distributor would have.
    async fn image(&self) -> anyhow::Result<()> {
        let server = std::env::var_os("NEXUS_NATS_SERVER").context("NEXUS_NATS_SERVER")?;
        let archive = self.path("image.tar");
        let (folder, name) = (
            Path::new(&server).parent().context("a folder")?,
            Path::new(&server).file_name().context("a name")?,
        );
        let words = [
            "--create".as_ref(),
            "--transform=s|.*|nats-server|".as_ref(),
            "--file".as_ref(),
            archive.as_os_str(),
            "--directory".as_ref(),
            folder.as_os_str(),
            name,
        ];
        tool::run("tar", &words).await?.success()?;
        let archive = archive.display().to_string();
        let change = "--change=ENTRYPOINT [\"/nats-server\"]";
        self.engine(&["import", change, &archive, &self.project])
            .await
    }

    /// A control plane on their network, with what `nexusd cluster init` made for it.
    async fn plane(&self) -> anyhow::Result<()> {
        let folder = self.path("cluster/clients/control-plane");
        let binaries = binaries::folder()?;
        let mut words = ["run", "--detach", "--read-only", "--tmpfs=/tmp"]
            .map(String::from)
            .to_vec();
        words.extend([
            format!("--name={}", self.plane_name()),
            format!("--network={}", self.project),
            format!("--env-file={}", folder.join("nats.env").display()),
            String::from("--env=NEXUS_HOME=/tmp/home"),
            format!("--volume={}:/etc/nexus/nats:ro", folder.display()),
            format!("--volume={}:/tmp/keys:ro", self.path("keys").display()),
        ]);
        for name in ["nexusd", "nexus"] {
            let binary = binaries.join(name).display().to_string();
            words.push(format!("--volume={binary}:/usr/local/bin/{name}:ro"));
        }
        words.extend(
            ["nexus/base:latest", "nexusd", "daemon", "--worker", "none"].map(String::from),
        );
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.engine(&words).await
    }

    /// A person is registered and then found: something was written to the log and read from it.
    async fn registers(&self, login: &str, number: u64) -> anyhow::Result<()> {
        let script = "for try in $(seq 300); do \
             nexus user register --github-username $0 --github-id $1 --key /tmp/keys/$0.pub && exit; \
             sleep 0.1; done; exit 1";
        let plane = self.plane_name();
        let number = number.to_string();
        let words = ["exec", &plane, "sh", "-c", script, login, &number];
        let asked = tool::run(&self.client, &words).await?.success();
        let said = tool::run(&self.client, &["logs", "--tail=20", &plane]).await?;
        asked.with_context(|| said.stderr)?;
        Ok(())
    }

    async fn compose(&self, words: &[&str]) -> anyhow::Result<()> {
        let words = self.compose_words(words);
        tool::run("docker-compose", &words).await?.success()?;
        Ok(())
    }

    fn compose_words(&self, words: &[&str]) -> Vec<String> {
        let mut all = vec![format!("--project-name={}", self.project)];
        for name in ["compose.yaml", "override.yaml"] {
            all.push(format!("--file={}", self.path(name).display()));
        }
        all.extend(words.iter().map(|word| String::from(*word)));
        all
    }

    async fn engine(&self, words: &[&str]) -> anyhow::Result<()> {
        tool::run(&self.client, words).await?.success()?;
        Ok(())
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        let quietly = |program: &str, words: &[&str]| {
            let mut command = std::process::Command::new(program);
            let _said = command.args(words).output();
        };
        quietly(&self.client, &["rm", "--force", &self.plane_name()]);
        let words = self.compose_words(&["down", "--timeout", "0"]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        quietly("docker-compose", &words);
        quietly(&self.client, &["rmi", &self.project]);
    }
}

#[tokio::test]
async fn systemd_understands_every_line_of_the_units() -> anyhow::Result<()> {
    const TEST: &str = "systemd_understands_every_line_of_the_units";
    let there = tool::is_installed("systemd-analyze");
    require!(TEST, there, "systemd-analyze is not installed");
    let folder = tempfile::Builder::new().prefix("nexus-it-").tempdir()?;
    let units = [
        ("nats-server.service", "nats-server.service"),
        ("nexusd.service", "nexusd.service"),
        ("nexus-worker@.service", "nexus-worker@docker.service"),
    ];
    for (name, instance) in units {
        let unit = std::fs::read_to_string(deploy().join(name))?;
        // The programs are not installed here: a word of theirs becomes a word of one that is.
        let unit = unit.replace("=/usr/local/bin/", "=/bin/true ");
        let path = folder.path().join(instance);
        std::fs::write(&path, unit)?;
        let words = ["verify".as_ref(), "--man=no".as_ref(), path.as_os_str()];
        let found = tool::run("systemd-analyze", &words).await?.success()?;
        let about = |line: &&str| line.contains(instance);
        let wrong: Vec<&str> = found.stderr.lines().filter(about).collect();
        ensure!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
    Ok(())
}
