//! `.nexus/config.yaml` of the repository: read with budgets, refused with line and column.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::path::Path;

use nexus_init_protocol::{
    CommandLine, HealthCheck, HealthProbe, Hooks, RestartPolicy, ServiceSpec,
};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{StepError, failure};

/// Where the file is, below the workspace directory.
pub(super) const PATH: &str = ".nexus/config.yaml";

const MAX_BYTES: u64 = 64 << 10;
const MAX_DEPTH: usize = 16;
const MAX_NODES: usize = 8192;
/// Restarts of `restart: on-failure` without numbers.
const DEFAULT_RESTARTS: u32 = 5;
const DEFAULT_BACKOFF_MS: u64 = 500;

/// What init takes from the file; empty when there is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RepositoryConfig {
    pub(super) services: Vec<ServiceSpec>,
    pub(super) hooks: Hooks,
}

/// Reads the file of a clone. It is opened without following a link out of the clone: the file
/// belongs to whoever wrote the repository.
pub(super) fn read(directory: &Path) -> Result<RepositoryConfig, StepError> {
    let unreadable = |error: io::Error| failure("config_unreadable", format!("{PATH}: {error}"));
    let Some(file) = open(directory).map_err(unreadable)? else {
        return Ok(RepositoryConfig::default());
    };
    let mut text = String::new();
    let read = file
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if read as u64 > MAX_BYTES {
        return Err(failure(
            "config_too_large",
            format!("{PATH} has more than {MAX_BYTES} bytes"),
        ));
    }
    parse(&text)
}

fn open(directory: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let root = match openat(
        CWD,
        directory,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(root) => root,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match openat2(&root, PATH, flags, Mode::empty(), ResolveFlags::BENEATH) {
        Ok(descriptor) => Ok(Some(File::from(descriptor))),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the text of the file.
pub(crate) fn parse(text: &str) -> Result<RepositoryConfig, StepError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
        },
    };
    if text.trim().is_empty() {
        return Ok(RepositoryConfig::default());
    }
    let file: ConfigFile =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| refuse(&error))?;
    let services = file
        .services
        .0
        .into_iter()
        .map(|(name, service)| service.into_spec(name));
    Ok(RepositoryConfig {
        services: services.collect::<Result<_, _>>()?,
        hooks: file.hooks.map(HooksFile::into_hooks).unwrap_or_default(),
    })
}

fn refuse(error: &serde_saphyr::Error) -> StepError {
    let place = error.location().map_or(String::new(), |location| {
        format!(" line {}, column {}", location.line(), location.column())
    });
    let sentence = error.without_snippet().to_string();
    let sentence = sentence.lines().next().unwrap_or_default();
    failure("config_invalid", format!("{PATH}{place}: {sentence}"))
        .hint(format!("correct {PATH} and start again"))
}

