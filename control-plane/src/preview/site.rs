//! Where a request comes from. Previews of different workspaces are one site to a browser, so its
//! rules for cookies alone do not keep a page of one away from the service of another.

use axum::http::header::{HeaderName, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method};

use super::HostName;
use super::host::Naming;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Whether a request at `host` may count for whoever the cookie names: it comes from a page of the
/// same workspace, from no page, or it is a person who follows a link.
pub(super) fn may_act(
    naming: &Naming,
    host: HostName,
    method: &Method,
    headers: &HeaderMap,
) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if origins.peek().is_some() {
        return origins.all(|origin| {
            let from = origin.to_str().ok().and_then(|text| naming.of_origin(text));
            from.is_some_and(|from| from.workspace == host.workspace)
        });
    }
    let only = |name: &HeaderName, value: &str| {
        let mut given = headers.get_all(name).iter();
        given.all(|given| given == value)
    };
    let site = headers.get(&SEC_FETCH_SITE).map(|value| value.as_bytes());
    match site {
        // No browser, or one that says nothing: then nothing is changed or taken over.
        None => method.is_safe() && !headers.contains_key(UPGRADE),
        Some(b"same-origin" | b"none") => {
            only(&SEC_FETCH_SITE, "same-origin") || only(&SEC_FETCH_SITE, "none")
        }
        // A link to it, opened as a page of its own.
        Some(_) => {
            method.is_safe()
                && headers.contains_key(&SEC_FETCH_MODE)
                && only(&SEC_FETCH_MODE, "navigate")
                && only(&SEC_FETCH_DEST, "document")
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_events::id::WorkspaceId;

    use super::*;

    fn acts(method: Method, headers: &[(&'static str, &str)]) -> bool {
        let naming = Naming::new("preview.localhost", 80);
        let host = HostName::new(WorkspaceId::derived("mine"), 3000).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        may_act(&naming, host, &method, &map)
    }

    fn origin(workspace: &str, port: u16) -> String {
        let host = HostName::new(WorkspaceId::derived(workspace), port).unwrap();
        Naming::new("preview.localhost", 80).origin(host)
    }

    #[test]
    fn pages_of_the_workspace_act_and_no_others() {
        let (own, api) = (origin("mine", 3000), origin("mine", 4000));
        let foreign = origin("theirs", 3000);
        for (from, may) in [
            (own.as_str(), true),
            (&api, true),
            (&foreign, false),
            ("http://localhost:3001", false),
            ("null", false),
        ] {
            assert_eq!(acts(Method::POST, &[("origin", from)]), may, "{from}");
            let upgrade = [("origin", from), ("upgrade", "websocket")];
            assert_eq!(acts(Method::GET, &upgrade), may, "{from}");
        }
        assert!(!acts(
            Method::GET,
            &[("origin", &own), ("origin", &foreign)]
        ));
    }

    #[test]
    fn without_an_origin_nothing_is_changed() {
        assert!(acts(Method::GET, &[]));
        assert!(!acts(Method::POST, &[]));
        assert!(!acts(Method::GET, &[("upgrade", "websocket")]));
        assert!(acts(Method::GET, &[("sec-fetch-site", "none")]));
        assert!(acts(Method::POST, &[("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn other_sites_may_link_and_nothing_else() {
        for site in ["cross-site", "same-site"] {
            let from = ("sec-fetch-site", site);
            let link = [
                from,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert!(acts(Method::GET, &link));
            assert!(!acts(Method::POST, &link));
            let frame = [
                from,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ];
            assert!(!acts(Method::GET, &frame));
            assert!(!acts(Method::GET, &[from, ("sec-fetch-mode", "no-cors")]));
            assert!(!acts(Method::GET, &[from]));
        }
    }
}
