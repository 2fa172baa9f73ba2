//! Opening one connection: the one place where sockets are opened, and where TLS begins.

use grantor_store_tls::Prepared;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::options::Options;

/// Connects to the server of a client. Where TLS was asked for nothing is sent before the server has proved who it is.
///
/// The client library has TLS of its own, for clients of the caller's that ask for it. It reads the system's CAs anew for each
/// connection, and takes the cryptography that the process happens to have; so ours is begun here.
pub(crate) async fn connect(
    client: &Client,
    tls: Option<&Prepared>,
    options: &Options,
) -> Result<MultiplexedConnection, Failure> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(options.connect))
        .set_response_timeout(Some(options.response));
    match (tls, client.get_connection_info().addr()) {
        (Some(tls), ConnectionAddr::Tcp(host, port)) => {
            let connected = timeout(options.connect, secured(client, tls, (host, *port), config)).await;
            connected.unwrap_or_else(|_| {
                Err(Failure::before("no connection in time (connect_ms): does it speak TLS on this port?"))
            })
        }
        _ => {
            let connection = client.get_multiplexed_async_connection_with_config(&config).await;
            connection.map_err(|error| Failure::connecting_plainly(&error))
        }
    }
}

async fn secured(
    client: &Client,
    tls: &Prepared,
    (host, port): (&str, u16),
    config: AsyncConnectionConfig,
) -> Result<MultiplexedConnection, Failure> {
    let failed = |error: std::io::Error| Failure::connecting(&error.into());
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    // Without it a request would wait for the acknowledgement of the one before it.
    stream.set_nodelay(true).map_err(failed)?;
    let stream =
        tls.connect(host, stream).await.map_err(|why| Failure::before(format!("no connection: {why}")))?;
    let login = client.get_connection_info().redis_settings();
    let connected = MultiplexedConnection::new_with_config(login, stream, config).await;
    let (connection, carrying) = connected.map_err(|error| Failure::connecting(&error))?;
    // It ends when the connection breaks, or the last one who has it lets go.
    tokio::spawn(carrying);
    Ok(connection)
}
