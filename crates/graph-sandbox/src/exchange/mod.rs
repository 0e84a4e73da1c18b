//! One request from arrival to answer: faults, permits, the body, the act, the delay, the log.
//!
//! The order is the point of this file. What a request means is in `graph`, `upload`, `login` and `control`.

mod strike;

use std::{sync::Arc, time::Duration};

use hyper::{Method, Request, Response, body::Incoming};

use self::strike::{Resource, strike};
use crate::{
    clock, control,
    failure::Failure,
    faults::What,
    graph::{self, route},
    log::{self, Host, Seen},
    login,
    model::content::Sink,
    options::{Gzip, TooLarge},
    server::{
        body::{Ended, Read, Reading},
        connection::{Cut, How},
        head::Head,
        outgoing::Outgoing,
        reply::Reply,
    },
    shared::{Open, Shared},
    throttle::Permit,
    upload,
};

/// Answers a request, or ends its connection through `cut`.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    listener: Host,
    request: Request<Incoming>,
    cut: Cut,
) -> Response<Outgoing> {
    let (parts, incoming) = request.into_parts();
    let mut head = Head::new(&shared, listener, &parts.method, &parts.uri, &parts.headers);
    let options = &shared.options;
    if head.host == Host::Graph && head.path.starts_with("/sandbox/") {
        return control::answer(&shared, &head, incoming, &cut)
            .await
            .into_response(None);
    }
    if head.method == Method::OPTIONS && head.headers.contains_key("origin") {
        return preflight(&head).into_response(None);
    }
    let resource = match head.host {
        Host::Upload => Resource::Upload,
        Host::Graph => match login::endpoint(&head.path) {
            Some(endpoint) => Resource::Login(endpoint),
            None => Resource::Graph(route::parse(&head.path)),
        },
    };
    let fault = strike(&shared, &head, &resource);
    let entry = begin(&shared, &head, parts.uri.to_string(), fault.as_ref(), false);
    head.expire = fault == Some(What::Expire);

    let bandwidth = options.bandwidth;
    let away = || Reading::away(options.idle_timeout, bandwidth);
    if let Some(What::Reset(after)) = fault {
        let reading = Reading {
            stop: Some(after),
            ..away()
        };
        reading.read(incoming).await;
        match cut.now(How::Reset).await {}
    }
    let planned = match &fault {
        Some(What::Drop) => Some(None),
        Some(What::Html) => Some(Some(Reply::bad_gateway())),
        Some(What::Page) => Some(Some(Reply::block_page())),
        Some(What::Status(status, after)) => Some(Some(forced(&shared, &head, *status, after))),
        _ => None,
    };
    let mut reply = match planned {
        Some(planned) => {
            // Read to the end all the same: a client that is still sending might miss the answer.
            if let Ended::Whole(read) = away().read(incoming).await {
                note(&shared, entry, |seen| seen.bytes = read.len);
            }
            match planned {
                Some(reply) => reply,
                None => match cut.now(How::Close).await {},
            }
        }
        None => {
            let late = match &fault {
                Some(What::Late(time, status)) => Some((*time, *status)),
                _ => None,
            };
            carry_out(&shared, &head, resource, incoming, &cut, entry, late).await
        }
    };
    match &fault {
        Some(What::Lost) => match cut.now(How::Close).await {},
        Some(What::Stall(time)) => cut.pause(*time).await,
        Some(What::Done(status, after)) => reply = forced(&shared, &head, *status, after),
        _ => {}
    }
    reply = with_headers(&shared, reply, &head);
    if let Some(what) = &fault {
        reply = reply.damaged(what);
    }
    note(&shared, entry, |seen| {
        seen.status = Some(reply.status.as_u16());
        seen.sent = Some(reply.len());
    });
    reply.into_response(bandwidth)
}

/// The answer that a fault asks for by its status.
fn forced(shared: &Shared, head: &Head, status: u16, after: &Option<String>) -> Reply {
    let now = shared.clock.time();
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
        300..=399 => reply.header("location", &format!("{}/v1.0/redirected", head.graph)),
        _ => reply,
    }
}

