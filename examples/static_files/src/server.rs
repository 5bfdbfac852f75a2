//! The connections.

use crate::answer::answer;
use crate::root::Root;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// More than these wait to be accepted. Each needs two descriptors.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to say what it wants, also if it keeps the connection for a next request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long responses may go on once the server is to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// When accepting fails, as for want of descriptors, it would fail again at once.
const BREATHER: Duration = Duration::from_millis(50);

pub(crate) struct Server {
    listener: TcpListener,
    root: Root,
}

impl Server {
    pub(crate) async fn bind(address: SocketAddr, root: Root) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, root })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `end`; then lets the responses that have begun come to their end, for a while.
    pub(crate) async fn run_until(self, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        let farewell = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((self.listener.accept().await?, place))
            };
            let accepted = tokio::select! {
                accepted = accepted => accepted,
                () = &mut end => break,
            };
            match accepted {
                Ok(((stream, _), place)) => {
                    let connection = farewell.watch(self.connection(stream));
                    tokio::spawn(async move {
                        // A client that goes away in the middle is the client's business.
                        let _ = connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    let _ = writeln!(io::stderr(), "cannot accept a connection: {error}");
                    sleep(BREATHER).await;
                }
            }
        }
        // Those that take longer are cut off when the runtime ends.
        let _ = timeout(FAREWELL, farewell.shutdown()).await;
    }

    fn connection(&self, stream: TcpStream) -> impl GracefulConnection + Send + use<> {
        // It is only slower.
        let _ = stream.set_nodelay(true);
        let root = self.root.clone();
        let service = service_fn(move |request| {
            let root = root.clone();
            async move { Ok::<_, Infallible>(answer(root, request).await) }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    }
}
