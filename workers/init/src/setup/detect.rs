//! What a project needs installed and how it is served, told from the files it has.

use std::path::Path;

use nexus_init_protocol::{CommandLine, RestartPolicy, ServiceSpec};
use serde_json::Value;

/// Port given to a service nobody described.
const NODE_PORT: u16 = 3000;
const STATIC_PORT: u16 = 8000;

/// One way to install dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Installer {
    /// `npm ci`: a lock file is there.
    NpmLocked,
    /// `npm install`: there is none.
    Npm,
    /// `pnpm install --frozen-lockfile`.
    Pnpm,
    /// `yarn install --frozen-lockfile`.
    Yarn,
    /// `poetry install`.
    Poetry,
    /// `pip install -r requirements.txt`, into `.venv`.
    PipRequirements,
    /// `pip install -e .`, into `.venv`.
    PipProject,
}

impl Installer {
    /// Files that decide what is installed: when they are as they were, it is installed already.
    pub(super) fn manifests(self) -> &'static [&'static str] {
        match self {
            Self::NpmLocked => &["package.json", "package-lock.json", "npm-shrinkwrap.json"],
            Self::Npm => &["package.json"],
            Self::Pnpm => &["package.json", "pnpm-lock.yaml"],
            Self::Yarn => &["package.json", "yarn.lock"],
            Self::Poetry => &["pyproject.toml", "poetry.lock"],
            Self::PipRequirements => &["requirements.txt"],
            Self::PipProject => &["pyproject.toml", "setup.py", "setup.cfg"],
        }
    }

    /// What it makes; without it nothing is installed, whatever was noted.
    pub(super) fn product(self) -> &'static str {
        match self {
            Self::NpmLocked | Self::Npm | Self::Pnpm | Self::Yarn => "node_modules",
            Self::Poetry | Self::PipRequirements | Self::PipProject => ".venv",
        }
    }

    /// How people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NpmLocked => "npm ci",
            Self::Npm => "npm install",
            Self::Pnpm => "pnpm install",
            Self::Yarn => "yarn install",
            Self::Poetry => "poetry install",
            Self::PipRequirements => "pip install -r requirements.txt",
            Self::PipProject => "pip install -e .",
        }
    }
}

/// Every installer the project calls for: at most one for Node, at most one for Python.
pub(super) fn installers(directory: &Path) -> Vec<Installer> {
    node_installer(directory)
        .into_iter()
        .chain(python_installer(directory))
        .collect()
}

fn node_installer(directory: &Path) -> Option<Installer> {
    let has = |name: &str| directory.join(name).is_file();
    let package = read_package(directory)?;
    if has("pnpm-lock.yaml") {
        Some(Installer::Pnpm)
    } else if has("package-lock.json") || has("npm-shrinkwrap.json") {
        Some(Installer::NpmLocked)
    } else if has("yarn.lock") {
        Some(Installer::Yarn)
    } else {
        needs_install(&package).then_some(Installer::Npm)
    }
}

fn needs_install(package: &Value) -> bool {
    let has = |field: &str| {
        package[field]
            .as_object()
            .is_some_and(|all| !all.is_empty())
    };
    ["dependencies", "devDependencies", "optionalDependencies"]
        .into_iter()
        .any(has)
        || package.get("workspaces").is_some()
}

fn python_installer(directory: &Path) -> Option<Installer> {
    let has = |name: &str| directory.join(name).is_file();
    let project = std::fs::read_to_string(directory.join("pyproject.toml")).unwrap_or_default();
    let has_table = |table: &str| project.lines().any(|line| line.trim() == table);
    if has("poetry.lock") || has_table("[tool.poetry]") {
        Some(Installer::Poetry)
    } else if has("requirements.txt") {
        Some(Installer::PipRequirements)
    } else if has_table("[project]") || has("setup.py") {
        Some(Installer::PipProject)
    } else {
        None
    }
}

/// A project without any description of services may still say how it is started.
pub(super) fn default_service(directory: &Path) -> Option<ServiceSpec> {
    if let Some(package) = read_package(directory) {
        let has = |script: &&str| package["scripts"][*script].is_string();
        let script = ["dev", "start"].into_iter().find(has)?;
        return Some(web_service(
            CommandLine::Shell(format!("npm run {script}")),
            NODE_PORT,
        ));
    }
    if directory.join("index.html").is_file() && python_installer(directory).is_none() {
        let port = STATIC_PORT.to_string();
        let argv = ["python3", "-m", "http.server", &port];
        let argv = argv.into_iter().map(str::to_owned).collect();
        return Some(web_service(CommandLine::Argv(argv), STATIC_PORT));
    }
    None
}