/// Lets the request in, reads its body, does what it asks for, and waits as long as configured.
async fn carry_out(
    shared: &Arc<Shared>,
    head: &Head,
    resource: Resource,
    incoming: Incoming,
    cut: &Cut,
    entry: usize,
    late: Option<(Duration, Option<u16>)>,
) -> Reply {
    let options = &shared.options;
    let admitted = admit(shared, head, &resource);
    let permit = admitted.as_ref().ok().and_then(Admitted::permit);
    let (keep, arena) = match head.host {
        Host::Graph => (options.body_limit, None),
        Host::Upload => (options.attachment_limit, shared.store().arena.clone()),
    };
    let keep = if admitted.is_ok() { keep } else { 0 };
    let room = head.length().unwrap_or_default().min(keep);
    let reading = Reading {
        sink: match keep {
            0 => Sink::Nothing,
            _ => Sink::new(arena.as_ref(), room),
        },
        keep,
        permit,
        ..Reading::away(options.idle_timeout, options.bandwidth)
    };
    // At a low bandwidth the client may have to wait for long; a body that stands still is ended all the same.
    let slow = options.bandwidth.is_some();
    let read = match cut.keeps_waiting(slow, reading.read(incoming)).await {
        Ended::Whole(read) => read,
        // Nobody is there to read an answer; the connection ends by itself.
        Ended::Enough | Ended::Broken => match cut.now(How::Close).await {},
        Ended::NoRoom => return refuse(shared, head, &Failure::empty(507)),
    };
    note(shared, entry, |seen| seen.bytes = read.len);
    if head.host == Host::Graph
        && read.len > options.body_limit
        && options.too_large == TooLarge::Reset
    {
        match cut.now(How::Reset).await {}
    }
    let latency = options.latency;
    if let Some((time, status)) = late {
        let (shared, head) = (Arc::clone(shared), head.clone());
        let reply = status.map(|status| forced(&shared, &head, status, &None));
        drop(admitted);
        tokio::spawn(async move {
            let _open = Open::new(&shared);
            tokio::time::sleep(time).await;
            let admitted = admit(&shared, &head, &resource);
            let _ = perform(&shared, &head, &admitted, read);
        });
        return match reply {
            Some(reply) => reply,
            None => match cut.now(How::Close).await {},
        };
    }
    let result = perform(shared, head, &admitted, read);
    if !latency.is_zero() {
        cut.pause(latency).await;
    }
    drop(admitted);
    result.unwrap_or_else(|failure| refuse(shared, head, &failure))
}

/// Checks everything that can be checked before the body is read.
fn admit(shared: &Shared, head: &Head, resource: &Resource) -> Result<Admitted, Failure> {
    match resource {
        Resource::Graph(route) => graph::admit(shared, head, route.clone())
            .map(|admitted| Admitted::Graph(Box::new(admitted))),
        Resource::Login(endpoint) => Ok(Admitted::Login(*endpoint)),
        Resource::Upload => upload::admit(shared, head).map(Admitted::Upload),
    }
}

/// Does what is asked for, with the whole body there.
fn perform(
    shared: &Arc<Shared>,
    head: &Head,
    admitted: &Result<Admitted, Failure>,
    read: Read,
) -> Result<Reply, Failure> {
    let admitted = admitted.as_ref().map_err(Clone::clone)?;
    if let Some(permit) = admitted.permit() {
        permit.act()?;
    }
    let options = &shared.options;
    if head.host == Host::Graph && read.len > options.body_limit {
        if let Admitted::Graph(admitted) = admitted {
            shared.throttle.refused(admitted.mailbox, read.len, options);
        }
        return Err(graph::too_large(options.too_large));
    }
    match admitted {
        Admitted::Graph(admitted) => graph::act(shared, head, admitted, read, answer_batched),
        Admitted::Login(endpoint) => login::answer(shared, head, *endpoint, read),
        Admitted::Upload(admitted) => upload::act(shared, head, admitted, read),
    }
}

