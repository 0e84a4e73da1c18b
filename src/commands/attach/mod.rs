//! `attach`: files onto a message or an event, one after another.

use std::{path::Path, rc::Rc, time::Instant};

mod attachment_limit;
mod dry_run;
mod inputs;
mod previous_session;
mod target;

use inputs::Input;
use previous_session::{FileOnItem, previous_session};
use target::Target;

use super::{
    context::CommandContext,
    file_results::FileResults,
    follow_up::{FileEntry, FollowUp},
    locking::Wanted,
    mail_job::{self, Drafted, Intent, MailJob, TakenOver},
    pipe::{self, Kept, Producer, Purpose},
    resolve_id,
    retrier::Retrier,
    send,
};
use crate::{
    args::{AttachArgs, ComposeArgs, ItemArgs, OriginArgs, RetryArgs},
    graph::{Found, GraphClient, Item, ItemKind},
    mail::Resend,
    report::{self, ExitReport},
    session::{DirError, ItemLock, MailFile, MailRecord, Pipe, Store},
    upload::{self, Earlier, Http, Job, Owned, Services, Source},
};

pub(super) async fn run(args: &AttachArgs, context: &CommandContext) -> report::Result<u8> {
    let target = target::target(args, context)?;
    let inputs = inputs::inputs(args, context)?;
    if args.dry_run {
        return dry_run::dry_run(args, &target, &inputs, context);
    }
    let entries = inputs.iter().map(|input| FileEntry::new(input.path()));
    let results = Rc::new(FileResults::new(
        &context.printer,
        entries.collect(),
        FollowUp::attach(args),
    ));
    context.results.replace(Some(Rc::clone(&results)));
    match all(args, &target, &inputs, &results, context).await {
        Ok(code) => Ok(code),
        Err(error) => Ok(results.aborted(error)),
    }
}

