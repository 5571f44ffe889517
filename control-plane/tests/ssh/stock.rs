//! Stock OpenSSH, trusting nobody but the authority, with one key and no configuration.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use nexus_init_protocol::Client;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::inits::PATIENCE;
use crate::keys::KeyPair;

/// Whom a client trusts.
pub(crate) struct Known {
    folder: tempfile::TempDir,
}

impl Known {
    /// Every host this authority vouches for.
    pub(crate) fn authority(line: &str) -> Self {
        let known = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(known.path(), format!("@cert-authority * {line}\n")).unwrap();
        known
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }
}

/// How the client is called.
#[derive(Debug, Clone)]
pub(crate) struct Stock {
    configuration: PathBuf,
    arguments: Vec<String>,
    _folder: std::sync::Arc<tempfile::TempDir>,
}

impl Stock {
    /// A file of configuration, since a jump takes nothing else over.
    pub(crate) fn new(key: &KeyPair, known: &Known) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("config");
        let text = format!(
            "BatchMode yes\nIdentitiesOnly yes\nIdentityFile {}\nUserKnownHostsFile {}\n\
             GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\nLogLevel INFO\n\
             IdentityAgent none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            key.private().display(),
            known.path().display()
        );
        std::fs::write(&configuration, text).unwrap();
        Self {
            configuration,
            arguments: Vec::new(),
            _folder: std::sync::Arc::new(folder),
        }
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(crate) fn port(self, port: u16) -> Self {
        self.with(&["-p", &port.to_string()])
    }

    /// The name the host has to prove.
    pub(crate) fn alias(self, name: &str) -> Self {
        self.with(&["-o", &format!("HostKeyAlias={name}")])
    }

    pub(crate) fn command(&self, host: &str, remote: &str) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(&self.configuration);
        command.args(&self.arguments).arg(host);
        if !remote.is_empty() {
            command.arg(remote);
        }
        command.env_remove("SSH_AUTH_SOCK").kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, host: &str, remote: &str) -> Output {
        let mut command = self.command(host, remote);
        let running = command.stdin(Stdio::null()).output();
        let ran = tokio::time::timeout(PATIENCE, running).await;
        ran.expect("it takes too long").unwrap()
    }

    /// A command that goes on until its input ends.
    pub(crate) async fn session(&self, host: &str, remote: &str) -> Session {
        let mut command = self.command(host, remote);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let input = child.stdin.take();
        Session {
            child,
            output,
            input,
            _stock: self.clone(),
        }
    }
}

/// A running client.
pub(crate) struct Session {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    input: Option<ChildStdin>,
    /// Its files are read as it goes.
    _stock: Stock,
}

impl Session {
    /// Waits for the next line, which has to be this one.
    pub(crate) async fn line(&mut self, wanted: &str) {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let line = line.expect("it takes too long").unwrap();
        if line.as_deref() != Some(wanted) {
            let mut said = String::new();
            if let Some(mut stderr) = self.child.stderr.take() {
                use tokio::io::AsyncReadExt as _;
                let reading = stderr.read_to_string(&mut said);
                let _partly = tokio::time::timeout(Duration::from_secs(1), reading).await;
            }
            panic!("{line:?} instead of {wanted:?}: {said}");
        }
    }

    /// Types a line.
    pub(crate) async fn say(&mut self, line: &str) {
        use tokio::io::AsyncWriteExt as _;
        let input = self.input.as_mut().expect("it is open until the end");
        input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Waits until the client has ended, and gives its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it goes on").unwrap().code()
    }
}

/// A port that leads to the SSH server of an init.
pub(crate) async fn serve_ssh(client: Client) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                if let Ok(mut ssh) = client.ssh().await {
                    let _ended = tokio::io::copy_bidirectional(&mut tcp, &mut ssh).await;
                }
            });
        }
    });
    port
}
