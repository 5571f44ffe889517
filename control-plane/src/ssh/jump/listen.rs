//! Where the jump host listens, and what every connection is greeted with.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::Algorithm;
use russh::server::Config;
use russh::{MethodKind, MethodSet, Preferred, SshId};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::guests::{Entered, Guest, Guests};
use super::handler::JumpHandler;
use super::welcome::{self, Welcome};
use crate::app::App;
use crate::ssh::AuthorityError;
use crate::ssh::authority::host_certificate_period;

/// The port unless told.
const USUAL_PORT: u16 = 3022;
/// The name the host certificate carries besides the server's own.
const NAME: &str = "nexus-jump";
/// Time to log in.
const LOGIN_GRACE: Duration = Duration::from_secs(30);
/// Tries to log in.
const MOST_TRIES: usize = 6;
/// Every refused try takes this long, whatever the reason.
const REJECTION_TIME: Duration = Duration::from_millis(300);
/// A silent peer is asked this often, and given up after ten times without an answer.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The pause when the system has no descriptor left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the jump host is to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SshListen {
    /// Port 3022 of loopback; when that is taken, any free one.
    #[default]
    Usual,
    /// Here and nowhere else.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl FromStr for SshListen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Usual),
            "off" => Ok(Self::Off),
            address => address.parse().map(Self::At).map_err(|_| {
                format!("`{address}` is neither `auto`, `off` nor an address as in 127.0.0.1:3022")
            }),
        }
    }
}

/// Why the jump host does not serve.
#[derive(Debug, thiserror::Error)]
pub enum JumpHostError {
    /// The address cannot be had.
    #[error("listening for SSH on {address}: choose another with --ssh-listen, or `off`")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Its host certificate was not signed.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

/// A jump host that listens.
#[derive(Debug)]
pub struct JumpHost {
    listener: TcpListener,
    inside: Arc<Inside>,
}

/// What its connections share.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) app: App,
    pub(super) guests: Guests,
    pub(super) welcome: Welcome,
    /// What it says to whoever asks for a shell.
    pub(super) advice: String,
    greeting: Mutex<Option<(i64, Arc<Config>)>>,
}

impl JumpHost {
    /// Listens as told and tells `app` where; `None` when it is not to.
    ///
    /// # Errors
    /// See [`JumpHostError`].
    pub async fn bind(wanted: SshListen, app: App) -> Result<Option<Self>, JumpHostError> {
        let Some(listener) = listen(wanted).await? else {
            return Ok(None);
        };
        let mut advice = "Nexus: this is the jump host, which has no shell. ".to_owned();
        if let Ok(address) = listener.local_addr() {
            app.note_jump_host(address);
            let jump = format!("nexus@{}:{}", address.ip(), address.port());
            advice.push_str(&format!("Log in with: ssh -J {jump} dev@WORKSPACE\r\n"));
        }
        let inside = Inside {
            welcome: Welcome::new(&app),
            guests: Guests::default(),
            greeting: Mutex::default(),
            advice,
            app,
        };
        // Now, so that a key that cannot sign is an error of the start.
        inside.greeting()?;
        let inside = Arc::new(inside);
        Ok(Some(Self { listener, inside }))
    }

    /// Serves until told to stop; open connections end then.
    pub async fn serve(self, stop: CancellationToken) {
        let showing_out = tokio::spawn(welcome::follow(Arc::clone(&self.inside), stop.clone()));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(serve(Arc::clone(&self.inside), stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting an SSH connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        self.inside.guests.cut_all();
        // It ends by the same token.
        let _ = showing_out.await;
    }
}

async fn listen(wanted: SshListen) -> Result<Option<TcpListener>, JumpHostError> {
    let bind = |address: SocketAddr| async move {
        let bound = TcpListener::bind(address).await;
        bound.map_err(|source| JumpHostError::Listen { address, source })
    };
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match wanted {
        SshListen::Off => Ok(None),
        SshListen::At(address) => bind(address).await.map(Some),
        SshListen::Usual => match bind(loopback(USUAL_PORT)).await {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => {
                tracing::warn!(%error, "another port is taken for the jump host");
                bind(loopback(0)).await.map(Some)
            }
        },
    }
}

/// One connection, from the first byte to the last.
async fn serve(inside: Arc<Inside>, stream: TcpStream, peer: SocketAddr) {
    // Keystrokes do not wait for company; without it they are only slower.
    let _ = stream.set_nodelay(true);
    let entered = match inside.guests.enter(stream, peer.ip()) {
        Ok(entered) => entered,
        Err(error) => {
            tracing::warn!(%error, "an SSH connection was not taken");
            return;
        }
    };
    if let Err(error) = log_in(Arc::clone(&inside), &entered).await {
        tracing::debug!(%error, "an SSH connection ended badly");
    }
}

async fn log_in(inside: Arc<Inside>, entered: &Entered<'_>) -> anyhow::Result<()> {
    let guest: &Arc<Guest> = &entered.guest;
    let deadline = tokio::time::Instant::now() + LOGIN_GRACE;
    let config = inside.greeting()?;
    let handler = JumpHandler::new(Arc::clone(&inside), Arc::clone(guest));
    let starting = russh::server::run_stream(config, guest.stream(), handler);
    let Ok(session) = tokio::time::timeout_at(deadline, starting).await else {
        return Ok(());
    };
    let mut session = session?;
    guest.reached_by(session.handle());
    tokio::select! {
        ended = &mut session => return Ok(ended?),
        known = tokio::time::timeout_at(deadline, guest.logged_in()) => {
            if known.is_err() {
                guest.cut();
            }
        }
    }
    Ok(session.await?)
}

impl Inside {
    /// What a connection is greeted with; the host certificate in it is renewed in time.
    fn greeting(&self) -> Result<Arc<Config>, AuthorityError> {
        let now = self.app.now();
        let period = host_certificate_period(now);
        let mut kept = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, config)) = kept.as_ref().filter(|(known, _)| *known == period) {
            return Ok(Arc::clone(config));
        }
        let authorities = self.app.authorities();
        let key = authorities.jump_host_key().clone();
        let mut names = vec![NAME.to_owned(), self.app.settings().public_host.clone()];
        names.extend(["127.0.0.1", "::1", "localhost"].map(str::to_owned));
        let certificate = authorities.certify_host(key.public_key(), NAME, &names, now)?;
        let config = Arc::new(Config {
            server_id: SshId::Standard("SSH-2.0-nexus".into()),
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: REJECTION_TIME,
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key],
            preferred: preferred(),
            certificates: vec![certificate],
            max_auth_attempts: MOST_TRIES,
            inactivity_timeout: None,
            keepalive_interval: Some(KEEPALIVE),
            keepalive_max: 10,
            ..Config::default()
        });
        *kept = Some((period, Arc::clone(&config)));
        Ok(config)
    }
}

/// What clients are told they may sign with: everything but RSA over SHA-1.
fn preferred() -> Preferred {
    let all = Preferred::DEFAULT.key;
    let is_sound = |algorithm: &&Algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None });
    Preferred {
        key: Cow::Owned(all.iter().filter(is_sound).cloned().collect()),
        ..Preferred::DEFAULT
    }
}
