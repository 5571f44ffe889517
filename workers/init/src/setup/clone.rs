//! The repository: cloned once, found again ever after.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_init_protocol::plan::RepositoryCredential;
use nexus_init_protocol::report::StepDetail;
use nexus_init_protocol::{Repository, SecretText, SetupPlan, StepName};

use super::command::{Ended, StepCommand};
use super::{StepError, StepResult, failure, secrets};
use crate::workspace::Workspace;

/// Asking a clone that is there takes no longer.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// In the state directory while a clone is under way: what it left when it was killed is no clone.
const BEGUN: &str = "clone-begun";

/// Clones the repository, or finds that it was cloned before.
pub(super) async fn clone(
    workspace: &Arc<Workspace>,
    plan: &SetupPlan,
    repository: &Repository,
) -> StepResult {
    let directory = Path::new(&plan.workspace_directory);
    let begun = workspace.state.join(BEGUN);
    let broken = |error: io::Error| {
        failure(
            "workspace_directory_unusable",
            format!("preparing the clone: {error}"),
        )
    };
    if begun.exists() {
        empty(directory).map_err(broken)?;
    }
    if directory.join(".git").exists() {
        return describe(workspace, Some("already cloned")).await;
    }
    if !is_empty(directory).map_err(broken)? {
        return Err(failure(
            "workspace_not_empty",
            format!(
                "{} holds files and is no git clone",
                plan.workspace_directory
            ),
        )
        .hint("remove what is there, or create another workspace"));
    }
    fs::write(&begun, b"").map_err(broken)?;
    let cloned = run_git_clone(workspace, plan, repository).await;
    // git takes away what it made when it fails; only where it was killed something is left.
    if cloned.is_ok() || is_empty(directory).map_err(broken)? {
        fs::remove_file(&begun).map_err(broken)?;
    }
    cloned?;
    describe(workspace, None).await
}

async fn run_git_clone(
    workspace: &Arc<Workspace>,
    plan: &SetupPlan,
    repository: &Repository,
) -> Result<(), StepError> {
    let access = Access::prepare(workspace, repository)
        .map_err(|error| failure("internal", format!("preparing git's credential: {error}")))?;
    let limit = Duration::from_millis(plan.timeouts.clone_ms);
    let command = StepCommand {
        step: StepName::Clone,
        argv: clone_argv(repository, &plan.workspace_directory, &access.config),
        env: access.env.clone(),
        limit,
    };
    let ended = command.run(workspace).await?;
    match ended.outcome.is_success() {
        true => Ok(()),
        false => Err(explain(ended, repository, limit)),
    }
}

fn clone_argv(repository: &Repository, directory: &str, config: &[String]) -> Vec<String> {
    let mut argv: Vec<String> = ["git", "-c", "protocol.ext.allow=never", "-c"]
        .into_iter()
        .chain(["core.hooksPath=/dev/null"])
        .map(str::to_owned)
        .collect();
    argv.extend(
        config
            .iter()
            .flat_map(|setting| ["-c".to_owned(), setting.clone()]),
    );
    argv.extend(["clone".to_owned(), "--progress".to_owned()]);
    if let Some(branch) = &repository.branch {
        argv.extend(["--branch".to_owned(), branch.clone()]);
    }
    if let Some(depth) = repository.depth {
        argv.extend(["--depth".to_owned(), depth.to_string()]);
    }
    argv.extend([
        "--".to_owned(),
        repository.url.clone(),
        directory.to_owned(),
    ]);
    argv
}

/// How git gets in: environment and settings, and files that go when this is dropped.
#[derive(Debug, Default)]
struct Access {
    env: BTreeMap<String, String>,
    config: Vec<String>,
    /// Gone when this is dropped.
    files: Vec<std::path::PathBuf>,
}

impl Access {
    fn prepare(workspace: &Workspace, repository: &Repository) -> io::Result<Self> {
        let mut access = Self::default();
        let mut ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new".to_owned();
        let account = &workspace.context().account;
        let keep = |name: &str, text: &SecretText| {
            let directory = secrets::directory(workspace, account)?;
            secrets::write(&directory, name, text, account)
        };
        match &repository.credential {
            None => {}
            Some(RepositoryCredential::SshKey(key)) => {
                let path = keep("git-ssh-key", key)?;
                ssh.push_str(&format!(" -o IdentitiesOnly=yes -i {}", path.display()));
                access.files.push(path);
            }
            Some(RepositoryCredential::Token { username, token }) => {
                let line = credential_line(&repository.url, username, token);
                let path = keep("git-credentials", &line)?;
                access.config.push("credential.helper=".to_owned());
                let helper = format!("credential.helper=store --file={}", path.display());
                access.config.push(helper);
                access.files.push(path);
            }
        }
        let trusted = match repository.url.strip_prefix("file://") {
            Some(folder) => Some(keep("git-trust", &trust(folder))?),
            None => None,
        };
        let settings = [
            ("GIT_SSH_COMMAND", ssh.as_str()),
            ("GIT_ALLOW_PROTOCOL", "https:ssh:file"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "/bin/false"),
            ("SSH_ASKPASS", "/bin/false"),
            ("LC_ALL", "C.UTF-8"),
        ];
        let settings = settings.into_iter();
        access.env = settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if let Some(path) = trusted {
            let value = path.display().to_string();
            access.env.insert("GIT_CONFIG_GLOBAL".to_owned(), value);
            access.files.push(path);
        }
        Ok(access)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        for path in &self.files {
            let _gone_already = fs::remove_file(path);
        }
    }
}

