//! `attach`: files onto a message or an event, one after another.

use std::{path::Path, rc::Rc, time::Instant};

mod attachment_limit;
mod dry_run;
mod inputs;
mod previous_session;
mod spool;
mod target;

use inputs::Input;
use previous_session::{FileOnItem, first_spool, previous_session};
use spool::SpoolError;
use target::Target;

use super::{
    context::CommandContext,
    file_results::FileResults,
    follow_up::{FileEntry, FollowUp},
    resolve_id,
    retrier::Retrier,
    send,
};
use crate::{
    args::AttachArgs,
    graph::Item,
    report::{self, NotAttached, Refusal},
    session::Store,
    upload::{self, Earlier, Job, Services, Source, SourceError},
};

pub(super) async fn run(args: &AttachArgs, context: &CommandContext) -> anyhow::Result<u8> {
    let target = target::target(args, context)?;
    let inputs = inputs::inputs(args, context)?;
    if args.dry_run {
        return dry_run::dry_run(args, &target, &inputs, context);
    }
    let entries = inputs.iter().map(|input| FileEntry::new(input.display()));
    let results = Rc::new(FileResults::new(
        &context.printer,
        entries.collect(),
        FollowUp::attach(args),
    ));
    context.results.replace(Some(Rc::clone(&results)));
    match all(args, &target, &inputs, &results, context).await {
        Ok(code) => Ok(code),
        Err(error) => Ok(results.aborted(&error)),
    }
}

/// Attaches everything.
async fn all(
    args: &AttachArgs,
    target: &Target,
    inputs: &[Input],
    results: &FileResults,
    context: &CommandContext,
) -> anyhow::Result<u8> {
    let clients = context.clients(Some(&args.retry))?;
    let graph = clients.graph(context.provider());
    let uploads = clients.uploads();
    let endpoint = context.settings.endpoint.value.as_str();
    let required = args.retry.require_state;
    let store = context.store_or_warn(required)?;
    // Without a token nothing begins: better now than after reading standard input.
    let request = |error| report::Request {
        what: "no token".to_owned(),
        error,
        item: target.item().cloned(),
    };
    let mailbox = context.mailbox()?;
    let checked = graph.check_token(mailbox.as_deref()).await;
    context.warn_of_token().await;
    checked.map_err(request)?;
    context
        .prepare_token(inputs.iter().map(Input::size).sum())
        .await;
    let retrier = Retrier::new(context, &graph, &args.retry);
    let item = match target {
        Target::Item(item) => resolve_id::resolve(item.clone(), &graph, &retrier, context).await?,
        Target::Draft(draft) => {
            inputs::any_readable(inputs)?;
            target::new_draft(draft, &graph, &retrier, context).await?
        }
    };
    results.onto(&item);
    let item_lock = match store {
        Some(store) => {
            let lock = context
                .lock_item(store, endpoint, &item, args.retry.wait)
                .await;
            context.or_without(lock, required)?
        }
        None => None,
    };
    // A directory in which nothing can be locked is not one to begin sessions in. What it holds
    // counts all the same.
    let readable = store;
    let store = store.filter(|_| item_lock.is_some());
    let draft = match args.send {
        true => Some(send::ready(&item, &graph, &retrier).await?),
        false => None,
    };
    dry_run::notes(item.kind, inputs, context);

    let reporter = context.report_on(inputs.len());
    let volume = context.account(store, endpoint, item.mailbox.as_deref());
    let services = Services {
        graph: &graph,
        uploads: &uploads,
        store,
        require_state: required,
        warned: &context.warned,
        observer: &*reporter,
        endpoint,
        limits: context.limits(&args.retry, args.chunk_size),
        started: context.started,
        volume: &volume,
    };
    let mut unverified = false;
    for (index, input) in inputs.iter().enumerate() {
        let since = Instant::now();
        let shown = input.display();
        match one(input, args, &item, readable, &services, context).await {
            Ok(outcome) => {
                unverified |= args.verify && !outcome.verified;
                results.attached(index, &outcome, since);
            }
            Err(error) => {
                let error = attachment_limit::explained(error, &shown, &item, &graph).await;
                let code = results.failed(index, &error);
                // The next file would need the same token, or the same time.
                if args.fail_fast || code == report::CREDENTIALS || out_of_time(&services) {
                    break;
                }
            }
        }
        reporter.reached(index + 1);
    }
    reporter.finish();
    if let (Some(draft), true) = (&draft, results.is_complete()) {
        let sent = match unverified {
            true => Err(Refusal {
                message: "not sent: an attachment could not be read back".to_owned(),
                hints: vec![],
            }
            .into()),
            false => send::no_unfinished(&item, draft, context),
        };
        let sent = match sent {
            Ok(()) => send::deliver(&item, draft, &graph, &retrier, context).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            results.unsent(&item.id, &error);
        }
    }
    Ok(results.finish())
}

