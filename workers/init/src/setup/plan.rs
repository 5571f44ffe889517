//! What a plan must be like before anything is done for it.

use nexus_init_protocol::{Failure, FailureCode, Repository, SetupPlan};

/// Refuses a plan that makes no sense or could be taken for an option or a path elsewhere.
pub(super) fn check(plan: &SetupPlan) -> Result<(), Failure> {
    require(
        is_text(&plan.operation),
        "operation",
        "must not be empty or hold control characters",
    )?;
    require(
        plan.workspace_directory.starts_with('/')
            && plan.workspace_directory != "/"
            && is_text(&plan.workspace_directory)
            && !plan.workspace_directory.split('/').any(|part| part == ".."),
        "workspace_directory",
        "must be an absolute path below /, without '..'",
    )?;
    require(
        is_user_name(&plan.user.name),
        "user.name",
        "must be a login name of lower-case letters",
    )?;
    require(
        plan.user.home.starts_with('/')
            && is_text(&plan.user.home)
            && !plan.user.home.contains(':'),
        "user.home",
        "must be an absolute path",
    )?;
    for (name, value) in &plan.env {
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        require(
            is_name && !value.contains('\0'),
            "env",
            "holds an empty name, '=' or a zero byte",
        )?;
    }
    for file in &plan.secret_files {
        let name = &file.name;
        let is_plain = is_text(name) && !name.contains('/') && name != "." && name != "..";
        require(is_plain, "secret_files", "names must be plain file names")?;
    }
    plan.repository.as_ref().map_or(Ok(()), check_repository)
}

fn check_repository(repository: &Repository) -> Result<(), Failure> {
    require(
        is_safe_url(&repository.url),
        "repository.url",
        "must start with https://, ssh://, git@ or file://, and hold no password, space or control character",
    )?;
    let branch = repository.branch.as_deref().unwrap_or("main");
    require(is_branch(branch), "repository.branch", "is no branch name")?;
    require(
        repository.depth != Some(0),
        "repository.depth",
        "must be at least 1",
    )
}

fn require(holds: bool, field: &str, rule: &str) -> Result<(), Failure> {
    match holds {
        true => Ok(()),
        false => Err(Failure::new(
            FailureCode::Invalid,
            format!("the plan's {field} {rule}"),
        )),
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_user_name(name: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    starts_well && name.len() <= 32 && name.chars().all(allowed)
}

fn is_safe_url(url: &str) -> bool {
    let is_clean = is_text(url) && !url.contains(char::is_whitespace) && !url.contains('\\');
    let has_password = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':') || user.starts_with('-'))
    };
    let has_host = |rest: &str| {
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        !host.is_empty() && !host.starts_with('-')
    };
    let known = if let Some(rest) = url.strip_prefix("https://") {
        has_host(rest) && !has_password(rest)
    } else if let Some(rest) = url.strip_prefix("ssh://") {
        has_host(rest) && !has_password(rest)
    } else if let Some(rest) = url.strip_prefix("file://") {
        rest.starts_with('/')
    } else if let Some(rest) = url.strip_prefix("git@") {
        let parts = rest.split_once(':');
        parts.is_some_and(|(host, path)| {
            !host.is_empty() && !host.contains('/') && !host.starts_with('-') && !path.is_empty()
        })
    } else {
        false
    };
    is_clean && known
}

fn is_branch(branch: &str) -> bool {
    let is_forbidden = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    !branch.is_empty()
        && !branch.starts_with(['-', '/'])
        && !branch.ends_with(['/', '.'])
        && !branch.ends_with(".lock")
        && !branch.contains("..")
        && !branch.contains("@{")
        && !branch.contains(is_forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_of_known_kinds_pass() {
        for good in [
            "https://github.com/a/b",
            "https://user@host/a.git",
            "ssh://git@host:2222/a",
            "git@github.com:a/b.git",
            "file:///srv/a",
        ] {
            assert!(is_safe_url(good), "{good}");
        }
        for bad in [
            "",
            "a/b",
            "/srv/a",
            "http://host/a",
            "git://host/a",
            "ext::sh -c id",
            "https://user:pass@host/a",
            "https://",
            "https://-x/a",
            "https://a b/",
            "ssh://-oProxyCommand=id/a",
            "git@-oProxyCommand=id:a",
            "git@host",
            "git@:a",
            "file://host/a",
            "--upload-pack=id",
            "https://h/a\nb",
            "https://h/\u{7}",
            "https://h\\a",
        ] {
            assert!(!is_safe_url(bad), "{bad:?}");
        }
    }

    #[test]
    fn branch_names_follow_git() {
        for good in ["main", "feature/a-b", "v1.2", "ü"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "", "-x", "a..b", "a b", "a.lock", "/a", "a/", "a~1", "a^", "a:b", "a\\b", "a@{1}",
            "a\n",
        ] {
            assert!(!is_branch(bad), "{bad:?}");
        }
    }

    #[test]
    fn plans_are_refused_by_field() {
        type Change = fn(&mut SetupPlan);
        let table: [(&str, Change); 9] = [
            ("operation", |plan| plan.operation.clear()),
            ("workspace_directory", |plan| {
                plan.workspace_directory = "work".to_owned()
            }),
            ("workspace_directory", |plan| {
                plan.workspace_directory = "/a/../etc".to_owned()
            }),
            ("workspace_directory", |plan| {
                plan.workspace_directory = "/".to_owned()
            }),
            ("user.name", |plan| plan.user.name = "a:b".to_owned()),
            ("user.home", |plan| {
                plan.user.home = "/a\nroot::0:0".to_owned()
            }),
            ("env", |plan| {
                drop(plan.env.insert("A=B".to_owned(), String::new()))
            }),
            ("secret_files", |plan| {
                plan.secret_files.push(nexus_init_protocol::SecretFile {
                    name: "../x".to_owned(),
                    content: nexus_init_protocol::SecretText::new("x"),
                });
            }),
            ("repository.url", |plan| {
                plan.repository = Some(Repository {
                    url: "ext::x".to_owned(),
                    branch: None,
                    depth: None,
                    credential: None,
                });
            }),
        ];
        assert!(check(&SetupPlan::new("op-1", 1)).is_ok());
        for (field, change) in table {
            let mut plan = SetupPlan::new("op-1", 1);
            change(&mut plan);
            let failure = check(&plan).unwrap_err();
            assert!(
                failure.message.contains(field),
                "{field}: {}",
                failure.message
            );
        }
    }
}
