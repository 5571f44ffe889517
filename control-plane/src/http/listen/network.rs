//! Loopback TCP.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::ListenError;

/// Listens on `address`, which has to be of the loopback network.
///
/// # Errors
/// See [`ListenError`].
pub async fn bind_network(address: SocketAddr) -> Result<TcpListener, ListenError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(ListenError::BeyondLoopback { address });
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError::Network { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_loopback_is_refused_with_a_way_out() {
        for address in [
            "0.0.0.0:3001",
            "[::]:3001",
            "192.0.2.1:3001",
            "[::ffff:10.0.0.1]:1",
        ] {
            let error = bind_network(address.parse().unwrap())
                .await
                .expect_err("it is refused");
            let text = error.to_string();
            assert!(text.contains("TLS") && text.contains("ssh -L"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind_network("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind_network(address).await.expect_err("it is taken");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
