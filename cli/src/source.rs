//! What a workspace is made of, as typed: a repository in any of the usual spellings, and the
//! rest of its specification.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use nexus_events::name::{RepositorySegment, WorkspaceName};
use nexus_events::spec::{
    IdlePolicy, InvalidSpec, Provider, Repository, RepositoryUrl, WorkspaceSpec,
};

use crate::args::workspace::Shape;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;

const HELP: &str = "nexus workspace create --help";

fn wrong(what: impl Display, why: impl Display) -> Error {
    Error::new(Exit::Usage, format!("take {what}"), why, HELP)
}

/// Whether `text` means a repository rather than a name.
pub(crate) fn is_repository(text: &str) -> bool {
    text.contains(['/', ':'])
}

/// Reads `https://…`, `ssh://…`, `git@host:path`, `file:///…`, a folder of this machine, or
/// `ORG/NAME[@BRANCH]` on GitHub. `branch` wins over one in the text.
pub(crate) fn repository(text: &str, branch: Option<&str>) -> Result<Repository> {
    let fail = |why: &dyn Display| wrong(format!("repository `{}`", text.escape_debug()), why);
    let (url, written) = address(text)?;
    let (owner, name) = url
        .segments()
        .ok_or_else(|| fail(&"its address does not end in OWNER/NAME"))?;
    let branch = branch.or(written.as_deref());
    Ok(Repository {
        owner,
        name,
        url,
        branch: branch
            .map(|branch| branch.parse().map_err(|error| fail(&error)))
            .transpose()?,
    })
}

fn address(text: &str) -> Result<(RepositoryUrl, Option<String>)> {
    let fail = |why: &dyn Display| wrong(format!("repository `{}`", text.escape_debug()), why);
    if text.starts_with(['/', '.', '~']) {
        return folder(text)
            .map(|url| (url, None))
            .map_err(|why| fail(&why));
    }
    if text.contains(':') {
        let url = text.parse().map_err(|error| fail(&error))?;
        return Ok((url, None));
    }
    let (path, branch) = match text.split_once('@') {
        Some((path, branch)) => (path, Some(branch.to_owned())),
        None => (text, None),
    };
    let (owner, name) = path
        .split_once('/')
        .ok_or_else(|| fail(&"expected a URL or ORG/NAME"))?;
    let segment = |part: &str| {
        part.parse::<RepositorySegment>()
            .map_err(|error| fail(&error))
    };
    let name = name.strip_suffix(".git").unwrap_or(name);
    Ok((
        RepositoryUrl::github(&segment(owner)?, &segment(name)?),
        branch,
    ))
}

/// A folder of this machine as `file:///`, which the server must allow.
fn folder(text: &str) -> std::result::Result<RepositoryUrl, String> {
    let expanded = match text.strip_prefix("~/") {
        Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        None => Path::new(text).to_owned(),
    };
    let absolute = expanded.canonicalize().map_err(|error| error.to_string())?;
    format!("file://{}", absolute.display())
        .parse()
        .map_err(|error| format!("{error}"))
}

/// The name a workspace of `repository` gets when none is typed.
pub(crate) fn name_of(repository: &Repository) -> Result<WorkspaceName> {
    let lower = repository.name.as_str().to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let joined: String = words.join("-").chars().take(40).collect();
    name(joined.trim_end_matches('-'))
}

/// A workspace name as typed.
pub(crate) fn name(text: &str) -> Result<WorkspaceName> {
    text.parse().map_err(|error| wrong("this name", error))
}

