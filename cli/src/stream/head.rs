//! The head of an HTTP/1.1 reply, as little of it as an upgrade needs.

use std::io;

/// A head longer than this is refused.
pub(super) const LONGEST_HEAD: usize = 64 << 10;

/// Status and headers of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The status code.
    pub(super) status: u16,
    /// Lower-case names, values as they came.
    headers: Vec<(String, String)>,
    /// How many bytes it took, its blank line included.
    pub(super) length: usize,
}

impl Head {
    /// The head at the beginning of `bytes`; `None` while its end has not come.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return match bytes.len() > LONGEST_HEAD {
                true => Err(unreadable("its head has no end")),
                false => Ok(None),
            };
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| unreadable("it is no text"))?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|line| line.get(..3)?.parse().ok())
            .ok_or_else(|| unreadable("it does not begin with HTTP/1.1 and a status"))?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Some(Self {
            status,
            headers,
            length: end + 4,
        }))
    }

    /// The value of the header `name`, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// How long the body is, where that is told.
    pub(super) fn content_length(&self) -> Option<usize> {
        self.header("content-length")?.parse().ok()
    }
}

fn unreadable(why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the reply cannot be read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: nexus.stream.v1\r\n\r\nSSH-2.0";
        for length in 0..60 {
            assert_eq!(Head::parse(&text[..length]).unwrap(), None, "{length}");
        }
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!(head.status, 101);
        assert_eq!(head.header("upgrade"), Some("nexus.stream.v1"));
        assert_eq!(&text[head.length..], b"SSH-2.0");
    }

    #[test]
    fn what_is_no_head_is_refused_and_never_read_without_end() {
        for bad in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 x\r\n\r\n",
            b"\xff\xff\r\n\r\n",
        ] {
            assert!(Head::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Head::parse(&vec![b'a'; LONGEST_HEAD + 1]).is_err());
    }
}
