//! Dependencies: installed by the project's own tool, and not again while nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::report::StepDetail;
use nexus_init_protocol::{SetupPlan, StepName};

use super::command::StepCommand;
use super::detect::{self, Installer};
use super::{StepError, StepResult, failure};
use crate::workspace::Workspace;

/// In the state directory: what was installed from which manifests.
const NOTE: &str = "installed.json";

/// Installs what the project calls for.
pub(super) async fn install(workspace: &Arc<Workspace>, plan: &SetupPlan) -> StepResult {
    let directory = Path::new(&plan.workspace_directory);
    let limit = Duration::from_millis(plan.timeouts.install_ms);
    let mut notes = read_notes(&workspace.state);
    let mut told = Vec::new();
    for installer in detect::installers(directory) {
        let name = installer.name();
        let digest = digest(directory, installer);
        let is_there = directory.join(installer.product()).is_dir();
        if is_there && notes.get(name) == Some(&digest) {
            told.push(format!("{name}: nothing changed"));
            continue;
        }
        for argv in commands(directory, installer) {
            run(workspace, argv, name, limit).await?;
        }
        notes.insert(name.to_owned(), digest);
        write_notes(&workspace.state, &notes)?;
        told.push(name.to_owned());
    }
    if told.is_empty() {
        told.push("nothing to install".to_owned());
    }
    Ok(StepDetail {
        note: Some(told.join(", ")),
        ..StepDetail::default()
    })
}

/// The commands of an installer, in order.
fn commands(directory: &Path, installer: Installer) -> Vec<Vec<String>> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let venv = || {
        let is_made = directory.join(".venv/bin/python").exists();
        (!is_made).then(|| words("python3 -m venv .venv"))
    };
    let pip = |rest: &str| {
        words(&format!(
            ".venv/bin/python -m pip install --no-input {rest}"
        ))
    };
    match installer {
        Installer::NpmLocked => vec![words("npm ci --no-audit --no-fund")],
        Installer::Npm => vec![words("npm install --no-audit --no-fund")],
        Installer::Pnpm => vec![words("pnpm install --frozen-lockfile")],
        Installer::Yarn => vec![words("yarn install --frozen-lockfile --non-interactive")],
        Installer::PipRequirements => venv()
            .into_iter()
            .chain([pip("-r requirements.txt")])
            .collect(),
        Installer::PipProject => venv().into_iter().chain([pip("-e .")]).collect(),
        Installer::Poetry => {
            // Poetry itself goes into the environment it fills, so that it need not be in the image.
            let install = words(".venv/bin/python -m poetry install --no-interaction");
            venv().into_iter().chain([pip("poetry"), install]).collect()
        }
    }
}

async fn run(
    workspace: &Arc<Workspace>,
    argv: Vec<String>,
    name: &str,
    limit: Duration,
) -> Result<(), StepError> {
    let program = argv.first().cloned().unwrap_or_default();
    let env = [
        ("CI", "1"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("POETRY_VIRTUALENVS_IN_PROJECT", "1"),
    ];
    let command = StepCommand {
        step: StepName::Install,
        argv,
        env: env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        limit,
    };
    let ended = command.run(workspace).await?;
    if ended.outcome.is_success() {
        return Ok(());
    }
    let mut error = ended.into_failure("install_failed", name, limit);
    error.0.retryable = error.0.code == "install_failed";
    Err(match error.0.code.as_str() {
        "program_missing" => error.hint(format!("use an image that has {program}")),
        _ => error.hint(format!("run it in the workspace by hand: {name}")),
    })
}

/// A digest of the manifests; another one means that something has to be installed.
fn digest(directory: &Path, installer: Installer) -> String {
    let mut hasher = DefaultHasher::new();
    for name in installer.manifests() {
        name.hash(&mut hasher);
        fs::read(directory.join(name)).ok().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn read_notes(state: &Path) -> BTreeMap<String, String> {
    let text = fs::read(state.join(NOTE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_notes(state: &Path, notes: &BTreeMap<String, String>) -> Result<(), StepError> {
    let write = || -> std::io::Result<()> {
        let scratch = state.join("installed.new");
        fs::write(&scratch, serde_json::to_vec(notes)?)?;
        fs::rename(scratch, state.join(NOTE))
    };
    write().map_err(|error| failure("internal", format!("noting what is installed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_follows_the_manifests_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let of = || digest(directory.path(), Installer::NpmLocked);
        write("package.json", "{}");
        let first = of();
        write("index.js", "1");
        assert_eq!(of(), first);
        write("package-lock.json", "{}");
        let locked = of();
        assert_ne!(locked, first);
        write("package.json", "{ }");
        assert_ne!(of(), locked);
    }

    #[test]
    fn an_environment_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let count = || commands(directory.path(), Installer::PipRequirements).len();
        assert_eq!(count(), 2);
        fs::create_dir_all(directory.path().join(".venv/bin")).unwrap();
        fs::write(directory.path().join(".venv/bin/python"), "").unwrap();
        assert_eq!(count(), 1);
    }
}
