//! `nexus settings credentials …`: values go in and are never told again; none is ever an
//! argument, which every process of this machine could read.

use std::io::Read as _;
use std::path::Path;

use nexus_events::view::{CredentialView, CredentialsChange, CredentialsView};

use super::Place;
use crate::args::settings::{Credentials, Set, Unset};
use crate::client::Request;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::render::{Row, Show, table};
use crate::screen::Screen;

const PATH: &str = "/api/v1/settings/credentials";
/// More than any key or token; the server has its own limit.
const LONGEST: u64 = 1 << 20;

pub(super) async fn run(context: &Context, place: &Place, command: &Credentials) -> Result<Exit> {
    match command {
        Credentials::Set(arguments) => set(context, place, arguments).await,
        Credentials::List => list(context, place).await,
        Credentials::Unset(arguments) => unset(context, place, arguments).await,
    }
}

async fn set(context: &Context, place: &Place, arguments: &Set) -> Result<Exit> {
    let kind = Kind::of(&arguments.name)?;
    let value = kind.tidy(value(arguments)?);
    let mut change = CredentialsChange::default();
    kind.put(&mut change, Some(value));
    let request = place.of(Request::put(format!("set {}", arguments.name), PATH).json(&change));
    place.client.perform(&request).await?;
    context.say(&format!(
        "{} is set; shells opened from now on have it",
        arguments.name
    ));
    Ok(Exit::Ok)
}

async fn unset(context: &Context, place: &Place, arguments: &Unset) -> Result<Exit> {
    let mut change = CredentialsChange::default();
    for name in &arguments.names {
        Kind::of(name)?.put(&mut change, None);
    }
    let request = place.of(Request::put("take credentials away", PATH).json(&change));
    if arguments.change.dry_run {
        context.show_request(&request)?;
        return Ok(Exit::Ok);
    }
    place.client.perform(&request).await?;
    context.say(&format!("gone: {}", arguments.names.join(", ")));
    Ok(Exit::Ok)
}

async fn list(context: &Context, place: &Place) -> Result<Exit> {
    let request = place.of(Request::get("list the credentials", PATH));
    let view: CredentialsView = place.client.send(&request).await?;
    if view.env.is_empty() && view.files.is_empty() {
        context.say("none; set one with `nexus settings credentials set NAME --from-stdin`");
    }
    context.show(&view)?;
    Ok(Exit::Ok)
}

/// Where a credential is found inside.
enum Kind<'a> {
    Variable(&'a str),
    File(&'a str),
}

impl<'a> Kind<'a> {
    fn of(name: &'a str) -> Result<Self> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_variable = name.bytes().all(letters)
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_file = (name.starts_with("~/") || name.starts_with('/'))
            && !name.contains(char::is_control)
            && !name.split('/').any(|part| part == "..");
        match (is_variable, is_file) {
            (true, _) => Ok(Self::Variable(name)),
            (false, true) => Ok(Self::File(name)),
            (false, false) => {
                let what = format!("take credential `{}`", name.escape_debug());
                let why = "it is no variable (`NPM_TOKEN`) and no file inside (`~/.netrc`)";
                let next = "nexus settings credentials set --help";
                Err(Error::new(Exit::Usage, what, why, next))
            }
        }
    }

    /// `echo` and editors end a line that is no part of a token.
    fn tidy(&self, mut value: String) -> String {
        if matches!(self, Self::Variable(_)) && value.ends_with('\n') {
            value.pop();
            if value.ends_with('\r') {
                value.pop();
            }
        }
        value
    }

    fn put(&self, change: &mut CredentialsChange, value: Option<String>) {
        match self {
            Self::Variable(name) => change.env.insert((*name).to_owned(), value),
            Self::File(name) => change.files.insert((*name).to_owned(), value),
        };
    }
}

/// The value, from wherever it is to come; errors never hold any of it.
fn value(arguments: &Set) -> Result<String> {
    let failed = |why: String| {
        let next = "nexus settings credentials set --help";
        Error::new(Exit::Failure, format!("read {}", arguments.name), why, next)
    };
    if let Some(variable) = &arguments.from_env {
        let missing = |_| failed(format!("{variable} is not set here, or is no text"));
        return std::env::var(variable).map_err(missing);
    }
    let text = match &arguments.from_file {
        Some(path) => std::fs::File::open(path)
            .and_then(bounded)
            .map_err(|error| failed(named(path, &error)))?,
        None => bounded(std::io::stdin().lock()).map_err(|error| failed(error.to_string()))?,
    };
    match text.is_empty() {
        true => Err(failed("it is empty".into())),
        false => Ok(text),
    }
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn bounded(source: impl std::io::Read) -> std::io::Result<String> {
    let mut text = String::new();
    source.take(LONGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(std::io::Error::other("it is longer than 1 MiB")),
        false => Ok(text),
    }
}

struct Listed<'a>(&'a str, &'static str, &'a CredentialView);

impl Row for Listed<'_> {
    const HEADINGS: &'static [&'static str] = &["NAME", "KIND", "SET", "DIGEST"];

    fn cells(&self) -> Vec<String> {
        let Self(name, kind, view) = self;
        vec![
            (*name).to_owned(),
            (*kind).to_owned(),
            format!("{:.0}", view.changed_at),
            view.digest.clone(),
        ]
    }

    fn name(&self) -> String {
        self.0.to_owned()
    }
}

fn rows(view: &CredentialsView) -> Vec<Listed<'_>> {
    let variables = view
        .env
        .iter()
        .map(|(name, view)| Listed(name, "variable", view));
    let files = view
        .files
        .iter()
        .map(|(name, view)| Listed(name, "file", view));
    variables.chain(files).collect()
}

impl Show for CredentialsView {
    fn table(&self, _screen: &Screen) -> String {
        table(&rows(self))
    }

    fn names(&self) -> Vec<String> {
        rows(self).iter().map(Row::name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_files_and_nothing_else() {
        for name in ["NPM_TOKEN", "_x", "a1"] {
            assert!(matches!(Kind::of(name), Ok(Kind::Variable(_))), "{name}");
        }
        for name in ["~/.netrc", "/etc/x", "~/.config/gh/hosts.yml"] {
            assert!(matches!(Kind::of(name), Ok(Kind::File(_))), "{name}");
        }
        for name in ["", "1A", "A-B", "A=B", "~", "~/../x", "/a\nb", ".netrc"] {
            assert!(Kind::of(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_token_loses_the_line_break_echo_gave_it_and_a_file_keeps_it() {
        let variable = Kind::Variable("A");
        for (given, kept) in [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("x", "x")] {
            assert_eq!(variable.tidy(given.into()), kept);
        }
        assert_eq!(Kind::File("~/a").tidy("x\n".into()), "x\n");
    }
}
