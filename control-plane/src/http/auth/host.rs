//! The `Host` check: a page whose name was pointed at this machine (DNS rebinding) speaks to us
//! under its own name, and that is how it is known.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use nexus_events::problem::ProblemCode;

use crate::http::error::Refusal;

/// The names this server answers to over TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostNames(Vec<String>);

impl HostNames {
    /// The loopback names, and `others`.
    pub fn loopback_and(others: impl IntoIterator<Item = String>) -> Self {
        let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self(
            loopback
                .into_iter()
                .chain(others)
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        )
    }

    /// The `Host` of a request, where it is one of ours.
    ///
    /// # Errors
    /// `FORBIDDEN`, naming the header, for any other, none or more than one.
    pub(super) fn check<'h>(&self, headers: &'h HeaderMap) -> Result<&'h str, Refusal> {
        let mut given = headers.get_all(HOST).iter();
        let (host, more) = (
            given.next().and_then(|value| value.to_str().ok()),
            given.next(),
        );
        match host {
            Some(host) if more.is_none() && self.knows(name_of(host)) => Ok(host),
            _ => Err(self.refuse(host)),
        }
    }

    fn knows(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn refuse(&self, host: Option<&str>) -> Refusal {
        let host: String = host.unwrap_or_default().escape_debug().take(100).collect();
        let cause = format!("`{host}` is no name of this server");
        let hint = format!("use one of its names: {}", self.0.join(", "));
        Refusal::new(ProblemCode::Forbidden, format!("Host: {cause}"), hint).naming("Host", cause)
    }
}

/// The host without its port; an IPv6 address keeps its brackets.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, host.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        let names = HostNames::loopback_and(["nexus.example.com".into()]);
        for host in [
            "localhost",
            "LOCALHOST:3001",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:3001",
            "nexus.example.com",
        ] {
            assert!(names.check(&headers(&[host])).is_ok(), "{host}");
        }
        for hosts in [
            &[][..],
            &["evil.example:3001"],
            &["localhost.evil.example"],
            &["evil.example#localhost"],
            &["127.0.0.2"],
            &["::1"],
            &["localhost:"],
            &["localhost:3001:1"],
            &["user@localhost"],
            &["localhost", "evil.example"],
        ] {
            let refusal = names.check(&headers(hosts)).expect_err("it is refused");
            assert_eq!(refusal.problem().errors[0].field, "Host", "{hosts:?}");
        }
    }
}
