//! What one connection to the jump host may do: log in, open channels to workspaces, and be told
//! that there is no shell here.

use std::sync::Arc;

use russh::keys::Certificate;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};

use super::guests::Guest;
use super::listen::Inside;
use super::route;
use super::welcome::Login;

/// The name everybody logs in under: who they are follows from the key.
const LOGIN_NAME: &str = "nexus";

/// One connection.
pub(super) struct JumpHandler {
    inside: Arc<Inside>,
    guest: Arc<Guest>,
}

impl JumpHandler {
    pub(super) const fn new(inside: Arc<Inside>, guest: Arc<Guest>) -> Self {
        Self { inside, guest }
    }

    /// Lets in, or not, who has proved to have what is shown.
    fn admit(&self, name: &str, login: Option<Login>) -> Auth {
        let Some(login) = login.filter(|_| name == LOGIN_NAME) else {
            return Auth::reject();
        };
        self.guest.log_in(login.clone());
        // A removal that came in between has not seen this login.
        if self.inside.welcome.may_stay(&login) {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    /// No shell: one line says so.
    fn advise(&self, channel: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        session.extended_data(channel, 1, self.inside.advice.clone().into_bytes())?;
        session.exit_status_request(channel, 1)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

impl Handler for JumpHandler {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        name: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        if name == LOGIN_NAME && self.inside.welcome.may_try(&offer) {
            Ok(Auth::Accept)
        } else {
            Ok(Auth::reject())
        }
    }

    async fn auth_publickey(
        &mut self,
        name: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let login = self.inside.welcome.by_key(key.public_key);
        Ok(self.admit(name, login))
    }

    async fn auth_openssh_certificate(
        &mut self,
        name: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        let login = self.inside.welcome.by_certificate(certificate);
        Ok(self.admit(name, login))
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from_host: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(login) = self.guest.login() else {
            reply
                .reject(ChannelOpenFailure::AdministrativelyProhibited)
                .await;
            return Ok(());
        };
        let Ok(room) = Arc::clone(&self.guest.channels).try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        let (app, host) = (self.inside.app.clone(), host.to_owned());
        tokio::spawn(async move {
            match route::open(&app, &login, &host, port).await {
                Ok(stream) => {
                    reply.accept().await;
                    route::carry(stream, channel).await;
                }
                Err(refusal) => reply.reject(refusal).await,
            }
            drop(room);
        });
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.advise(channel, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.advise(channel, session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