/// Everything asked for but the provider, checked as the server will check it.
pub(crate) fn spec(repository: Option<Repository>, shape: &Shape) -> Result<WorkspaceSpec> {
    let mut spec = WorkspaceSpec::on(Provider::Process);
    spec.repository = repository;
    spec.environment = variables(&shape.environment)?;
    if let Some(image) = &shape.image {
        spec.image = Some(image.parse().map_err(|error| wrong("--image", error))?);
    }
    if let Some(cpus) = shape.cpus {
        spec.resources.cpu_milli = (cpus * 1000.0).round() as u32;
    }
    if let Some(memory) = shape.memory {
        spec.resources.memory_mib = memory;
    }
    if let Some(idle) = &shape.idle {
        spec.idle = idle_policy(idle)?;
    }
    spec.validated().map_err(|errors| {
        let causes: Vec<String> = errors.iter().map(InvalidSpec::to_string).collect();
        wrong("this workspace", causes.join("; "))
    })
}

/// The provider asked for.
pub(crate) fn provider(text: &str) -> Result<Provider> {
    text.parse().map_err(|error| wrong("--provider", error))
}

fn idle_policy(text: &str) -> Result<IdlePolicy> {
    if text == "never" {
        return Ok(IdlePolicy {
            after_seconds: None,
        });
    }
    let window = duration::parse(text).map_err(|error| wrong("--idle", error))?;
    let seconds = u32::try_from(window.as_secs()).map_err(|error| wrong("--idle", error))?;
    Ok(IdlePolicy {
        after_seconds: Some(seconds),
    })
}

/// Variables written `KEY=VALUE`; the last of one name counts.
pub(crate) fn variables(pairs: &[String]) -> Result<BTreeMap<String, String>> {
    pairs
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(wrong(
                format!("--env `{}`", pair.escape_debug()),
                "expected KEY=VALUE",
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_of_a_repository_are_read() {
        for (text, url, branch) in [
            (
                "my-org/my-project",
                "https://github.com/my-org/my-project.git",
                None,
            ),
            (
                "my-org/my-project.git",
                "https://github.com/my-org/my-project.git",
                None,
            ),
            (
                "my-org/my-project@feature/x",
                "https://github.com/my-org/my-project.git",
                Some("feature/x"),
            ),
            (
                "https://example.com/a/b.git",
                "https://example.com/a/b.git",
                None,
            ),
            ("git@github.com:a/b.git", "git@github.com:a/b.git", None),
            ("file:///srv/git/b.git", "file:///srv/git/b.git", None),
        ] {
            let repository = repository(text, None).unwrap();
            assert_eq!(repository.url.as_str(), url, "{text}");
            let read = repository.branch.map(|branch| branch.to_string());
            assert_eq!(read.as_deref(), branch, "{text}");
        }
    }

    #[test]
    fn a_folder_becomes_a_file_address_and_a_missing_one_an_error() {
        let folder = tempfile::Builder::new().prefix("hello").tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let text = path.to_str().unwrap();
        let url = repository(text, None).unwrap().url;
        assert_eq!(url.local_path(), Some(text));
        assert_eq!(
            repository("/no/such/folder", None).unwrap_err().exit,
            Exit::Usage
        );
    }

    #[test]
    fn names_come_from_repositories_of_any_spelling() {
        for (text, name) in [
            ("org/My.Project_2", "my-project-2"),
            ("org/-x-", ""),
            (
                "org/abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz",
                "abcdefghijklmnopqrstuvwxyz-abcdefghijklm",
            ),
        ] {
            match repository(text, None) {
                Ok(repository) => assert_eq!(name_of(&repository).unwrap().as_str(), name),
                Err(error) => assert!(name.is_empty(), "{error}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_anything_is_sent() {
        for text in ["ext::sh -c id", "http://host/a/b", "a/b/c", "org/", "/"] {
            assert_eq!(
                repository(text, None).unwrap_err().exit,
                Exit::Usage,
                "{text}"
            );
        }
        assert!(variables(&["A=1=2".into()]).unwrap()["A"] == "1=2");
        for bad in ["A", "=1"] {
            assert!(variables(&[bad.into()]).is_err());
        }
        let shape = Shape {
            memory: Some(1),
            idle: Some("1s".into()),
            ..Shape::default()
        };
        let error = spec(None, &shape).unwrap_err();
        assert!(
            error.why.contains("memory_mib") && error.why.contains("idle"),
            "{error}"
        );
    }
}
