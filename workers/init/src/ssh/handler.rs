//! What one SSH connection may do.
//!
//! Requests are answered here, in the order they come; the work of a channel is done by its own task,
//! which gets the same requests through the channel.

use std::collections::HashMap;
use std::sync::Arc;

use russh::keys::Certificate;
use russh::server::{
    Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};

use super::clients::{ChannelSlot, Client};
use super::listener::{self, Listener, Place};
use super::{forward, session, start};
use crate::access::Login;
use crate::workspace::Workspace;

/// One connection.
pub(super) struct SshHandler {
    workspace: Arc<Workspace>,
    client: Arc<Client>,
    listeners: HashMap<Place, Listener>,
}

impl SshHandler {
    pub(super) fn new(workspace: Arc<Workspace>, client: Arc<Client>) -> Self {
        Self {
            workspace,
            client,
            listeners: HashMap::new(),
        }
    }

    fn is_work_user(&self, user: &str) -> bool {
        user == self.workspace.context().account.name
    }

    /// Whether a key may be tried: nothing is proved yet.
    fn may_try(&self, user: &str, offer: &PublicKeyOffer<'_>) -> bool {
        let policy = self.workspace.access.policy();
        self.is_work_user(user) && policy.may_try(offer.public_key.key_data(), offer.algorithm)
    }

    /// Lets in, or not, one who has proved to hold what is shown.
    fn admit(&self, user: &str, login: Login) -> Auth {
        if !self.is_work_user(user) || !self.workspace.access.policy().lets_in(&login) {
            return Auth::reject();
        }
        self.client.log_in(login.clone());
        // A document that came in between has not seen this login.
        match self.workspace.access.policy().keeps(&login) {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }

    /// The slot of one more channel, or the reason why there is none.
    fn open(&self, is_permitted: bool) -> Result<ChannelSlot, ChannelOpenFailure> {
        if !is_permitted {
            return Err(ChannelOpenFailure::AdministrativelyProhibited);
        }
        let slot = self.client.open_channel();
        slot.ok_or(ChannelOpenFailure::ResourceShortage)
    }

    /// Connects a channel to something inside, when forwarding is permitted.
    async fn forward(
        &self,
        target: forward::Target,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
    ) {
        match self.open(self.client.permits().forwarding) {
            Err(reason) => reply.reject(reason).await,
            Ok(slot) => {
                let workspace = self.workspace.clone();
                tokio::spawn(forward::to_inside(workspace, slot, target, channel, reply));
            }
        }
    }

    /// Opens a listener inside that leads to the client; its port, when it is one.
    async fn listen(&mut self, place: Place, handle: Handle) -> Option<u32> {
        if self.listeners.len() >= listener::MAX_LISTENERS || !self.client.permits().forwarding {
            return None;
        }
        let client = self.client.clone();
        match Listener::start(self.workspace.clone(), client, handle, place.clone()).await {
            Ok((listener, port)) => {
                self.listeners.insert(place.bound_to(port), listener);
                Some(port)
            }
            Err(error) => {
                tracing::debug!(%error, "a forwarded place could not be opened");
                None
            }
        }
    }
}

impl Handler for SshHandler {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(match self.may_try(user, &offer) {
            true => Auth::Accept,
            false => Auth::reject(),
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.admit(user, Login::Key(key.public_key.key_data().clone())))
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        Ok(self.admit(user, Login::Certificate(Box::new(certificate.clone()))))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        connection: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.open(true) {
            Err(reason) => reply.reject(reason).await,
            Ok(slot) => {
                reply.accept().await;
                let (workspace, handle) = (self.workspace.clone(), connection.handle());
                tokio::spawn(session::serve(workspace, slot, handle, channel));
            }
        }
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
        match self.client.permits().terminal {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match start::is_allowed_variable(name) {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match name == start::SFTP {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.workspace.access.policy().allows_agent() && self.client.permits().agent)
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
        let target = forward::Target::Host(host.to_owned(), port);
        self.forward(target, channel, reply).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let target = forward::Target::Socket(socket_path.to_owned());
        self.forward(target, channel, reply).await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let place = Place::Port(address.to_owned(), *port);
        let bound = self.listen(place, session.handle()).await;
        *port = bound.unwrap_or(*port);
        Ok(bound.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let place = Place::Port(address.to_owned(), port);
        Ok(self.listeners.remove(&place).is_some())
    }

    async fn streamlocal_forward(
        &mut self,
        socket_path: &str,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let place = Place::Socket(socket_path.to_owned());
        Ok(self.listen(place, session.handle()).await.is_some())
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        socket_path: &str,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let place = Place::Socket(socket_path.to_owned());
        Ok(self.listeners.remove(&place).is_some())
    }
}