/// Settings under which git reads a repository that another user owns: a folder the worker put
/// there, which belongs to whoever runs the worker. `-c` does not reach the process that serves
/// the other end of a local clone; this file does (git-config, `safe.directory`). A repository with
/// a working tree is known by its `.git`.
fn trust(folder: &str) -> SecretText {
    SecretText::new(format!(
        "[safe]\n\tdirectory = {folder}\n\tdirectory = {folder}/.git\n"
    ))
}

/// One line in the form of git's `store` helper.
fn credential_line(url: &str, username: &str, token: &SecretText) -> SecretText {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (username, token) = (percent(username), percent(token.expose_secret()));
    SecretText::new(format!("https://{username}:{token}@{host}\n"))
}

fn percent(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// Commit and branch of the clone.
async fn describe(workspace: &Arc<Workspace>, note: Option<&str>) -> StepResult {
    let commit = ask(workspace, &["rev-parse", "--verify", "HEAD"]).await?;
    let branch = ask(workspace, &["rev-parse", "--abbrev-ref", "HEAD"]).await?;
    Ok(StepDetail {
        commit: Some(commit),
        branch: Some(branch),
        note: note.map(str::to_owned),
        host_key: None,
    })
}

async fn ask(workspace: &Arc<Workspace>, question: &[&str]) -> Result<String, StepError> {
    let command = StepCommand {
        step: StepName::Clone,
        argv: ["git"]
            .iter()
            .chain(question)
            .map(|word| (*word).to_owned())
            .collect(),
        env: BTreeMap::new(),
        limit: ASK_LIMIT,
    };
    let mut ended = command.run(workspace).await?;
    match (ended.outcome.is_success(), ended.last_lines.pop()) {
        (true, Some(answer)) => Ok(answer),
        (_, line) => {
            ended.last_lines.extend(line);
            Err(ended.into_failure("clone_broken", "asking git for the commit", ASK_LIMIT))
        }
    }
}

/// Finds words for what git wrote.
fn explain(ended: Ended, repository: &Repository, limit: Duration) -> StepError {
    let text = ended.last_lines.join("\n");
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let told = ended.into_failure("clone_failed", "git clone", limit);
    let url = &repository.url;
    let named = |code: &str, cause: String, hint: &str| {
        let mut error = told.clone().hint(hint);
        error.0.code = code.to_owned();
        error.0.cause = cause;
        error
    };
    if told.0.code == "program_missing" {
        let cause = "git is not installed in this image".to_owned();
        return named("git_missing", cause, "use an image with git");
    }
    if says(&["Remote branch", "remote branch"]) && says(&["not found"]) {
        let branch = repository.branch.as_deref().unwrap_or_default();
        let cause = format!("{url} has no branch {branch}");
        return named(
            "branch_not_found",
            cause,
            "name a branch that exists, or none",
        );
    }
    if says(&[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
    ]) || says(&["Permission denied", "terminal prompts disabled"])
    {
        let cause = format!("{url} is private or does not exist");
        return named(
            "repository_access_denied",
            cause,
            "log in to the git host, or check the URL",
        );
    }
    if says(&[
        "not found",
        "does not exist",
        "does not appear to be a git repository",
    ]) {
        let cause = format!("{url} does not exist");
        return named("repository_not_found", cause, "check the URL");
    }
    if says(&[
        "Could not resolve host",
        "Could not resolve hostname",
        "Connection refused",
    ]) || says(&[
        "Connection timed out",
        "Network is unreachable",
        "Failed to connect",
    ]) {
        let cause = format!("the host of {url} cannot be reached from the workspace");
        let mut failure = named(
            "repository_unreachable",
            cause,
            "check the network and try again",
        );
        failure.0.retryable = true;
        return failure;
    }
    told
}

fn is_empty(directory: &Path) -> io::Result<bool> {
    let mut entries = fs::read_dir(directory)?;
    // The root of a new ext4 volume is not quite empty.
    Ok(entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")))
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_init_protocol::ExitOutcome;

    use super::*;

    fn repository() -> Repository {
        Repository {
            url: "https://host.example/a".to_owned(),
            branch: Some("dev".to_owned()),
            depth: Some(3),
            credential: None,
        }
    }

    #[test]
    fn the_url_is_never_taken_for_an_option() {
        let argv = clone_argv(&repository(), "/workspace", &[]);
        let end = argv.iter().position(|word| word == "--").unwrap();
        assert_eq!(argv[end + 1..], ["https://host.example/a", "/workspace"]);
        assert_eq!(argv[end - 4..end], ["--branch", "dev", "--depth", "3"]);
    }

    #[test]
    fn tokens_are_quoted_and_bound_to_the_host() {
        let line = credential_line(
            "https://me@git.example:8443/a",
            "x",
            &SecretText::new("a/b@c"),
        );
        assert_eq!(
            line.expose_secret(),
            "https://x:a%2Fb%40c@git.example:8443\n"
        );
    }

    #[test]
    fn what_git_says_gets_a_code() {
        let table = [
            (
                "fatal: Remote branch dev not found in upstream origin",
                "branch_not_found",
            ),
            ("remote: Repository not found.", "repository_not_found"),
            (
                "fatal: repository '/x' does not exist",
                "repository_not_found",
            ),
            (
                "fatal: could not read Username for 'https://h'",
                "repository_access_denied",
            ),
            (
                "git@h: Permission denied (publickey).",
                "repository_access_denied",
            ),
            (
                "fatal: unable to access: Could not resolve host: h",
                "repository_unreachable",
            ),
            ("fatal: something else", "clone_failed"),
        ];
        for (line, code) in table {
            let ended = Ended {
                outcome: ExitOutcome::Exited { code: 128 },
                last_lines: vec![line.to_owned()],
            };
            let failure = explain(ended, &repository(), ASK_LIMIT);
            assert_eq!(failure.0.code, code, "{line}");
            assert_eq!(failure.0.last_lines, [line]);
        }
    }
}