/// Attaches one file. `readable` is where earlier sessions are, even if none can be begun there.
async fn one(
    input: &Input,
    args: &AttachArgs,
    item: &Item,
    readable: Option<&Store>,
    services: &Services<'_>,
    context: &CommandContext,
) -> anyhow::Result<upload::Outcome> {
    let attachment = inputs::attachment(input, args)?;
    let spool = match input {
        Input::Path(_) => None,
        Input::Stdin => {
            let store = services.store.cloned();
            let spooled = tokio::task::spawn_blocking(move || spool::spool(store.as_ref())).await?;
            let mut spool = spooled.map_err(|error| spool_error(error, input))?;
            if spool.empty {
                context
                    .printer
                    .warn("standard input was empty: so is the attachment");
            }
            if let (Some(source), Some(store)) = (spool.trouble.take(), services.store) {
                let path = store.dir().to_owned();
                let error = crate::session::DirError::Io { path, source };
                context.or_without::<()>(Err(error.into()), services.require_state)?;
            }
            Some(spool)
        }
    };
    let path = match (input, &spool) {
        (Input::Path(path), _) => path.as_path(),
        (Input::Stdin, Some(spool)) => spool.path.as_path(),
        (Input::Stdin, None) => Path::new("-"),
    };
    let source = Source::open(path)?;
    // What standard input brought and is not kept cannot be resumed: its session is not kept either.
    let lost = spool.as_ref().is_some_and(|spool| spool.id.is_none());
    let earlier = match readable.filter(|_| !lost) {
        Some(store) => {
            let file = FileOnItem {
                item,
                attachment: &attachment,
                source: &source,
            };
            let earlier = previous_session(&file, args, store, services, context).await;
            context.or_without(earlier, services.require_state)?
        }
        None => None,
    };
    let (earlier, _session_lock) = earlier.unwrap_or((Earlier::Nothing, None));
    let going_on = matches!(earlier, Earlier::Unfinished(_));
    let services = &Services {
        store: if going_on { readable } else { services.store }.filter(|_| !lost),
        ..*services
    };
    let mut spool_id = spool.as_ref().and_then(|spool| spool.id);
    let mut source = source;
    if let (Some(id), Some(store), Earlier::Unfinished(record)) =
        (spool_id, services.store, &earlier)
        && let Some(first) = first_spool(record, &store.spool(id))
    {
        (source, spool_id) = (first, Some(record.id));
    }
    let job = Job {
        item: item.clone(),
        attachment,
        source,
        again: args.again,
        verify: args.verify,
        spool: spool_id,
        earlier,
    };
    let result = upload::attach(&job, services).await;
    if let (Some(id), Some(store)) = (spool_id, services.store) {
        let kept = result
            .as_ref()
            .err()
            .is_some_and(|failure| failure.session == Some(id));
        if !kept {
            let _ = std::fs::remove_file(store.spool(id));
        }
    }
    result.map_err(|failure| {
        let name = job.attachment.name.clone();
        NotAttached {
            failure,
            name,
            item: item.clone(),
        }
        .into()
    })
}

fn out_of_time(services: &Services<'_>) -> bool {
    services
        .limits
        .deadline
        .is_some_and(|deadline| services.started.elapsed() >= deadline)
}

fn spool_error(error: SpoolError, input: &Input) -> anyhow::Error {
    let path = Path::new(&input.display()).to_owned();
    match error {
        SpoolError::TooLarge => SourceError::TooLarge {
            path,
            size: upload::plan::LARGEST + 1,
        }
        .into(),
        SpoolError::Io(source) => SourceError::Unreadable { path, source }.into(),
    }
}