/// Attaches everything.
async fn all(
    args: &AttachArgs,
    target: &Target,
    inputs: &[Input],
    results: &FileResults,
    context: &CommandContext,
) -> report::Result<u8> {
    let clients = context.clients()?;
    let graph = clients.graph(context.provider());
    let uploads = clients.uploads();
    let endpoint = context.settings.endpoint.value.as_str();
    let required = args.retry.require_state;
    let store = context.store_if_any(required)?;
    // Without a token nothing begins: better now than after reading standard input.
    let mailbox = context.mailbox()?;
    let checked = graph.check_token(mailbox.as_deref()).await;
    context.warn_of_token().await;
    checked.map_err(|error| report::service(&error, target.item(), "no token"))?;
    context
        .prepare_token(inputs.iter().map(Input::size).sum())
        .await;
    let retrier = Retrier::new(context, &graph);
    let mut job = match target {
        Target::Item(_) => None,
        Target::Draft(composed) => {
            inputs::any_readable(inputs)?;
            let files = target::files(inputs, args).await?;
            let intent = intent(args, Resend::Asked);
            Some(MailJob::open(composed.mail.clone(), files, intent, store, context).await?)
        }
        Target::Job(record) => {
            let intent = intent(args, Resend::Never);
            Some(MailJob::resume(record, intent, context.store()?, context).await?)
        }
    };
    let item = match (target, &mut job) {
        (Target::Item(item), _) => {
            resolve_id::resolve(item.clone(), &graph, &retrier, context).await?
        }
        (_, Some(job)) => {
            if job.is_kept() {
                results.set_mail(job.id());
            }
            match job.draft(&graph).await? {
                Drafted::Item(item) => {
                    target::told(job, &item, context);
                    item
                }
                Drafted::Sent => {
                    context.printer.note("the mail was sent before");
                    return Ok(report::SUCCESS);
                }
            }
        }
        (_, None) => return Err(ExitReport::usage("there is nothing to attach to")),
    };
    results.set_item(&item);
    // Before anything that may fail: what a pipe brings does not come again.
    let mut pipe = None;
    if let Some(index) = inputs.iter().position(|input| *input == Input::Stdin) {
        let kept = kept(index, args, &item, store, results, context).await;
        pipe = Some(kept?);
    }
    let wanted = Wanted {
        endpoint,
        item: &item,
        graph: &graph,
        wait: args.retry.wait,
        required,
        uploads: true,
    };
    let item_lock = context.lock_item(&wanted).await?;
    if let Some(Ok(kept)) = &mut pipe
        && let Some(source) = kept.trouble.take()
    {
        let path = kept.path.clone();
        let error = DirError::Io { path, source };
        context.or_without::<()>(Err(error.into()), required)?;
    }
    // A directory in which nothing can be locked is not one to begin sessions in. What it holds
    // counts all the same.
    let readable = store;
    let locked_in = |store: &&Store| {
        let lock = item_lock.as_ref();
        lock.is_some_and(|lock| lock.is_in(store.dir()))
    };
    let store = store.filter(locked_in);
    let draft = match args.send && job.is_none() {
        true => to_be_sent(&item, &graph, &retrier, item_lock.as_ref(), context).await?,
        false => None,
    };
    dry_run::notes(item.kind, inputs, context);

    let reporter = context.report_on(inputs.len());
    let volume = context.account(store, endpoint, item.mailbox.as_deref());
    let owned = Owned::default();
    let services = Services {
        service: Http {
            graph: &graph,
            uploads: &uploads,
        },
        store,
        require_state: required,
        warned: &context.warned,
        observer: &*reporter,
        endpoint,
        limits: context.limits(args.chunk_size),
        started: context.started,
        volume: &volume,
        item_lock: item_lock.as_ref(),
        owned: &owned,
    };
    let mut unverified = false;
    for (index, input) in inputs.iter().enumerate() {
        let since = Instant::now();
        let shown = input.shown();
        let pipe = pipe.take_if(|_| *input == Input::Stdin);
        let file = Begun {
            index,
            input,
            item: &item,
            readable,
        };
        match one(&file, pipe, args, &services, results, context).await {
            Ok(outcome) => {
                unverified |= args.verify && !outcome.verified;
                match &mut job {
                    Some(job) => job.attached(&outcome)?,
                    None if item.kind == ItemKind::Message => {
                        mail_job::take_over(&item, &TakenOver::Attached(&outcome), context);
                    }
                    None => {}
                }
                results.attached(index, &outcome, since);
            }
            Err(error) => {
                let error = attachment_limit::explained(error, &shown, &item, &graph).await;
                let error = resolve_id::explained(error, &item, &graph).await;
                let code = results.failed(index, error);
                // The next file would need the same token, or the same time.
                if args.fail_fast || code == report::CREDENTIALS || out_of_time(&services) {
                    break;
                }
            }
        }
        reporter.reached(index + 1);
    }
    reporter.finish();
    if let (Some(job), true) = (&mut job, results.is_complete()) {
        let done = match (args.send, unverified) {
            (true, true) => Err(ExitReport::refused(
                "not sent: an attachment could not be read back",
            )),
            (true, false) => job.send(&graph).await.map(|end| {
                send::said(&item, job.record(), end.certain, context);
            }),
            (false, _) => job.finish(),
        };
        if let Err(error) = done {
            results.unsent(&item.id, &error);
        }
    }
    if let (Some(draft), true) = (&draft, results.is_complete()) {
        let message = send::Message {
            item: &item,
            draft,
            lock: item_lock.as_ref(),
        };
        let sent = match unverified {
            true => Err(ExitReport::refused(
                "not sent: an attachment could not be read back",
            )),
            false => send::no_unfinished(&message, &graph, context).await,
        };
        let sent = match sent {
            Ok(()) => send::deliver(&message, &graph, &retrier, context).await,
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            results.unsent(&item.id, &error);
        }
    }
    Ok(results.finish())
}