fn refuse_service(name: &str, rule: &str) -> StepError {
    failure("config_invalid", format!("{PATH}: service {name:?} {rule}"))
        .hint(format!("correct {PATH} and start again"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    /// For people; the workspace has its own name.
    #[serde(default, rename = "name")]
    _name: Option<String>,
    /// Chosen when the workspace is created, before there is a clone.
    #[serde(default, rename = "provider")]
    _provider: Option<String>,
    #[serde(default, rename = "providers")]
    _providers: Option<IgnoredAny>,
    #[serde(default)]
    services: InOrder<ServiceFile>,
    #[serde(default)]
    hooks: Option<HooksFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    command: String,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    health_check: Option<CheckFile>,
    #[serde(default)]
    env: BTreeMap<String, Scalar>,
    #[serde(default)]
    directory: Option<String>,
    #[serde(default)]
    restart: Option<RestartFile>,
    #[serde(default)]
    stop_grace: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckFile {
    r#type: CheckType,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    command: Option<String>,
    #[serde(default)]
    timeout: Option<Span>,
    #[serde(default)]
    interval: Option<Span>,
    #[serde(default)]
    start_timeout: Option<Span>,
    #[serde(default)]
    retries: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CheckType {
    Http,
    Tcp,
    Exec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestartRule {
    policy: RestartWord,
    #[serde(default)]
    max_restarts: Option<u32>,
    #[serde(default)]
    backoff: Option<Span>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RestartWord {
    Never,
    OnFailure,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HooksFile {
    post_create: OneOrMany,
    post_start: OneOrMany,
}

impl HooksFile {
    fn into_hooks(self) -> Hooks {
        let commands = |lines: OneOrMany| lines.0.into_iter().map(CommandLine::Shell).collect();
        Hooks {
            post_create: commands(self.post_create),
            post_start: commands(self.post_start),
        }
    }
}

impl ServiceFile {
    fn into_spec(self, name: String) -> Result<ServiceSpec, StepError> {
        if self.command.trim().is_empty() {
            return Err(refuse_service(&name, "has an empty command"));
        }
        if self.port == Some(0) {
            return Err(refuse_service(&name, "has port 0; ports are 1 to 65535"));
        }
        let check = self
            .health_check
            .map(|check| check.into_check(&name))
            .transpose()?;
        Ok(ServiceSpec {
            command: CommandLine::Shell(self.command),
            port: self.port,
            depends_on: self.depends_on,
            health_check: check,
            env: self
                .env
                .into_iter()
                .map(|(name, value)| (name, value.0))
                .collect(),
            directory: self.directory,
            restart: self
                .restart
                .map_or(RestartPolicy::Never, |restart| restart.0),
            stop_grace_ms: self.stop_grace.map_or(10_000, |span| span.0),
            name,
        })
    }
}

impl CheckFile {
    fn into_check(self, service: &str) -> Result<HealthCheck, StepError> {
        let refuse = |rule: &str| Err(refuse_service(service, rule));
        let port = self.port;
        let probe = match (self.r#type, self.path, self.command) {
            (CheckType::Http, path, None) => {
                let path = path.unwrap_or_else(|| "/".to_owned());
                let is_path = path.starts_with('/') && !path.contains(char::is_whitespace);
                if !is_path || path.contains(char::is_control) {
                    return refuse("has a health check whose path does not start with /");
                }
                HealthProbe::Http { port, path }
            }
            (CheckType::Tcp, None, None) => HealthProbe::Tcp { port },
            (CheckType::Exec, None, Some(command)) => HealthProbe::Exec {
                command: CommandLine::Shell(command),
            },
            (CheckType::Exec, _, None) => {
                return refuse("has an exec health check without command");
            }
            (CheckType::Exec | CheckType::Tcp, Some(_), _) => {
                return refuse("has a path in a health check that is not http");
            }
            (CheckType::Http | CheckType::Tcp, _, Some(_)) => {
                return refuse("has a command in a health check that is not exec");
            }
        };
        let mut check = HealthCheck::new(probe);
        let set = |value: &mut u64, span: Option<Span>| {
            if let Some(Span(span)) = span {
                *value = span;
            }
        };
        set(&mut check.timeout_ms, self.timeout);
        set(&mut check.interval_ms, self.interval);
        set(&mut check.start_timeout_ms, self.start_timeout);
        check.retries = self.retries.unwrap_or(check.retries);
        Ok(check)
    }
}

/// A span of time: `10s`, `500ms`, `2m`, or a number of seconds. In milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span(u64);

impl Span {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let factor = match unit {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let span = number.parse::<u64>().ok()?.checked_mul(factor)?;
        (1..=86_400_000).contains(&span).then_some(Self(span))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no time span such as 10s, 500ms or 2m"))
        })
    }
}

/// Text, a number or a truth value, as text.
#[derive(Debug)]
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, a number or true or false")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// One text or a list of texts.
#[derive(Debug, Default)]
struct OneOrMany(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ManyVisitor;
        impl<'de> Visitor<'de> for ManyVisitor {
            type Value = OneOrMany;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a command or a list of commands")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut lines = Vec::new();
                while let Some(line) = list.next_element()? {
                    lines.push(line);
                }
                Ok(OneOrMany(lines))
            }
        }
        deserializer.deserialize_any(ManyVisitor)
    }
}

/// `never`, `on-failure`, or a rule with numbers.
#[derive(Debug)]
struct RestartFile(RestartPolicy);

impl From<RestartRule> for RestartFile {
    fn from(rule: RestartRule) -> Self {
        Self(match rule.policy {
            RestartWord::Never => RestartPolicy::Never,
            RestartWord::OnFailure => RestartPolicy::OnFailure {
                max_restarts: rule.max_restarts.unwrap_or(DEFAULT_RESTARTS),
                backoff_ms: rule.backoff.map_or(DEFAULT_BACKOFF_MS, |span| span.0),
            },
        })
    }
}

impl<'de> Deserialize<'de> for RestartFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RestartVisitor;
        impl<'de> Visitor<'de> for RestartVisitor {
            type Value = RestartFile;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("never, on-failure or a map with policy")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RestartFile, E> {
                let word = de::value::StrDeserializer::new(text);
                let policy = RestartWord::deserialize(word)?;
                let (max_restarts, backoff) = (None, None);
                Ok(RestartFile::from(RestartRule {
                    policy,
                    max_restarts,
                    backoff,
                }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RestartFile, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                RestartRule::deserialize(map).map(RestartFile::from)
            }
        }
        deserializer.deserialize_any(RestartVisitor)
    }
}

/// A map in the order of the file.
#[derive(Debug)]
struct InOrder<T>(Vec<(String, T)>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrderVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderVisitor<T> {
            type Value = InOrder<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        deserializer.deserialize_map(OrderVisitor(PhantomData))
    }
}

/// Reads any text as the file. What is refused says so in one line that names the file.
#[cfg(feature = "testing")]
pub(crate) fn read_config(text: &str) {
    match parse(text) {
        Ok(config) => assert!(config.services.len() <= MAX_NODES),
        Err(StepError(failure)) => {
            assert!(failure.code.starts_with("config_") || !failure.cause.is_empty());
            assert!(!failure.cause.contains('\n'), "{:?}", failure.cause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_read_in_order() {
        let config = parse(
            "name: my-project\nprovider: lxc\nservices:\n  web:\n    command: \"npm run dev\"\n    port: 3000\n    health_check:\n      type: \"http\"\n      path: \"/\"\n      timeout: 10s\n    env: {DEBUG: true, LEVEL: 3, NAME: x}\n  api:\n    command: npm run server\n    port: 4000\n    depends_on: [\"web\"]\n    restart: on-failure\nproviders:\n  lxc:\n    image: \"ubuntu:22.04\"\n    cpu: 2\n    memory: \"4GB\"\nhooks:\n  post_create: make\n  post_start: [a, b]\n",
        )
        .unwrap();
        let [web, api] = config.services.as_slice() else {
            panic!("two services: {config:?}");
        };
        assert_eq!((web.name.as_str(), web.port), ("web", Some(3000)));
        let check = web.health_check.as_ref().unwrap();
        assert_eq!(check.timeout_ms, 10_000);
        assert_eq!(web.env["DEBUG"], "true");
        assert_eq!(web.env["LEVEL"], "3");
        assert_eq!(api.depends_on, ["web"]);
        assert!(matches!(
            api.restart,
            RestartPolicy::OnFailure {
                max_restarts: 5,
                ..
            }
        ));
        assert_eq!(config.hooks.post_create.len(), 1);
        assert_eq!(config.hooks.post_start.len(), 2);
    }

    #[test]
    fn bad_files_are_refused_with_place_and_field() {
        let deep = format!("services: {}{}", "[".repeat(40), "]".repeat(40));
        let table = [
            ("servces: {}", "servces", "line 1"),
            (
                "name: x\nservices:\n  web:\n    comand: x\n",
                "comand",
                "line 4",
            ),
            ("services:\n  web:\n    port: 1\n", "command", "line"),
            (
                "services:\n  web:\n    command: x\n    port: many\n",
                "",
                "line 4",
            ),
            (
                "services:\n  web:\n    command: x\n    port: 70000\n",
                "",
                "line 4",
            ),
            (
                "services:\n  web:\n    command: x\n    port: 0\n",
                "port 0",
                "",
            ),
            ("services:\n  web:\n    command: ' '\n", "empty command", ""),
            ("services: [a]\n", "", "line 1"),
            (
                "services:\n  web:\n    command: x\n    health_check: {type: ping}\n",
                "ping",
                "line 4",
            ),
            (
                "services:\n  a:\n    command: x\n    health_check: {type: exec}\n",
                "without command",
                "",
            ),
            (
                "services:\n  a:\n    command: x\n    health_check: {type: http, path: x}\n",
                "path",
                "",
            ),
            (
                "services:\n  a:\n    command: x\n    health_check: {type: tcp, timeout: soon}\n",
                "soon",
                "line 4",
            ),
            (
                "services:\n  a:\n    command: x\n    restart: always\n",
                "always",
                "line 4",
            ),
            ("services:\n  a: &x\n    command: x\n  b: *x\n", "", "line"),
            ("a: [", "", "line"),
            (deep.as_str(), "", ""),
        ];
        for (text, word, place) in table {
            let error = parse(text).expect_err(text);
            assert_eq!(error.0.code, "config_invalid", "{text}");
            assert!(
                error.0.cause.contains(word) && error.0.cause.contains(place),
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn nothing_is_an_empty_config() {
        for text in ["", "\n", "# only a comment\n", "{}"] {
            assert_eq!(
                parse(text).unwrap(),
                RepositoryConfig::default(),
                "{text:?}"
            );
        }
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()).unwrap(), RepositoryConfig::default());
        assert_eq!(
            read(&directory.path().join("missing")).unwrap(),
            RepositoryConfig::default()
        );
    }

    #[test]
    fn a_link_out_of_the_clone_and_a_huge_file_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let nexus = directory.path().join(".nexus");
        std::fs::create_dir(&nexus).unwrap();
        let path = nexus.join("config.yaml");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(
            read(directory.path()).unwrap_err().0.code,
            "config_unreadable"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        assert_eq!(
            read(directory.path()).unwrap_err().0.code,
            "config_too_large"
        );
    }

    #[test]
    fn spans_have_units_and_bounds() {
        for (text, span) in [
            ("10s", 10_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("3", 3_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(Span::parse(text), Some(Span(span)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "10 s",
            "0s",
            "25h",
            "99999999999999999999s",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
