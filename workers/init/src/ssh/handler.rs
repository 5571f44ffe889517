//! What one SSH connection may do.
//!
//! Requests are answered here, in the order they come; the work of a channel is done by its own task,
//! which gets the same requests through the channel.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Pty};

use super::{forward, session};
use crate::workspace::Workspace;

/// Channels of one connection at the same time.
const MAX_CHANNELS: usize = 64;

/// One connection.
pub(super) struct SshHandler {
    workspace: Arc<Workspace>,
    is_known: Arc<AtomicBool>,
    channels: usize,
    listeners: HashMap<(String, u32), forward::Listener>,
}

impl SshHandler {
    pub(super) fn new(workspace: Arc<Workspace>, is_known: Arc<AtomicBool>) -> Self {
        Self {
            workspace,
            is_known,
            channels: 0,
            listeners: HashMap::new(),
        }
    }

    /// Whether the plan lets this key in as this user. The type of key is compared with the rest of
    /// it; certificates are not keys and are refused.
    fn lets_in(&self, user: &str, key: &PublicKey) -> bool {
        let context = self.workspace.context();
        let known = context.authorized_keys.iter().filter_map(|line| {
            let key = PublicKey::from_openssh(line.trim()).ok()?;
            Some(key.key_data().clone())
        });
        user == context.account.name && known.into_iter().any(|known| known == *key.key_data())
    }

    fn decide(&self, user: &str, key: &PublicKey) -> Auth {
        match self.lets_in(user, key) {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }

    /// Takes or refuses one more channel.
    fn has_room(&mut self) -> bool {
        let has_room = self.channels < MAX_CHANNELS;
        self.channels += usize::from(has_room);
        has_room
    }
}

impl Handler for SshHandler {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.decide(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.decide(user, key.public_key))
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        self.is_known.store(true, Relaxed);
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        connection: &mut Session,
    ) -> Result<(), Self::Error> {
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        reply.accept().await;
        tokio::spawn(session::serve(
            self.workspace.clone(),
            connection.handle(),
            channel,
        ));
        Ok(())
    }

    async fn channel_close(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels = self.channels.saturating_sub(1);
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

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match session::is_allowed_variable(name) {
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
        match name == session::SFTP {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.workspace.context().allow_agent_forwarding)
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
        if !self.has_room() {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let target = (host.to_owned(), port);
        tokio::spawn(forward::to_inside(
            self.workspace.clone(),
            target,
            channel,
            reply,
        ));
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        if self.listeners.len() >= forward::MAX_LISTENERS {
            return Ok(false);
        }
        let is_root = self.workspace.context().account.uid == 0;
        let wanted = (address.to_owned(), *port);
        let listening =
            forward::Listener::start(self.workspace.clone(), session.handle(), wanted, is_root);
        match listening.await {
            Ok((listener, bound)) => {
                *port = bound;
                self.listeners.insert((address.to_owned(), bound), listener);
                Ok(true)
            }
            Err(error) => {
                tracing::debug!(%error, "a forwarded port could not be opened");
                Ok(false)
            }
        }
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.listeners.remove(&(address.to_owned(), port)).is_some())
    }
}