/// What the command does with a mail that it makes.
fn intent(args: &AttachArgs, resend: Resend) -> Intent {
    Intent {
        verify: args.verify,
        send: args.send,
        resend,
        required: args.retry.require_state,
        wait: args.retry.wait,
    }
}

/// Finishes a mail that an earlier command began.
pub(super) async fn resume_mail(
    record: &MailRecord,
    retry: &RetryArgs,
    context: &CommandContext,
) -> report::Result<u8> {
    let args = arguments(record, retry);
    let inputs: Vec<Input> = args.files.iter().cloned().map(Input::Path).collect();
    let entries = inputs.iter().map(|input| FileEntry::new(input.path()));
    let results = Rc::new(FileResults::new(
        &context.printer,
        entries.collect(),
        FollowUp::attach(&args),
    ));
    context.results.replace(Some(Rc::clone(&results)));
    let target = Target::Job(Box::new(record.clone()));
    match all(&args, &target, &inputs, &results, context).await {
        Ok(code) => Ok(code),
        Err(error) => Ok(results.aborted(error)),
    }
}

/// The command line of a job, but for what came through standard input: that has a session of its own.
fn arguments(record: &MailRecord, retry: &RetryArgs) -> AttachArgs {
    let files = record.files.iter().filter(|file| !mail_job::is_stdin(file));
    let files: Vec<&MailFile> = files.collect();
    let only = match files.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    AttachArgs {
        files: files.iter().map(|file| file.path.clone()).collect(),
        files_from: None,
        null: false,
        stdin_from_command: false,
        name: only.map(|file| file.name.clone()),
        content_type: only.map(|file| file.content_type.clone()),
        inline: files.iter().any(|file| file.content_id.is_some()),
        content_id: only.and_then(|file| file.content_id.clone()),
        chunk_size: upload::plan::CHUNK,
        verify: record.verify,
        again: false,
        fresh: false,
        fail_fast: false,
        send: record.send,
        dry_run: false,
        new: true,
        item: ItemArgs {
            message: None,
            event: None,
            mailbox: record.mailbox.clone(),
        },
        origin: OriginArgs::default(),
        compose: ComposeArgs::default(),
        retry: retry.clone(),
    }
}

