//! What every process of the workspace is started with: user, directory, environment.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nexus_init_protocol::{CommandLine, Failure, FailureCode, SetupPlan};

use crate::credentials::CredentialEnv;
use crate::process::{Command, Standing};
use crate::user::{Account, UserFiles};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// In the environment of everything a person started, and so of all that comes of it.
pub(crate) const BY_PERSON: &str = "NEXUS_BY_PERSON";

/// Who works where, by the plan in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) account: Account,
    pub(crate) directory: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    /// Where the plan's secret files are; none when there are none.
    pub(crate) secrets: Option<PathBuf>,
    /// The owner's, given to every process.
    pub(crate) credentials: CredentialEnv,
}

/// Descriptors of a child to be.
#[derive(Debug, Default)]
pub(crate) struct Descriptors {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
}

/// What differs from process to process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Custom {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) directory: Option<String>,
    pub(crate) user: Option<String>,
    /// Whether a person asked for it: as long as it works, somebody is at work.
    pub(crate) by_person: bool,
}

impl Context {
    /// Before any plan: the usual work user when the image has it, else whoever runs init.
    pub(crate) fn before_setup() -> Self {
        let known = UserFiles::of_system().by_name("dev");
        let account = match crate::user::can_change_user() {
            true => known.unwrap_or_else(Account::current),
            false => Account::current(),
        };
        Self {
            directory: account.home.clone(),
            account,
            env: BTreeMap::new(),
            secrets: None,
            credentials: CredentialEnv::default(),
        }
    }

    /// By a plan, for the user that was found or made for it.
    pub(crate) fn of_plan(plan: &SetupPlan, account: Account, secrets: Option<PathBuf>) -> Self {
        Self {
            account,
            directory: PathBuf::from(&plan.workspace_directory),
            env: plan.env.clone(),
            secrets,
            credentials: CredentialEnv::default(),
        }
    }

    /// A path of a request: absolute, or below the workspace directory.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// The account of a request: the one named, else the work user.
    pub(crate) fn account_of(&self, user: Option<&str>) -> Result<Account, Failure> {
        match user {
            None => Ok(self.account.clone()),
            Some(name) if name == self.account.name => Ok(self.account.clone()),
            Some(name) => UserFiles::of_system().by_name(name).ok_or_else(|| {
                Failure::new(
                    FailureCode::NotFound,
                    format!("there is no user {name:?} inside"),
                )
            }),
        }
    }

    /// A child of this workspace, not yet started.
    pub(crate) fn command(
        &self,
        argv: Vec<String>,
        custom: &Custom,
        descriptors: Descriptors,
        standing: Standing,
    ) -> Result<Command, Failure> {
        let account = self.account_of(custom.user.as_deref())?;
        let directory = match &custom.directory {
            Some(directory) => self.resolve(directory),
            None if self.directory.is_dir() => self.directory.clone(),
            None => account.home.clone(),
        };
        let mut env = self.environment(&account, &custom.env);
        if custom.by_person {
            env.insert(BY_PERSON.to_owned(), "1".to_owned());
        }
        Ok(Command {
            env,
            argv,
            directory,
            account: Some(account),
            standing,
            stdin: descriptors.stdin,
            stdout: descriptors.stdout,
            stderr: descriptors.stderr,
        })
    }

    /// The whole environment: the system's, init's own (the image's), the user's, the project's, the
    /// owner's credentials, the plan's, the process's, in this order.
    pub(crate) fn environment(
        &self,
        account: &Account,
        extra: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let system = fs::read_to_string("/etc/environment").unwrap_or_default();
        let mut env = parse_environment(&system);
        env.extend(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        env.entry("LANG".to_owned())
            .or_insert_with(|| "C.UTF-8".to_owned());
        let mut set = |name: &str, value: String| env.insert(name.to_owned(), value);
        set("HOME", account.home.display().to_string());
        set("USER", account.name.clone());
        set("LOGNAME", account.name.clone());
        set("SHELL", account.shell.display().to_string());
        set("NEXUS_WORKSPACE", self.directory.display().to_string());
        if let Some(secrets) = &self.secrets {
            set("NEXUS_SECRETS", secrets.display().to_string());
        }
        let inherited = env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
        let path = project_path(&self.directory, &account.home, inherited);
        env.insert("PATH".to_owned(), path);
        let python = self.directory.join(".venv");
        if python.join("bin").is_dir() {
            env.insert("VIRTUAL_ENV".to_owned(), python.display().to_string());
        }
        let credentials = self.credentials.iter();
        env.extend(
            credentials.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())),
        );
        env.extend(self.env.clone());
        env.extend(extra.clone());
        env
    }
}

/// The system-wide environment, which a login reads and so does everything here: `NAME=value` lines,
/// the value perhaps in quotes.
fn parse_environment(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    lines
        .filter(|(name, _)| !name.is_empty() && is_name(name))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Puts the project's own tools before the image's.
fn project_path(directory: &Path, home: &Path, inherited: &str) -> String {
    let own = [
        directory.join(".venv/bin"),
        directory.join("node_modules/.bin"),
        home.join(".local/bin"),
    ];
    let own = own
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| path.display().to_string());
    own.chain(std::iter::once(inherited.to_owned()))
        .collect::<Vec<_>>()
        .join(":")
}

/// The argv of a command: the user's own text goes to the shell, ours stands as it is.
pub(crate) fn argv_of(command: &CommandLine) -> Vec<String> {
    match command {
        CommandLine::Shell(text) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()],
        CommandLine::Argv(argv) => argv.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_environment_is_read_by_lines() {
        let read = parse_environment("A=1\n# B=2\nC=\"x y\"\n\nD\n E=a=b\nF G=1\n=x\n");
        let expected = [("A", "1"), ("C", "x y"), ("E", "a=b")];
        assert_eq!(
            read,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }
}
