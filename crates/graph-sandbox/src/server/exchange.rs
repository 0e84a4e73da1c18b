//! One request from arrival to answer: faults, permits, the body, the act, the delay, the log.
//!
//! The order is the point of this file. What a request means is in `graph`, `upload` and `control`.

use std::sync::Arc;

use hyper::{Method, Request, Response, body::Incoming};
use jiff::Timestamp;

use crate::{
    control,
    failure::Failure,
    faults::{What, Where},
    graph,
    graph::route::{self, Route, Target},
    log::{self, Host, Seen},
    options::TooLarge,
    server::body::{self, Ended, Outgoing},
    server::connection::{Cut, How},
    server::reply::Reply,
    shared::{Head, Shared},
    upload,
};

/// Answers a request, or ends its connection through `cut`.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    host: Host,
    request: Request<Incoming>,
    cut: Cut,
) -> Response<Outgoing> {
    let (parts, incoming) = request.into_parts();
    let mut head = Head::new(host, &parts);
    if host == Host::Graph && head.path.starts_with("/sandbox/") {
        return match body::read(incoming, u64::MAX, None, None).await {
            Ended::Whole(read) => respond(control::answer(&shared, &head, &read), None),
            Ended::Enough | Ended::Broken => respond(Reply::empty(400), None),
        };
    }
    let route = match host {
        Host::Graph => Some(route::parse(&head.path)),
        Host::Upload => None,
    };
    let fault = shared.faults().strike(place(&head, route.as_ref()));
    let entry = begin(&shared, &head, parts.uri.to_string(), fault.as_ref());
    head.expire = fault == Some(What::Expire);

    let bandwidth = shared.options.bandwidth;
    if let Some(What::Reset(after)) = fault {
        body::read(incoming, 0, Some(after), bandwidth).await;
        match cut.now(How::Reset).await {}
    }
    let planned = match &fault {
        Some(What::Drop) => Some(None),
        Some(What::Html) => Some(Some(Reply::bad_gateway())),
        Some(What::Status(status, after)) => Some(Some(forced(&shared, &head, *status, after))),
        _ => None,
    };
    let mut reply = match planned {
        Some(planned) => {
            // Read to the end all the same: a client that is still sending might miss the answer.
            if let Ended::Whole(read) = body::read(incoming, 0, None, bandwidth).await {
                note(&shared, entry, |seen| seen.bytes = read.len);
            }
            match planned {
                Some(reply) => reply,
                None => match cut.now(How::Close).await {},
            }
        }
        None => carry_out(&shared, &head, route, incoming, &cut, entry).await,
    };
    if fault == Some(What::Lost) {
        match cut.now(How::Close).await {}
    }
    if let Some(What::Stall(time)) = fault {
        tokio::time::sleep(time).await;
    }
    if host == Host::Graph {
        reply = graph::with_headers(reply, &head);
    } else {
        reply = upload::with_headers(reply, &head);
    }
    note(&shared, entry, |seen| {
        seen.status = Some(reply.status.as_u16())
    });
    respond(reply, bandwidth)
}

/// The kind of request, for the faults that wait for it.
fn place(head: &Head, route: Option<&Result<Route, Failure>>) -> Option<Where> {
    let target = match route {
        Some(Ok(route)) => Some(&route.target),
        _ => None,
    };
    match (head.host, &head.method, target) {
        (_, &Method::DELETE, _) => Some(Where::Delete),
        (Host::Upload, &Method::PUT, _) => Some(Where::Put),
        (Host::Upload, &Method::GET, _) => Some(Where::Status),
        (Host::Upload, ..) => None,
        (Host::Graph, &Method::POST, Some(Target::CreateSession(..))) => Some(Where::Create),
        (Host::Graph, &Method::POST, Some(Target::Attachments(..))) => Some(Where::Post),
        (Host::Graph, &Method::POST, Some(Target::Send(_))) => Some(Where::Send),
        (Host::Graph, &Method::GET, Some(Target::Attachments(..))) => Some(Where::List),
        (Host::Graph, &Method::GET, _) => Some(Where::Get),
        (Host::Graph, ..) => None,
    }
}