/// The draft that is sent in the end; none if it turns out that an earlier command sent it.
async fn to_be_sent(
    item: &Item,
    graph: &GraphClient,
    retrier: &Retrier<'_>,
    lock: Option<&ItemLock>,
    context: &CommandContext,
) -> report::Result<Option<Found>> {
    match send::ready(item, graph, retrier).await {
        Ok(draft) => Ok(Some(draft)),
        Err(send::NotReady::Sent(draft)) => {
            let message = send::Message {
                item,
                draft: &draft,
                lock,
            };
            match send::turned_out(&message, context) {
                true => Ok(None),
                false => Err(send::NotReady::Sent(draft).into()),
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// One file of the command.
struct Begun<'a> {
    index: usize,
    input: &'a Input,
    item: &'a Item,
    /// Where earlier sessions are, even if none can be begun there.
    readable: Option<&'a Store>,
}

/// Keeps what comes through the pipe. An error of the pipe is told with its file; one of the state
/// directory, where that is required, ends the command.
async fn kept(
    index: usize,
    args: &AttachArgs,
    item: &Item,
    store: Option<&Store>,
    results: &FileResults,
    context: &CommandContext,
) -> report::Result<report::Result<Kept>> {
    let purpose = Purpose {
        endpoint: context.settings.endpoint.value.as_str().to_owned(),
        item: item.clone(),
        attachment: inputs::attachment(&Input::Stdin, args)?,
        chunk: args.chunk_size,
        again: args.again,
        verify: args.verify,
    };
    let producer = match args.stdin_from_command {
        true => {
            let words = args.files.iter().map(|word| word.clone().into_os_string());
            Producer::Command(words.collect())
        }
        false => Producer::Stdin,
    };
    let (store, coming) = (store.cloned(), results.coming());
    let keep = move || {
        let begun = |id| {
            *coming
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(id)
        };
        pipe::keep(producer, store.as_ref(), &purpose, begun)
    };
    let kept = match tokio::task::spawn_blocking(keep).await? {
        Ok(kept) => kept,
        Err(error) => return Ok(Err(error.into())),
    };
    results.kept(index, kept.id);
    if kept.length == 0 {
        context
            .printer
            .warn("standard input was empty: so is the attachment");
    }
    Ok(Ok(kept))
}

/// Attaches one file.
async fn one(
    file: &Begun<'_>,
    pipe: Option<report::Result<Kept>>,
    args: &AttachArgs,
    services: &Services<'_>,
    results: &FileResults,
    context: &CommandContext,
) -> report::Result<upload::Outcome> {
    let (input, item, readable) = (file.input, file.item, file.readable);
    let attachment = inputs::attachment(input, args)?;
    let mut kept = pipe.transpose()?;
    let path = match (input, &kept) {
        (Input::Path(path), _) => path.as_path(),
        (Input::Stdin, Some(kept)) => kept.path.as_path(),
        (Input::Stdin, None) => Path::new("-"),
    };
    let mut source = Source::open(path)?;
    let own = kept.as_ref().and_then(|kept| kept.id);
    // What standard input brought and is not kept cannot be resumed: its session is not kept either.
    let lost = kept.is_some() && own.is_none();
    let earlier = match readable.filter(|_| !lost) {
        Some(store) => {
            let file = FileOnItem {
                item,
                attachment: &attachment,
                source: &source,
                own,
            };
            let earlier = previous_session(&file, args, store, services, context).await;
            context.or_without(earlier, services.require_state)?
        }
        None => None,
    };
    let (mut earlier, _session_lock) = earlier.unwrap_or((Earlier::Nothing, None));
    let continues = matches!(earlier, Earlier::Unfinished(_));
    let services = &Services {
        store: if continues { readable } else { services.store }.filter(|_| !lost),
        ..*services
    };
    let mut spool = own;
    if let (Some(id), Some(store), Earlier::Unfinished(record)) = (own, readable, &earlier)
        && let Some(first) = pipe::first_copy(record, &store.spool(id))
    {
        // One copy is enough, and the first one's record knows it.
        let _ = store.remove(id);
        (source, spool) = (first, Some(record.id));
        results.kept(file.index, spool);
    }
    if matches!(&earlier, Earlier::Unfinished(record) if record.pipe == Some(Pipe::Waiting)) {
        // Nothing of it was ever sent.
        earlier = Earlier::Nothing;
    }
    let job = Job {
        item: item.clone(),
        attachment,
        source,
        again: args.again,
        verify: args.verify,
        spool,
        earlier,
        is_empty: false,
    };
    let result = Box::pin(upload::attach(&job, services)).await;
    let name = job.attachment.name.clone();
    let kept_in = spool.zip(readable);
    match result {
        Ok(outcome) => {
            if let Some((id, store)) = kept_in {
                pipe::attached(id, &outcome, store);
            }
            Ok(outcome)
        }
        Err(mut failure) => {
            if let Some((id, store)) = kept_in
                && pipe::is_resumable(id, store)
            {
                failure.session = failure.session.or(Some(id));
            }
            if let Some(path) = kept.as_mut().and_then(Kept::keep_temporary) {
                let path = path.display();
                context
                    .printer
                    .warn(&format!("what came is kept in `{path}`"));
            }
            Err(report::not_attached(&failure, &name, item))
        }
    }
}

fn out_of_time(services: &Services<'_>) -> bool {
    services
        .limits
        .deadline
        .is_some_and(|deadline| services.started.elapsed() >= deadline)
}
