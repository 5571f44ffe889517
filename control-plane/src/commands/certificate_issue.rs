//! Issue certificate: our word, for a while, that whoever has a key may log in to workspaces.
//!
//! A certificate cannot be taken back, so it is short, names its workspaces, and is recorded: when
//! its key is removed or its token revoked, the workspaces are told to refuse it.

use jiff::{SignedDuration, Timestamp};
use nexus_events::id::{TokenId, UserId, WorkspaceId};
use nexus_events::user::{Certified, MOST_CERTIFICATE_TIME, UserCommand};
use nexus_events::view::{CertificateReply, CertificateRequest};
use russh::keys::Algorithm;

use super::public_key::PublicKey;
use super::{CommandError, Commands, RequestContext, Written};
use crate::identity::Identity;
use crate::queries::{QueryError, WorkspaceRef};
use crate::ssh::UserCertificate;

/// How long a certificate lasts unless told.
const USUAL_TIME: SignedDuration = SignedDuration::from_hours(1);
/// The shortest that makes sense, in seconds.
const LEAST_SECONDS: u32 = 30;
/// OpenSSH reads no certificate with more names.
const MOST_PRINCIPALS: usize = 256;

impl Commands {
    /// Certifies a public key for one workspace, or for all of the caller's.
    ///
    /// The certificate is in the name of whose workspaces they are: of the asker, or, where an
    /// administrator names somebody else's workspace, of its owner.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn issue_certificate(
        &self,
        identity: &Identity,
        request: CertificateRequest,
        context: &RequestContext,
    ) -> Result<Written<CertificateReply>, CommandError> {
        let (key, fingerprint) = certifiable(&request.public_key)?;
        let time = time_wanted(request.valid_seconds)?;
        let (user, principals) = self.opens(identity, request.workspace.as_deref())?;
        let token = own_token(identity, user);
        let valid_before = self.ends(identity, token, context.now, time)?;
        let certified = Certified {
            token,
            valid_before,
        };
        let command = UserCommand::IssueCertificate {
            fingerprint,
            certified,
            at: context.now,
        };
        let event = context.new_event(identity);
        let wanted = UserCertificate {
            user,
            public_key: key,
            principals: principals.clone(),
            serial: event.id.uuid().as_u64_pair().1,
            now: context.now,
            valid_before,
        };
        let outcome = self.on_user(user, &command, event).await?;
        if let Some(key) = self.sealer.key(user).await? {
            let directory = &self.queries.directory;
            directory.note(user, &outcome.snapshot.state, &key);
        }
        let certificate = self.authorities.certify_user(&wanted);
        let certificate = certificate.and_then(|certificate| Ok(certificate.to_openssh()?));
        Ok(Written {
            value: CertificateReply {
                certificate: certificate.map_err(|error| CommandError::Inside(error.into()))?,
                valid_before,
                principals,
            },
            sequence: outcome.snapshot.sequence,
        })
    }

    /// Whose workspaces a certificate is asked for, and which.
    fn opens(
        &self,
        identity: &Identity,
        workspace: Option<&str>,
    ) -> Result<(UserId, Vec<WorkspaceId>), CommandError> {
        if let Some(text) = workspace {
            let none = || QueryError::not_found("workspace", text.escape_debug());
            let reference: WorkspaceRef = text.parse().map_err(|_| none())?;
            let (id, record) = self.queries.find(identity, &reference)?;
            let definition = record.state.definition.ok_or_else(none)?;
            return Ok((definition.owner, vec![id]));
        }
        let user = identity.user().ok_or_else(|| {
            CommandError::field("workspace", "the operator has none: name the one to open")
        })?;
        let all = self.queries.workspace_ids_of(user)?;
        match all.len() {
            0 => Err(CommandError::field("workspace", "you have none to open")),
            count if count > MOST_PRINCIPALS => {
                let cause = format!("you have more than {MOST_PRINCIPALS}: name the one to open");
                Err(CommandError::field("workspace", cause))
            }
            _ => Ok((user, all)),
        }
    }

    /// A certificate does not outlive the token it was asked for with.
    fn ends(
        &self,
        identity: &Identity,
        token: Option<TokenId>,
        now: Timestamp,
        time: SignedDuration,
    ) -> Result<Timestamp, CommandError> {
        let wanted = now.saturating_add(time).unwrap_or(Timestamp::MAX);
        let tokens = self.queries.tokens(identity)?.items;
        let ends = tokens
            .iter()
            .find(|known| Some(known.id) == token)
            .and_then(|known| known.expires_at);
        Ok(ends.map_or(wanted, |ends| ends.min(wanted)))
    }
}

/// The token, where revoking it concerns the very user the certificate is recorded at.
fn own_token(identity: &Identity, user: UserId) -> Option<TokenId> {
    match identity {
        Identity::Operator => None,
        Identity::User { id, token, .. } => (*id == user).then_some(*token),
    }
}

fn time_wanted(seconds: Option<u32>) -> Result<SignedDuration, CommandError> {
    let Some(seconds) = seconds else {
        return Ok(USUAL_TIME);
    };
    let time = SignedDuration::from_secs(seconds.into());
    if seconds < LEAST_SECONDS || time > MOST_CERTIFICATE_TIME {
        let most = MOST_CERTIFICATE_TIME.as_secs();
        let cause = format!("from {LEAST_SECONDS} to {most} seconds");
        return Err(CommandError::field("valid_seconds", cause));
    }
    Ok(time)
}

/// Only plain keys of exactly these kinds: no certificate is nested in another, and no kind is
/// taken for another that looks like it.
fn certifiable(line: &str) -> Result<(russh::keys::PublicKey, String), CommandError> {
    let refuse = |cause: String| CommandError::field("public_key", cause);
    let checked: PublicKey = line.parse().map_err(|error| refuse(format!("{error}")))?;
    let key = russh::keys::PublicKey::from_openssh(&checked.line)
        .map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::Rsa { .. } => {
            Ok((key, checked.fingerprint))
        }
        other => Err(refuse(format!(
            "`{other}` is not certified: take ed25519, ECDSA or RSA"
        ))),
    }
}