/// One request of a `$batch`: without a connection, and so faults can only give it a status.
pub(crate) fn answer_batched(
    shared: &Arc<Shared>,
    mut head: Head,
    path: String,
    body: Read,
) -> Reply {
    let resource = Resource::Graph(route::parse(&head.path));
    let fault = strike(shared, &head, &resource);
    let entry = begin(shared, &head, path, fault.as_ref(), true);
    head.expire = fault == Some(What::Expire);
    let bytes = body.len;
    let act = |head: &Head| {
        let admitted = admit(shared, head, &resource);
        perform(shared, head, &admitted, body)
            .unwrap_or_else(|failure| refuse(shared, head, &failure))
    };
    let reply = match &fault {
        Some(What::Status(status, after)) => forced(shared, &head, *status, after),
        Some(What::Done(status, after)) => {
            act(&head);
            forced(shared, &head, *status, after)
        }
        Some(What::Drop | What::Reset(_) | What::Html | What::Page) => {
            forced(shared, &head, 504, &None)
        }
        Some(What::Lost | What::Late(..) | What::Cut(_)) => {
            act(&head);
            forced(shared, &head, 504, &None)
        }
        _ => act(&head),
    };
    let reply = graph::with_headers(reply, &head);
    note(shared, entry, |seen| {
        seen.bytes = bytes;
        seen.status = Some(reply.status.as_u16());
        seen.sent = Some(reply.len());
    });
    reply
}

/// A refusal in the words of the host that was asked.
fn refuse(shared: &Shared, head: &Head, failure: &Failure) -> Reply {
    let now = shared.clock.time();
    match head.host {
        Host::Graph => failure.graph(&head.trace, now),
        Host::Upload => failure.outlook(shared.options.audience, &head.trace, now),
    }
}

#[derive(Debug)]
enum Admitted {
    Graph(Box<graph::Admitted>),
    Login(login::Endpoint),
    Upload(upload::Admitted),
}

impl Admitted {
    fn permit(&self) -> Option<&Permit> {
        match self {
            Admitted::Graph(admitted) => admitted.permit.as_ref(),
            Admitted::Login(_) => None,
            Admitted::Upload(admitted) => Some(&admitted.permit),
        }
    }
}

/// Both hosts let browsers in, from any origin.
fn preflight(head: &Head) -> Reply {
    let asked = head.header("access-control-request-headers").unwrap_or("*");
    with_cors(Reply::empty(200), head)
        .header(
            "access-control-allow-methods",
            "GET, POST, PUT, PATCH, DELETE",
        )
        .header("access-control-allow-headers", asked)
        .header("access-control-max-age", "3600")
}

fn with_cors(reply: Reply, head: &Head) -> Reply {
    match head.headers.contains_key("origin") {
        true => reply.header("access-control-allow-origin", "*").header(
            "access-control-expose-headers",
            "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, Retry-After",
        ),
        false => reply,
    }
}

/// What each host puts on its answers, and the compression that is asked for.
fn with_headers(shared: &Shared, reply: Reply, head: &Head) -> Reply {
    let reply = with_cors(reply, head);
    let reply = match head.host {
        Host::Graph => graph::with_headers(reply, head),
        Host::Upload => upload::with_headers(reply, head),
    };
    let accepted = || {
        head.header("accept-encoding")
            .is_some_and(|list| list.contains("gzip"))
    };
    match shared.options.gzip {
        Gzip::Always => reply.gzipped(),
        Gzip::Accepted if accepted() => reply.gzipped(),
        Gzip::Accepted | Gzip::Off => reply,
    }
}

/// Writes a request into the log when it arrives, so that the log keeps the order of arrival.
fn begin(shared: &Shared, head: &Head, path: String, fault: Option<&What>, batched: bool) -> usize {
    let seen = Seen {
        time: clock::precise(shared.clock.time()),
        host: head.host,
        method: head.method.to_string(),
        path,
        status: None,
        content_range: head.header("content-range").map(str::to_owned),
        authorization: head.headers.contains_key("authorization"),
        bytes: 0,
        sent: None,
        ms: None,
        batched,
        fault: fault.map(ToString::to_string),
        headers: log::headers(&head.headers),
    };
    shared.log().begin(seen)
}

fn note(shared: &Shared, entry: usize, change: impl FnOnce(&mut Seen)) {
    shared.log().note(entry, |seen, start| {
        change(seen);
        if seen.status.is_some() {
            seen.ms = u64::try_from(start.elapsed().as_millis()).ok();
        }
    });
}
