//! What carries requests: sockets, TLS, bodies, the order of one exchange, answers. Nothing here knows what a
//! request means.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod head;
pub(crate) mod outgoing;
pub(crate) mod reply;
mod strike;
pub(crate) mod tls;
