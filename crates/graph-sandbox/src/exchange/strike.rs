//! Which fault strikes a request: what kind of request it is, what was planned for it, and what is drawn.

use std::time::Duration;

use hyper::Method;

use crate::server::head::Head;
use crate::{
    failure::Failure,
    faults::{What, Where},
    graph::route::{Route, Target},
    log::Host,
    login,
    shared::Shared,
};

/// Who answers a request.
#[derive(Debug, Clone)]
pub(super) enum Resource {
    Graph(Result<Route, Failure>),
    Login(login::Endpoint),
    Upload,
}

/// The fault for a request: one that was planned, or one that is drawn.
pub(super) fn strike(shared: &Shared, head: &Head, resource: &Resource) -> Option<What> {
    let planned = shared.faults().strike(places(head, resource));
    planned.or_else(|| {
        let struck = shared.random.chance(shared.options.fault_rate);
        struck.then(|| drawn(shared))
    })
}

/// What may happen to any request in a bad network.
fn drawn(shared: &Shared) -> What {
    let kinds = [
        What::Drop,
        What::Lost,
        What::Reset(shared.random.index(1 << 20) as u64),
        What::Status(429, Some("1".to_owned())),
        What::Status(503, Some("1".to_owned())),
        What::Status(500, None),
        What::Status(504, None),
        What::Done(504, None),
        What::Html,
        What::Stall(Duration::from_millis(shared.random.index(1000) as u64)),
        What::Cut(None),
    ];
    let [first, ..] = &kinds;
    kinds
        .get(shared.random.index(kinds.len()))
        .unwrap_or(first)
        .clone()
}

/// The kinds of a request, for the faults that wait for it.
fn places(head: &Head, resource: &Resource) -> &'static [Where] {
    let target = match resource {
        Resource::Graph(Ok(route)) => Some(&route.target),
        Resource::Login(_) => return &[Where::Token],
        Resource::Graph(Err(_)) | Resource::Upload => None,
    };
    match (head.host, &head.method, target) {
        (_, &Method::DELETE, _) => &[Where::Delete],
        (Host::Upload, &Method::PUT, _) => &[Where::Put],
        (Host::Upload, &Method::GET, _) => &[Where::Status],
        (Host::Upload, ..) => &[],
        (Host::Graph, &Method::PATCH, _) => &[Where::Patch],
        (Host::Graph, &Method::POST, Some(target)) => match target {
            Target::CreateSession(..) => &[Where::Create],
            Target::Attachments(..) => &[Where::Post],
            Target::Items(_) => &[Where::Draft],
            Target::Respond(respond, _) if respond.draft => &[Where::Draft],
            Target::Send(_) | Target::SendMail | Target::Respond(..) => &[Where::Send],
            _ => &[],
        },
        (Host::Graph, &Method::GET, Some(Target::Attachments(..))) => &[Where::List],
        (Host::Graph, &Method::GET, Some(Target::Value(..) | Target::Mime(_))) => {
            &[Where::Value, Where::Get]
        }
        (Host::Graph, &Method::GET, Some(Target::Items(_))) => &[Where::Find, Where::Get],
        (Host::Graph, &Method::GET, _) => &[Where::Get],
        (Host::Graph, ..) => &[],
    }
}
