//! Real projects, made from published source packages: cloned, installed, served.

use std::path::Path;

use anyhow::{Context as _, ensure};
use nexus_events::workspace::ServiceStatus;
use nexus_tests::client::succeeded;
use nexus_tests::plane::{ALICE, Plane};
use nexus_tests::{repository, require, tool};
use serde_json::json;

/// Serves the repository at `url` and returns what its one service answers at `/`.
async fn served(plane: &Plane, name: &str, url: &str) -> anyhow::Result<String> {
    let client = &plane.client;
    let repository = json!({ "owner": "local", "name": name, "url": url });
    let spec = json!({ "provider": "process", "repository": repository });
    let accepted = client.create(ALICE, name, spec).await?;
    succeeded(
        client
            .ended(accepted.operation.context("an operation")?)
            .await?,
    )?;
    let view = client.workspace(accepted.workspace, 0).await?;
    let (_, service) = view.services.first_key_value().context("a service")?;
    ensure!(service.status == ServiceStatus::Running, "{service:#?}");
    let url = service.url.clone().context("an address")?;
    Ok(reqwest::Client::builder()
        .no_proxy()
        .build()?
        .get(url)
        .send()
        .await?
        .text()
        .await?)
}

#[tokio::test]
async fn an_npm_project_with_a_lock_file_is_installed_and_served() -> anyhow::Result<()> {
    const TEST: &str = "an_npm_project_with_a_lock_file_is_installed_and_served";
    require!(
        TEST,
        tool::is_installed("npm"),
        "npm is needed to make the lock file"
    );
    let plane = Plane::start("process").await?;
    let work = plane.home().join("express-work");
    std::fs::create_dir_all(work.join(".nexus"))?;
    let server = "const app = require('express')();\n\
        app.get('/', (_, reply) => reply.send('served by express'));\n\
        app.listen(3000);\n";
    std::fs::write(work.join("server.js"), server)?;
    std::fs::write(
        work.join("package.json"),
        r#"{"name":"shop","private":true}"#,
    )?;
    let config = "services:\n  web:\n    command: node server.js\n    port: 3000\n";
    std::fs::write(work.join(".nexus/config.yaml"), config)?;
    let locked = lock_npm(&work).await?;
    require!(TEST, locked, "this machine reaches no npm registry");
    let url = repository::publish(plane.home(), "express", &work).await?;
    ensure!(
        served(&plane, "express", &url).await? == "served by express",
        "answers"
    );
    Ok(())
}

/// Writes the lock file only; what it names is installed inside the workspace.
async fn lock_npm(folder: &Path) -> anyhow::Result<bool> {
    let mut npm = tokio::process::Command::new("npm");
    npm.args([
        "install",
        "--package-lock-only",
        "--ignore-scripts",
        "--no-audit",
        "express@4",
    ]);
    npm.current_dir(folder);
    Ok(tool::finish(npm).await?.code == Some(0))
}

#[tokio::test]
async fn a_python_project_with_requirements_is_installed_and_served() -> anyhow::Result<()> {
    const TEST: &str = "a_python_project_with_requirements_is_installed_and_served";
    require!(
        TEST,
        tool::is_installed("pip"),
        "pip is needed to tell whether a registry is reached"
    );
    let probe = tool::run(
        "pip",
        &[
            "download",
            "--no-deps",
            "-q",
            "-d",
            "/tmp/nexus-it-pip",
            "flask",
        ],
    )
    .await?;
    require!(
        TEST,
        probe.code == Some(0),
        "this machine reaches no Python registry"
    );
    let plane = Plane::start("process").await?;
    let app = "from flask import Flask\napp = Flask(__name__)\n\n\n@app.get('/')\ndef root():\n    return 'served by flask'\n";
    let config = "services:\n  web:\n    command: .venv/bin/flask --app app run --port 5000\n    port: 5000\n";
    let files = [
        ("requirements.txt", "flask\n"),
        ("app.py", app),
        (".nexus/config.yaml", config),
    ];
    let url = repository::make(plane.home(), "flask", &files).await?;
    ensure!(
        served(&plane, "flask", &url).await? == "served by flask",
        "answers"
    );
    Ok(())
}

#[tokio::test]
async fn a_static_site_without_any_configuration_is_served() -> anyhow::Result<()> {
    let plane = Plane::start("process").await?;
    let url = repository::make(plane.home(), "site", &[("index.html", "<h1>static</h1>")]).await?;
    ensure!(
        served(&plane, "site", &url).await?.contains("static"),
        "answers"
    );
    Ok(())
}
