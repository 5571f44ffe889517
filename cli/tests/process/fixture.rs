//! A server on a unix socket (or a port) that answers from a closure and remembers what it was
//! asked, and the program run against it in a home of its own.

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What the program asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A value of the query, as it was sent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// How a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// The connection breaks before the promised end.
    Cut,
    /// The connection stays open until the program closes it.
    Held,
}

/// What the server answers.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::text(200, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.into())],
            body: body.into(),
            end: End::Whole,
        }
    }

    pub(crate) fn lines(lines: &[Value]) -> Self {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Self::text(200, "application/x-ndjson", body)
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn ending(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A home with a server in it.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fixture {
    /// A home whose server answers with `answer`.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let fixture = Self::without_server();
        let listener = UnixListener::bind(fixture.home().join("daemon.sock")).unwrap();
        let (asked, answer) = (fixture.asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let writer = stream.try_clone().unwrap();
                serve(stream, writer, asked.clone(), answer.clone());
            }
        });
        fixture
    }

    /// The same over TCP; the second value is the server's address.
    pub(crate) fn over_tcp(
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> (Self, String) {
        let fixture = Self::without_server();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answer) = (fixture.asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let writer = stream.try_clone().unwrap();
                serve(stream, writer, asked.clone(), answer.clone());
            }
        });
        (fixture, address)
    }

    /// Where the server's connections are remembered.
    pub(crate) fn remembered(&self) -> Arc<Mutex<Vec<Asked>>> {
        self.asked.clone()
    }

    /// A home where nobody answers.
    pub(crate) fn without_server() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("nexus", 0o700), ("bin", 0o755), (".ssh", 0o700)] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Self {
            folder,
            asked: Arc::default(),
        }
    }

    /// `$NEXUS_HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("nexus")
    }

    /// `$HOME`.
    pub(crate) fn user_home(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a program of shell on the PATH.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.folder.path().join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Who typed before: commands then need not find that out.
    pub(crate) fn registered(self) -> Self {
        let session = self.home().join("session");
        std::fs::create_dir_all(&session).unwrap();
        let identity = r#"{"github_username": "jane", "github_id": 7}"#;
        std::fs::write(session.join("user.json"), identity).unwrap();
        self
    }

    /// The same with a key of theirs; its private half.
    pub(crate) fn registered_key(&self) -> PathBuf {
        let key = self.folder.path().join(".ssh/id_registered");
        std::fs::write(&key, "a private key, as far as is looked here").unwrap();
        let session = self.home().join("session");
        std::fs::create_dir_all(&session).unwrap();
        let identity = json!({"github_username": "jane", "github_id": 7, "private_key": key});
        std::fs::write(session.join("user.json"), identity.to_string()).unwrap();
        key
    }

    /// The program with these arguments, in this home and in nothing else of the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("NEXUS_HOME", self.home())
            .env("PATH", path)
            .env("USER", "jane")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Everything the server was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The first request of this method to this path.
    pub(crate) fn asked_for(&self, method: &str, path: &str) -> Asked {
        let asked = self.asked();
        let found = asked
            .iter()
            .find(|asked| asked.method == method && asked.path() == path);
        found
            .unwrap_or_else(|| panic!("no {method} {path} in {asked:#?}"))
            .clone()
    }
}

/// How the program ended, and what it said on either stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// The program ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// The three lines of an error, its parts, checked for their form.
    #[track_caller]
    pub(crate) fn error(&self) -> [&str; 3] {
        let lines: Vec<&str> = self.stderr.lines().rev().take(3).collect();
        let [next, why, what] = lines[..] else {
            panic!("not three lines: {self:#?}");
        };
        [
            what.strip_prefix("error: could not ")
                .unwrap_or_else(|| panic!("{self:#?}")),
            why.strip_prefix("  why: ")
                .unwrap_or_else(|| panic!("{self:#?}")),
            next.strip_prefix(" next: ")
                .unwrap_or_else(|| panic!("{self:#?}")),
        ]
    }
}

fn serve(
    reader: impl Read + Send + 'static,
    writer: impl Write + Send + 'static,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Answer>,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let Some(request) = read_request(&mut reader) else {
            return;
        };
        asked.lock().unwrap().push(request.clone());
        // The program may hang up first; then there is nobody to tell.
        let _ = send(reader, writer, &answer(&request));
    });
}

pub(crate) fn read_request(reader: &mut impl std::io::BufRead) -> Option<Asked> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut words = first.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        target,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

pub(crate) fn send(
    mut reader: impl Read,
    mut writer: impl Write,
    reply: &Reply,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Reason\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match reply.end {
        End::Whole => head.push_str(&format!("content-length: {}\r\n", reply.body.len())),
        End::Cut => head.push_str(&format!("content-length: {}\r\n", reply.body.len() + 1)),
        End::Held => {}
    }
    writer.write_all(format!("{head}\r\n").as_bytes())?;
    writer.write_all(&reply.body)?;
    writer.flush()?;
    if reply.end == End::Held {
        reader.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}
