//! How editors that work on a remote host come in (the start-up of VS Code's Remote-SSH): a script
//! into `ssh -T HOST sh` starts a server on a port of its own choice that outlives the channel and
//! says which; a second channel of the same connection forwards to it. The connection drops, a new
//! one finds the same server.

use anyhow::{Context as _, ensure};
use nexus_tests::plane::Plane;
use nexus_tests::ssh::{Host, Master, feed, free_port};
use nexus_tests::ways::{self, WAYS};
use nexus_tests::{require, ssh, tool};
use tokio::net::TcpStream;

use super::channels::{returned, through_socks};
use super::{NO_OPENSSH, make};

/// Starts the server unless it runs, waits for its port, and tells it between two markers.
const START: &str = r#"
set -e
folder=$HOME/.editor-server
mkdir -p "$folder"
if ! [ -s "$folder/pid" ] || ! kill -0 "$(cat "$folder/pid")" 2>/dev/null; then
  rm -f "$folder/port"
  cat > "$folder/server.py" <<'END'
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"editor %d" % os.getpid()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
with open(sys.argv[1] + "/port.new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
server.serve_forever()
END
  nohup python3 "$folder/server.py" "$folder" > "$folder/log" 2>&1 < /dev/null &
  echo $! > "$folder/pid"
fi
tries=0
while ! [ -s "$folder/port" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
echo "a token: start"
echo "listeningOn==$(cat "$folder/port")=="
echo "pid==$(cat "$folder/pid")=="
echo "a token: end"
"#;

#[tokio::test]
async fn an_editor_starts_its_server_and_finds_it_again() -> anyhow::Result<()> {
    const TEST: &str = "an_editor_starts_its_server_and_finds_it_again";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    let plane = Plane::start("process").await?;
    let workspace = make(&plane, "editor", "process").await?;
    let mut first = None;
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        let found = visit(&host).await.with_context(|| way.name())?;
        let known = first.get_or_insert_with(|| found.clone());
        ensure!(*known == found, "another server answers by {}", way.name());
    }
    Ok(())
}

#[tokio::test]
async fn an_agent_is_reachable_only_when_asked_for() -> anyhow::Result<()> {
    const TEST: &str = "an_agent_is_reachable_only_when_asked_for";
    require!(TEST, ssh::is_installed(), NO_OPENSSH);
    let plane = Plane::start("process").await?;
    let workspace = make(&plane, "agent", "process").await?;
    let agent = Agent::start(&plane).await?;
    for way in WAYS {
        let host = ways::host(&plane, workspace, way, &plane.key).await?;
        let list = |options: &[&str]| {
            let mut ssh = host.ssh(options, &["ssh-add -l; echo ${SSH_AUTH_SOCK:-none}"]);
            ssh.env("SSH_AUTH_SOCK", &agent.socket);
            tool::finish(ssh)
        };
        let without = list(&["-a"]).await?.stdout;
        ensure!(without.trim() == "none", "{}: {without}", way.name());
        let with = list(&["-A"]).await?.stdout;
        ensure!(with.contains("ED25519"), "{}: {with}", way.name());
    }
    Ok(())
}

/// One visit: the server's process id, as it says itself through the forwarding.
async fn visit(host: &Host) -> anyhow::Result<String> {
    let master = host.master(&[]).await?;
    let output = feed(master.ssh(&["-T"], &["sh"]), START.as_bytes()).await?;
    ensure!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let port: u16 = told(&text, "listeningOn")?.parse()?;
    let pid = told(&text, "pid")?;
    let by_port = through_forward(&master, port).await?;
    let by_proxy = through_proxy(&master, port).await?;
    for answer in [by_port, by_proxy] {
        ensure!(answer.ends_with(&format!("editor {pid}")), "{answer}");
    }
    master.close().await?;
    Ok(pid)
}

fn told(text: &str, what: &str) -> anyhow::Result<String> {
    let (_, rest) = text
        .split_once(&format!("{what}=="))
        .with_context(|| format!("no {what} in {text}"))?;
    Ok(rest.split("==").next().unwrap_or_default().to_owned())
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn through_forward(master: &Master, port: u16) -> anyhow::Result<String> {
    let near = free_port()?;
    let rule = format!("127.0.0.1:{near}:127.0.0.1:{port}");
    master.forward(&["-L", &rule]).await?;
    let stream = TcpStream::connect(("127.0.0.1", near)).await?;
    Ok(String::from_utf8(returned(stream, ASK.to_vec()).await?)?)
}

async fn through_proxy(master: &Master, port: u16) -> anyhow::Result<String> {
    let socks = free_port()?;
    master
        .forward(&["-D", &format!("127.0.0.1:{socks}")])
        .await?;
    let stream = through_socks(socks, port).await?;
    Ok(String::from_utf8(returned(stream, ASK.to_vec()).await?)?)
}

/// A running `ssh-agent` that holds the person's key.
struct Agent {
    _child: tokio::process::Child,
    socket: std::path::PathBuf,
}

impl Agent {
    async fn start(plane: &Plane) -> anyhow::Result<Self> {
        let socket = plane.home().join("agent.sock");
        let child = tokio::process::Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let agent = Self {
            _child: child,
            socket,
        };
        let added = async {
            loop {
                let mut add = tokio::process::Command::new("ssh-add");
                add.arg("-q")
                    .arg(&plane.key)
                    .env("SSH_AUTH_SOCK", &agent.socket);
                if tool::finish(add).await?.code == Some(0) {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), added)
            .await
            .context("the agent does not take the key")??;
        Ok(agent)
    }
}