fn web_service(command: CommandLine, port: u16) -> ServiceSpec {
    ServiceSpec {
        name: "web".to_owned(),
        command,
        port: Some(port),
        depends_on: Vec::new(),
        health_check: None,
        env: std::collections::BTreeMap::new(),
        directory: None,
        restart: RestartPolicy::Never,
        stop_grace_ms: 10_000,
    }
}

/// The project's `package.json`; one that cannot be read is left to npm to complain about.
fn read_package(directory: &Path) -> Option<Value> {
    let text = std::fs::read(directory.join("package.json")).ok()?;
    let unreadable = || serde_json::json!({"dependencies": {"unreadable": "*"}});
    Some(serde_json::from_slice(&text).unwrap_or_else(|_| unreadable()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'a> = &'a [(&'a str, &'a str)];

    fn project(files: Files<'_>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    const WITH_DEPENDENCY: &str = r#"{"dependencies":{"a":"1"}}"#;
    const POETRY: &str = "[tool.poetry]\nname = \"x\"\n";

    #[test]
    fn installers_follow_the_files() {
        use Installer::{Npm, NpmLocked, PipProject, PipRequirements, Pnpm, Poetry, Yarn};
        let package = ("package.json", WITH_DEPENDENCY);
        let table: &[(Files, &[Installer])] = &[
            (&[], &[]),
            (&[("index.html", "")], &[]),
            (&[("README.md", "")], &[]),
            (&[package], &[Npm]),
            (&[("package.json", "{}")], &[]),
            (
                &[("package.json", r#"{"devDependencies":{"a":"1"}}"#)],
                &[Npm],
            ),
            (&[("package.json", r#"{"workspaces":["a"]}"#)], &[Npm]),
            (&[("package.json", "not json")], &[Npm]),
            (&[package, ("package-lock.json", "{}")], &[NpmLocked]),
            (&[package, ("npm-shrinkwrap.json", "{}")], &[NpmLocked]),
            (&[package, ("pnpm-lock.yaml", "")], &[Pnpm]),
            (
                &[package, ("pnpm-lock.yaml", ""), ("package-lock.json", "{}")],
                &[Pnpm],
            ),
            (&[package, ("yarn.lock", "")], &[Yarn]),
            (&[("package-lock.json", "{}")], &[]),
            (&[("requirements.txt", "")], &[PipRequirements]),
            (&[("pyproject.toml", POETRY)], &[Poetry]),
            (
                &[("pyproject.toml", "[project]\n"), ("poetry.lock", "")],
                &[Poetry],
            ),
            (&[("pyproject.toml", "[project]\n")], &[PipProject]),
            (&[("pyproject.toml", "[tool.black]\n")], &[]),
            (
                &[("pyproject.toml", "[project]\n"), ("requirements.txt", "")],
                &[PipRequirements],
            ),
            (&[("setup.py", "")], &[PipProject]),
            (
                &[package, ("requirements.txt", "")],
                &[Npm, PipRequirements],
            ),
        ];
        for (files, expected) in table {
            let project = project(files);
            assert_eq!(installers(project.path()), *expected, "{files:?}");
        }
    }

    #[test]
    fn a_default_service_needs_a_script_or_a_page() {
        let table: &[(Files, Option<u16>)] = &[
            (&[], None),
            (&[("package.json", WITH_DEPENDENCY)], None),
            (&[("package.json", r#"{"scripts":{"test":"x"}}"#)], None),
            (
                &[("package.json", r#"{"scripts":{"start":"x"}}"#)],
                Some(3000),
            ),
            (
                &[("package.json", r#"{"scripts":{"start":"x","dev":"y"}}"#)],
                Some(3000),
            ),
            (&[("index.html", "")], Some(8000)),
            (&[("requirements.txt", ""), ("index.html", "")], None),
        ];
        for (files, port) in table {
            let project = project(files);
            let service = default_service(project.path());
            assert_eq!(service.and_then(|service| service.port), *port, "{files:?}");
        }
    }
}