/// The answer that a fault asks for by its status.
fn forced(shared: &Shared, head: &Head, status: u16, after: &Option<String>) -> Reply {
    let now = Timestamp::now();
    let audience = shared.options.audience;
    let reply = match head.host {
        Host::Upload if status == 401 => {
            Failure::audience(upload::AUDIENCE).outlook(audience, &head.trace, now)
        }
        Host::Upload => {
            Failure::for_status(status, true, after.clone()).outlook(audience, &head.trace, now)
        }
        Host::Graph => Failure::for_status(status, false, after.clone()).graph(&head.trace, now),
    };
    match status {
        // A place to be tempted to: whoever follows shows up in the log.
        300..=399 => reply.header("location", &format!("{}/v1.0/redirected", shared.graph)),
        _ => reply,
    }
}

/// Lets the request in, reads its body, does what it asks for, and waits as long as configured.
async fn carry_out(
    shared: &Shared,
    head: &Head,
    route: Option<Result<Route, Failure>>,
    incoming: Incoming,
    cut: &Cut,
    entry: usize,
) -> Reply {
    let options = &shared.options;
    let admitted = match route {
        Some(route) => graph::admit(shared, head, route).map(|a| Admitted::Graph(Box::new(a))),
        None => upload::admit(shared, head).map(Admitted::Upload),
    };
    let keep = match head.host {
        Host::Graph => options.body_limit,
        Host::Upload => options.attachment_limit,
    };
    let keep = if admitted.is_ok() { keep } else { 0 };
    let read = match body::read(incoming, keep, None, options.bandwidth).await {
        Ended::Whole(read) => read,
        // Nobody is there to read an answer; the connection ends by itself.
        Ended::Enough | Ended::Broken => match cut.now(How::Close).await {},
    };
    note(shared, entry, |seen| seen.bytes = read.len);
    let too_large = head.host == Host::Graph && read.len > options.body_limit;
    if too_large && options.too_large == TooLarge::Reset {
        match cut.now(How::Reset).await {}
    }
    let (result, _permit) = match admitted {
        Err(failure) => (Err(failure), None),
        Ok(Admitted::Graph(admitted)) if too_large => (
            Err(graph::too_large(options.too_large)),
            Some(admitted.permit),
        ),
        Ok(Admitted::Graph(admitted)) => (
            graph::act(shared, head, &admitted, read),
            Some(admitted.permit),
        ),
        Ok(Admitted::Upload(admitted)) => (
            upload::act(shared, head, &admitted, read),
            Some(admitted.permit),
        ),
    };
    if !options.latency.is_zero() {
        tokio::time::sleep(options.latency).await;
    }
    let now = Timestamp::now();
    result.unwrap_or_else(|failure| match head.host {
        Host::Graph => failure.graph(&head.trace, now),
        Host::Upload => failure.outlook(options.audience, &head.trace, now),
    })
}

enum Admitted {
    Graph(Box<graph::Admitted>),
    Upload(upload::Admitted),
}

/// Writes a request into the log when it arrives, so that the log keeps the order of arrival.
fn begin(shared: &Shared, head: &Head, path: String, fault: Option<&What>) -> usize {
    let mut log = shared.log();
    log.push(Seen {
        host: head.host,
        method: head.method.to_string(),
        path,
        status: None,
        content_range: head.header("content-range").map(str::to_owned),
        authorization: head.headers.contains_key("authorization"),
        bytes: 0,
        fault: fault.map(ToString::to_string),
        headers: log::headers(&head.headers),
    });
    log.len() - 1
}

fn note(shared: &Shared, entry: usize, change: impl FnOnce(&mut Seen)) {
    if let Some(seen) = shared.log().get_mut(entry) {
        change(seen);
    }
}

fn respond(reply: Reply, bandwidth: Option<u64>) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::new(reply.body, bandwidth));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
