//! The host names of previews: `<port>-<32 hex digits of the workspace's id>.<domain>`.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use nexus_events::id::WorkspaceId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One port of one workspace, as a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct HostName {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// The port inside; never 0.
    pub(crate) port: u16,
}

/// Port 0 is no port of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("0 is no port: name one from 1 to 65535")]
pub(crate) struct InvalidPort;

impl HostName {
    /// The host of `port` of `workspace`.
    pub(crate) fn new(workspace: WorkspaceId, port: u16) -> Result<Self, InvalidPort> {
        match port {
            0 => Err(InvalidPort),
            port => Ok(Self { workspace, port }),
        }
    }

    fn label(self) -> String {
        format!("{}-{}", self.port, self.workspace.uuid().simple())
    }

    fn of_label(label: &str) -> Option<Self> {
        let (port, workspace) = label.split_once('-')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(port) || port.starts_with('0') || workspace.len() != 32 {
            return None;
        }
        Some(Self {
            port: port.parse().ok()?,
            workspace: WorkspaceId::from_uuid(Uuid::try_parse(workspace).ok()?),
        })
    }
}

/// How previews are named.
#[derive(Debug)]
pub(super) struct Naming {
    domain: String,
    port: u16,
}

impl Naming {
    /// Under `domain`, reached at the API's own port.
    pub(super) fn new(domain: &str, port: u16) -> Self {
        let domain = domain.to_ascii_lowercase();
        Self { domain, port }
    }

    /// The preview a request is for, if its one `Host` names any.
    pub(super) fn named(&self, headers: &HeaderMap) -> Option<HostName> {
        let mut given = headers.get_all(HOST).iter();
        let host = given.next()?.to_str().ok()?;
        if given.next().is_some() {
            return None;
        }
        self.host_in(host)
    }

    /// The preview whose page a request comes from, by its `Origin`.
    pub(super) fn of_origin(&self, origin: &str) -> Option<HostName> {
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))?;
        self.host_in(host)
    }

    fn host_in(&self, authority: &str) -> Option<HostName> {
        let authority = authority.to_ascii_lowercase();
        let name = match authority.split_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => name,
            Some(_) => return None,
            None => authority.as_str(),
        };
        let label = name.strip_suffix(&self.domain)?.strip_suffix('.')?;
        HostName::of_label(label)
    }

    /// Where its pages come from.
    pub(super) fn origin(&self, host: HostName) -> String {
        let (label, domain) = (host.label(), &self.domain);
        match self.port {
            80 => format!("http://{label}.{domain}"),
            port => format!("http://{label}.{domain}:{port}"),
        }
    }

    /// Its first page.
    pub(super) fn url(&self, host: HostName) -> String {
        format!("{}/", self.origin(host))
    }
}

/// Reads any text; what names a preview is the host that is written so.
#[cfg(feature = "testing")]
pub(crate) fn read_host(text: &str) {
    let naming = Naming::new("preview.localhost", 3001);
    for found in [naming.host_in(text), naming.of_origin(text)]
        .into_iter()
        .flatten()
    {
        assert_ne!(found.port, 0);
        assert_eq!(naming.of_origin(&naming.origin(found)), Some(found));
        let bare = text.rsplit("//").next().unwrap_or_default();
        let label = bare.split('.').next().unwrap_or_default();
        assert_eq!(label.to_ascii_lowercase(), found.label(), "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostName {
        HostName::new(WorkspaceId::derived("a"), 3000).unwrap()
    }

    #[test]
    fn a_name_is_read_as_it_was_written_and_no_other_is() {
        let naming = Naming::new("Preview.localhost", 3001);
        let url = naming.url(host());
        assert!(url.starts_with("http://3000-") && url.ends_with(".preview.localhost:3001/"));
        let origin = naming.origin(host());
        assert_eq!(naming.of_origin(&origin), Some(host()));
        assert_eq!(
            naming.of_origin(&origin.to_ascii_uppercase().replace("HTTP", "http")),
            Some(host())
        );
        let name = origin.strip_prefix("http://").unwrap();
        let bare = name.strip_suffix(":3001").unwrap();
        assert_eq!(naming.host_in(bare), Some(host()));
        for wrong in [
            "localhost:3001".to_owned(),
            "preview.localhost".to_owned(),
            format!("{bare}.evil.example"),
            format!("x{name}"),
            format!("0{name}"),
            format!("a.{name}"),
            format!("{bare}:http"),
            format!("{bare}:3001:1"),
            bare.replacen("3000", "70000", 1),
            bare.replacen("3000-", "-", 1),
            bare.replace(".preview.", ".preview"),
        ] {
            assert_eq!(naming.host_in(&wrong), None, "{wrong}");
        }
        for wrong in ["null", "file://", "", bare] {
            assert_eq!(naming.of_origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_host_is_named_and_not_two() {
        let naming = Naming::new("preview.localhost", 3001);
        let name = naming.origin(host()).replace("http://", "");
        let mut headers = HeaderMap::new();
        assert_eq!(naming.named(&headers), None);
        headers.append(HOST, name.parse().unwrap());
        assert_eq!(naming.named(&headers), Some(host()));
        headers.append(HOST, name.parse().unwrap());
        assert_eq!(naming.named(&headers), None);
    }

    #[test]
    fn port_0_is_none() {
        assert!(HostName::new(WorkspaceId::derived("a"), 0).is_err());
    }
}
