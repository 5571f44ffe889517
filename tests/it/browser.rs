//! The dashboard in a real browser: the scripts of `tests/browser/`, each against a Nexus of its
//! own. Their pictures are kept in `pictures` of the target folder, to be looked at.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nexus_events::view::WorkspaceView;
use nexus_tests::cutter::Cutter;
use nexus_tests::plane::{ALICE, Plane, make_key};
use nexus_tests::{binaries, history, repository, skip, tool};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use tokio::process::Command;

/// What distributions call it.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const NEEDS: &str = "no Chromium, node or npm (./dev installs them)";

/// A plane with a workspace whose services run, and what scripts are told of it.
struct World {
    plane: Plane,
    workspace: WorkspaceView,
    browser: PathBuf,
}

impl World {
    /// `None` where there is no browser; that was said aloud.
    async fn make(test: &str) -> anyhow::Result<Option<Self>> {
        Self::of(test, &repository::sample()).await
    }

    /// The same, with another project in its workspace.
    async fn of(test: &str, project: &Path) -> anyhow::Result<Option<Self>> {
        let Some(browser) = browser().filter(|_| tool::is_installed("npm")) else {
            skip::skipped(test, NEEDS);
            return Ok(None);
        };
        install().await?;
        let plane = Plane::start("process").await?;
        let work = plane.home().join("sample");
        tool::run(
            "cp",
            &["-R".as_ref(), project.as_os_str(), work.as_os_str()],
        )
        .await?
        .success()?;
        let url = repository::publish(plane.home(), "hello", &work).await?;
        let spec = json!({
            "provider": "process",
            "repository": { "owner": "local", "name": "hello", "url": url },
        });
        let workspace = plane.client.running(ALICE, "hello", spec).await?;
        Ok(Some(Self {
            plane,
            workspace,
            browser,
        }))
    }

    fn script(&self, name: &str) -> anyhow::Result<Command> {
        let id = self.workspace.id.to_string();
        let mut node = Command::new("node");
        node.arg(folder().join(name))
            .env("NEXUS_URL", format!("http://{}", self.plane.address()))
            .env("NEXUS_TOKEN", self.plane.operator_token()?)
            .env("NEXUS_WORKSPACE", &id)
            .env("NEXUS_MACHINE", uuid(&id))
            .env("NEXUS_CHROMIUM", &self.browser)
            .env("NEXUS_PICTURES", pictures()?)
            .stdin(Stdio::null());
        Ok(node)
    }
}

#[tokio::test]
async fn every_view_is_drawn_without_a_barrier_in_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "every_view_is_drawn_without_a_barrier_in_a_browser";
    let Some(world) = World::make(TEST).await? else {
        return Ok(());
    };
    run(world.script("views.mjs")?).await
}

#[tokio::test]
async fn every_dialog_does_what_it_says_in_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "every_dialog_does_what_it_says_in_a_browser";
    let Some(world) = World::make(TEST).await? else {
        return Ok(());
    };
    let key = make_key(&world.plane.home().join("id_new")).await?;
    let mut script = world.script("dialogs.mjs")?;
    script
        .env("NEXUS_TOKEN", world.plane.token_of(ALICE).await?)
        .env("NEXUS_NEW_KEY", key.line);
    run(script).await
}

#[tokio::test]
async fn a_preview_is_a_site_of_its_own_in_a_browser_until_its_reader_signs_out()
-> anyhow::Result<()> {
    const TEST: &str = "a_preview_is_a_site_of_its_own_in_a_browser_until_its_reader_signs_out";
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/echo");
    let Some(world) = World::of(TEST, &project).await? else {
        return Ok(());
    };
    let mut script = world.script("preview.mjs")?;
    script.env("NEXUS_TOKEN", world.plane.token_of(ALICE).await?);
    run(script).await
}

#[tokio::test]
async fn programs_run_in_the_terminal_of_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "programs_run_in_the_terminal_of_a_browser";
    let Some(world) = World::make(TEST).await? else {
        return Ok(());
    };
    run(world.script("terminal.mjs")?).await
}

#[tokio::test]
async fn tricks_of_programs_and_pages_do_nothing_in_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "tricks_of_programs_and_pages_do_nothing_in_a_browser";
    let Some(world) = World::make(TEST).await? else {
        return Ok(());
    };
    run(world.script("tricks.mjs")?).await
}

#[tokio::test]
async fn a_hundred_thousand_events_scroll_smoothly_in_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "a_hundred_thousand_events_scroll_smoothly_in_a_browser";
    const EVENTS: usize = 100_000;
    let Some(world) = World::make(TEST).await? else {
        return Ok(());
    };
    history::write(&world.plane, EVENTS).await?;
    let mut script = world.script("tail.mjs")?;
    script.env("NEXUS_EVENTS", EVENTS.to_string());
    run(script).await
}

#[tokio::test]
async fn a_minute_of_broken_connections_leaves_no_gap_in_a_browser() -> anyhow::Result<()> {
    const TEST: &str = "a_minute_of_broken_connections_leaves_no_gap_in_a_browser";
    let Some(mut world) = World::make(TEST).await? else {
        return Ok(());
    };
    let cutter = Cutter::before(world.plane.address().parse()?).await?;
    let mut script = world.script("broken.mjs")?;
    script
        .env("NEXUS_URL", format!("http://{}", cutter.address()))
        .env(
            "NEXUS_STEADY_URL",
            format!("http://{}", world.plane.address()),
        )
        .env("NEXUS_MILLISECONDS", "60000");
    let cutting = async {
        for round in 1.. {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cutter.cut_all();
            // Once, in the middle, the server itself goes away and comes back.
            if round == 6 {
                world.plane.stop().await?;
                world.plane.restart().await?;
            }
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = run(script) => ended,
        cut = cutting => cut,
    }?;
    ensure!(cutter.cuts() > 8, "only {} cuts", cutter.cuts());
    Ok(())
}

/// Runs a script for four minutes at most; what it printed is part of a failure.
#[expect(clippy::print_stdout, reason = "the figures a script measured")]
async fn run(mut script: Command) -> anyhow::Result<()> {
    let child = script
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("starting node")?;
    let output = tokio::time::timeout(Duration::from_secs(240), child.wait_with_output())
        .await
        .context("the browser did not end within four minutes")??;
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    println!("{said}");
    ensure!(output.status.success(), "{said}\n{wrong}");
    Ok(())
}

/// The scripts' own dependencies, exactly as locked; nothing of them is run while installing.
async fn install() -> anyhow::Result<()> {
    let lock = std::fs::File::create(binaries::folder()?.join("browser-tests.lock"))?;
    // Tests run side by side, each in a process of its own; held until this one has looked.
    let locking = move || flock(&lock, FlockOperation::LockExclusive).map(|()| lock);
    let _held = tokio::task::spawn_blocking(locking).await??;
    let installed = folder().join("node_modules/.package-lock.json");
    if is_newer(&installed, &folder().join("package-lock.json")) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder());
    tool::finish(npm).await?.success()?;
    Ok(())
}

fn is_newer(one: &Path, other: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|about| about.modified()).ok();
    matches!((changed(one), changed(other)), (Some(one), Some(other)) if one >= other)
}

fn browser() -> Option<PathBuf> {
    let folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let mut paths = BROWSERS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths.find(|path| path.is_file())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Beside the test itself: not in the repository, and removed with what was built.
fn pictures() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("a target folder")?;
    Ok(target.join("pictures"))
}

/// The id as the façade of machines writes it.
fn uuid(id: &str) -> String {
    let hex = id.rsplit('-').next().unwrap_or_default();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}
