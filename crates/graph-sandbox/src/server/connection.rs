//! One TCP connection: hyper serves it until the client leaves, or until a request's fault ends it.
//!
//! This is the only file that cuts connections. A cut is asked for through [`Cut`], because the
//! code that answers a request does not own the socket. A client that lets no byte move for too long is cut,
//! too.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};
use tokio_rustls::server::TlsStream;

use crate::server::outgoing::Outgoing;

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
    /// Requests for whose answer the client waits on purpose.
    waits: Arc<AtomicUsize>,
}

impl Cut {
    /// Ends the connection; never returns, so that no answer can follow.
    pub(crate) async fn now(&self, how: How) -> std::convert::Infallible {
        *self.how.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
        self.asked.notify_one();
        std::future::pending().await
    }

    /// Lets the client wait, without counting that as its idleness.
    pub(crate) async fn pause(&self, time: Duration) {
        self.keeps_waiting(true, tokio::time::sleep(time)).await;
    }

    /// Does something during which, if `waiting`, the client moves no bytes because it is not let.
    pub(crate) async fn keeps_waiting<T>(&self, waiting: bool, work: impl Future<Output = T>) -> T {
        if !waiting {
            return work.await;
        }
        // Dropped in the middle, this connection is gone, and its count with it.
        self.waits.fetch_add(1, Ordering::SeqCst);
        let result = work.await;
        self.waits.fetch_sub(1, Ordering::SeqCst);
        result
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

/// A stream that remembers when bytes moved last.
struct Watched<S> {
    socket: S,
    moved: Arc<Mutex<Instant>>,
}

impl<S> Watched<S> {
    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(result, Poll::Ready(Ok(_))) {
            *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.note(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.note(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// Ends when no byte has moved for `idle`, and not because the client was kept waiting.
async fn until_idle(idle: Duration, moved: &Mutex<Instant>, cut: &Cut) {
    loop {
        let last = *moved.lock().unwrap_or_else(PoisonError::into_inner);
        let left = idle.saturating_sub(last.elapsed());
        match (left.is_zero(), cut.waits.load(Ordering::SeqCst)) {
            (true, 0) => return,
            (true, _) => tokio::time::sleep(idle.max(Duration::from_millis(10))).await,
            (false, _) => tokio::time::sleep(left).await,
        }
    }
}

/// Serves one connection with `answer`.
pub(crate) async fn serve<S, A, F>(socket: S, idle: Duration, answer: A)
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
    let moved = Arc::new(Mutex::new(Instant::now()));
    let watched = Watched {
        socket,
        moved: Arc::clone(&moved),
    };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(watched), service);
    {
        let asked = cut.asked.notified();
        let idle = until_idle(idle, &moved, &cut);
        tokio::pin!(asked, idle);
        poll_fn(|cx| {
            // Errors here are the client's: it left, or it does not speak HTTP.
            match connection.poll_without_shutdown(cx) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending if asked.as_mut().poll(cx).is_ready() => Poll::Ready(()),
                Poll::Pending => idle.as_mut().poll(cx),
            }
        })
        .await;
    }
    let socket = connection.into_parts().io.into_inner().socket;
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
