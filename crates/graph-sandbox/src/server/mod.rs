//! What carries requests: sockets, TLS, bodies, answers. Nothing here knows what a
//! request means.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod head;
pub(crate) mod outgoing;
pub(crate) mod reply;
pub(crate) mod tls;
