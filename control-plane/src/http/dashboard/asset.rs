//! The files themselves, as the build script found them.

/// A file of the dashboard.
pub(super) struct Asset {
    /// Where it is asked for.
    pub(super) path: &'static str,
    /// A digest of its content.
    pub(super) tag: &'static str,
    /// Its content.
    pub(super) bytes: &'static [u8],
    /// The same in fewer bytes.
    pub(super) gzip: Option<&'static [u8]>,
}

/// Every file that was built, in order of their paths.
const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// What is shown where no dashboard was built.
static NOT_BUILT: Asset = Asset {
    path: "/index.html",
    tag: "not-built",
    bytes: include_bytes!("not_built.html"),
    gzip: None,
};

/// The file at `path`.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    let found = ASSETS.binary_search_by(|asset| asset.path.cmp(path));
    found.ok().and_then(|index| ASSETS.get(index))
}

/// The page every view begins with.
pub(super) fn index() -> &'static Asset {
    find(NOT_BUILT.path).unwrap_or(&NOT_BUILT)
}

impl Asset {
    /// What it is.
    pub(super) fn content_type(&self) -> &'static str {
        let ending = self.path.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "ico" => "image/x-icon",
            "webp" => "image/webp",
            "woff2" => "font/woff2",
            "woff" => "font/woff",
            "wasm" => "application/wasm",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_paths() {
        assert!(
            ASSETS.is_sorted_by(|one, next| one.path < next.path),
            "the list is searched by halves"
        );
        for asset in ASSETS {
            assert_eq!(find(asset.path).map(|found| found.tag), Some(asset.tag));
        }
        assert!(find("/no/such/file").is_none());
        assert!(index().content_type().starts_with("text/html"));
    }
}
