//! One TCP connection: hyper serves it until the client leaves, or until a request's fault ends it.
//!
//! This is the only file that cuts connections. A cut is asked for through [`Cut`], because the
//! code that answers a request does not own the socket.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Notify,
};
use tokio_rustls::server::TlsStream;

use crate::server::body::Outgoing;

/// How a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Closed: the client sees the end of the stream.
    Close,
    /// Reset: the client sees an error.
    Reset,
}

/// Lets a request end its connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut {
    how: Arc<Mutex<Option<How>>>,
    asked: Arc<Notify>,
}

impl Cut {
    /// Ends the connection; never returns, so that no answer can follow.
    pub(crate) async fn now(&self, how: How) -> std::convert::Infallible {
        *self.how.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        self.asked.notify_one();
        std::future::pending().await
    }

    fn asked_for(&self) -> Option<How> {
        *self.how.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream whose TCP socket can be reached, with or without TLS over it.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Serves one connection with `answer`.
pub(crate) async fn serve<S, A, F>(socket: S, answer: A)
where
    S: Socket,
    A: Fn(Request<Incoming>, Cut) -> F + Unpin + Send + 'static,
    F: Future<Output = Response<Outgoing>> + Send + 'static,
{
    let cut = Cut::default();
    let service = {
        let cut = cut.clone();
        service_fn(move |request| {
            let answer = answer(request, cut.clone());
            // Boxed because hyper gives the socket back only from a connection that can be moved.
            Box::pin(async move { Ok::<_, Infallible>(answer.await) })
                as Pin<Box<dyn Future<Output = Result<_, Infallible>> + Send>>
        })
    };
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    {
        let asked = cut.asked.notified();
        tokio::pin!(asked);
        poll_fn(|cx| {
            // Errors here are the client's: it left, or it does not speak HTTP.
            match connection.poll_without_shutdown(cx) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => asked.as_mut().poll(cx),
            }
        })
        .await;
    }
    let socket = connection.into_parts().io.into_inner();
    match cut.asked_for() {
        Some(How::Reset) => {
            // Zero linger makes the close below a reset.
            let _ = socket.tcp().set_zero_linger();
        }
        Some(How::Close) => {}
        None => {
            let mut socket = socket;
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut socket).await;
        }
    }
}
