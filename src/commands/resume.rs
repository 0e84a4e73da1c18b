//! `resume`: finish interrupted uploads.

use std::{collections::HashMap, ffi::OsStr, rc::Rc, time::Instant};

use super::{
    attach,
    context::CommandContext,
    file_results::FileResults,
    follow_up::{FileEntry, FollowUp},
    locking::Wanted,
    mail_job::{self, TakenOver},
    pipe,
    session_prefix::{by_prefix, unknown_session},
};
use crate::{
    args::ResumeArgs,
    auth::{self, Provider},
    report::{self, CommandLine, ExitReport, not_attached},
    session::{MailRecord, Pipe, Record, State, Store, same_service},
    upload::{self, Earlier, Http, Job, Owned, Services, Source},
};

pub(super) async fn run(args: &ResumeArgs, context: &CommandContext) -> report::Result<u8> {
    let store = context.store()?;
    let records = context.records_to_work_on(store)?;
    let all_mails = mail_job::records(store, context)?;
    let (mails, sessions) = mails(args, &all_mails, &records)?;
    let Some(args) = sessions else {
        return resume_mails(&mails, args, &records, store, context).await;
    };
    let args = &args;
    let chosen = match mails.is_empty() {
        true => choose(args, &records)?,
        false => without(choose(args, &records)?, &mails),
    };
    if !mails.is_empty() {
        let code = resume_mails(&mails, args, &records, store, context).await?;
        return match chosen.is_empty() {
            true => Ok(code),
            false => Ok(code.max(sessions_only(chosen, args, store, context).await?)),
        };
    }
    sessions_only(chosen, args, store, context).await
}

/// The mail jobs that are resumed, and the arguments for sessions; none if there is nothing to look for.
fn mails(
    args: &ResumeArgs,
    mails: &[MailRecord],
    records: &[Record],
) -> report::Result<(Vec<MailRecord>, Option<ResumeArgs>)> {
    let open: Vec<&MailRecord> = mails
        .iter()
        .filter(|mail| !mail.progress.state.is_over())
        .collect();
    if args.all {
        return Ok((open.into_iter().cloned().collect(), Some(args.clone())));
    }
    if args.targets.is_empty() {
        let sessions = records
            .iter()
            .filter(|record| record.state == State::Unfinished);
        let others = sessions.filter(|record| !open.iter().any(|mail| is_of(record, mail)));
        return match (open.as_slice(), others.count()) {
            ([], _) => Ok((Vec::new(), Some(args.clone()))),
            ([only], 0) => Ok((vec![(*only).clone()], None)),
            (several, sessions) => {
                let count = several.len() + sessions;
                let report = ExitReport::usage(format!(
                    "there are {count} uploads and mails to resume; which?"
                ));
                let report = several.iter().fold(report, |report, mail| {
                    report.run(CommandLine::own("resume").operand(mail.id.to_string()))
                });
                Err(report
                    .run(CommandLine::own("resume").arg("--all"))
                    .run(CommandLine::own("status")))
            }
        };
    }
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for target in &args.targets {
        match target
            .to_str()
            .map(|text| mail_job::by_prefix(text, mails))
            .as_deref()
        {
            Some([mail]) => chosen.push((*mail).clone()),
            _ => rest.push(target.clone()),
        }
    }
    let sessions = (!rest.is_empty() || chosen.is_empty()).then(|| ResumeArgs {
        targets: rest,
        ..args.clone()
    });
    Ok((chosen, sessions))
}

/// Whether a session is of a job's draft.
fn is_of(record: &Record, mail: &MailRecord) -> bool {
    mail.progress.draft.as_ref() == Some(&record.item.id) && mail.mailbox == record.item.mailbox
}

/// The sessions that do not belong to these jobs.
fn without(chosen: Vec<Record>, mails: &[MailRecord]) -> Vec<Record> {
    let chosen = chosen.into_iter();
    chosen
        .filter(|record| !mails.iter().any(|mail| is_of(record, mail)))
        .collect()
}

/// Finishes mails: what came through a pipe first, which has a session of its own.
async fn resume_mails(
    mails: &[MailRecord],
    args: &ResumeArgs,
    records: &[Record],
    store: &Store,
    context: &CommandContext,
) -> report::Result<u8> {
    let (mut first, mut done) = (None, 0);
    for mail in mails {
        let piped = records.iter().filter(|record| {
            record.spooled && record.state == State::Unfinished && is_of(record, mail)
        });
        let piped: Vec<Record> = piped.cloned().collect();
        let mut code = report::SUCCESS;
        if !piped.is_empty() {
            code = sessions_only(piped, args, store, context).await?;
        }
        if code == report::SUCCESS {
            let mail = store.load_mail(mail.id)?.unwrap_or_else(|| mail.clone());
            code = match mail_job::lost_pipe(&mail) {
                Some(report) => {
                    context.printer.error(&report);
                    report.code
                }
                None => attach::resume_mail(&mail, &args.retry, context).await?,
            };
        }
        match code {
            report::SUCCESS => done += 1,
            code => first = first.or(Some(code)),
        }
    }
    Ok(report::partial(first, done))
}

/// Finishes uploads.
async fn sessions_only(
    chosen: Vec<Record>,
    args: &ResumeArgs,
    store: &Store,
    context: &CommandContext,
) -> report::Result<u8> {
    if chosen.is_empty() {
        context.printer.note("there is no upload to resume");
    }
    let clients = context.clients()?;
    let uploads = clients.uploads();
    let reporter = context.report_on(chosen.len());
    let entries = chosen.iter().map(|record| FileEntry::new(&record.file));
    let results = Rc::new(FileResults::new(
        &context.printer,
        entries.collect(),
        FollowUp::Resume(chosen.iter().map(|record| record.id).collect()),
    ));
    context.results.replace(Some(Rc::clone(&results)));
    // One account for each mailbox, whatever the number of its sessions.
    let mut volumes = HashMap::new();
    let owned = Owned::default();
    for (index, record) in chosen.iter().enumerate() {
        let since = Instant::now();
        let graph = clients.graph(provider(record, context));
        let volume = volumes
            .entry((&record.endpoint, &record.item.mailbox))
            .or_insert_with(|| {
                let mailbox = record.item.mailbox.as_deref();
                context.account(Some(store), &record.endpoint, mailbox)
            });
        let services = Services {
            service: Http {
                graph: &graph,
                uploads: &uploads,
            },
            store: Some(store),
            require_state: args.retry.require_state,
            warned: &context.warned,
            observer: &*reporter,
            endpoint: &record.endpoint,
            limits: context.limits(record.chunk),
            started: context.started,
            volume,
            item_lock: None,
            owned: &owned,
        };
        match one(record, args, store, &services, context).await {
            Ok(outcome) => {
                mail_job::take_over(&record.item, &TakenOver::Attached(&outcome), context);
                results.attached(index, &outcome, since);
            }
            Err(error) => {
                results.failed(index, error);
            }
        }
        reporter.reached(index + 1);
        context.warn_of_token().await;
    }
    reporter.finish();
    Ok(results.finish())
}

/// The token, if it is meant for where the upload was begun.
fn provider(record: &Record, context: &CommandContext) -> Result<Provider, auth::Error> {
    let ours = context.settings.endpoint.value.as_str();
    if !same_service(ours, &record.endpoint) {
        let (theirs, ours) = (record.endpoint.clone(), ours.to_owned());
        return Err(auth::Error::Elsewhere { theirs, ours });
    }
    context.provider()
}

async fn one(
    record: &Record,
    args: &ResumeArgs,
    store: &Store,
    services: &Services<'_>,
    context: &CommandContext,
) -> report::Result<upload::Outcome> {
    let wait = args.retry.wait;
    let required = args.retry.require_state;
    let wanted = Wanted {
        endpoint: &record.endpoint,
        item: &record.item,
        graph: services.service.graph,
        wait,
        required,
        uploads: true,
    };
    let item_lock = context.lock_item(&wanted).await?;
    let services = &Services {
        item_lock: item_lock.as_ref(),
        ..*services
    };
    let session = context.lock_session(store, record.id, wait).await;
    let _session = context.or_without(session, required)?;
    // Read anew under the lock: another process may have finished it meanwhile.
    let Some(record) = store.load(record.id)? else {
        return Err(ExitReport::not_found(format!(
            "session {} is gone",
            record.id
        )));
    };
    if let Some(outcome) = pipe::finished(&record) {
        context.printer.note(&format!(
            "session {} is finished: `{}` was attached before",
            record.id, record.attachment.name
        ));
        return Ok(outcome);
    }
    if record.pipe == Some(Pipe::Incomplete) {
        return Err(incomplete(&record));
    }
    let source = Source::open(&record.file)?;
    let earlier = match (record.state, &record.attachment_id, record.sha256) {
        (State::Finished, Some(attachment), Some(sha256)) => Earlier::Finished {
            attachment: attachment.clone(),
            session: record.id,
            sha256,
        },
        // Nothing of it was ever sent.
        _ if record.pipe == Some(Pipe::Waiting) => Earlier::Nothing,
        _ => Earlier::Unfinished(Box::new(record.clone())),
    };
    let job = Job {
        item: record.item.clone(),
        attachment: record.attachment.clone(),
        source,
        again: record.again,
        verify: args.verify || record.verify,
        spool: record.spooled.then_some(record.id),
        earlier,
        is_empty: false,
    };
    let result = Box::pin(upload::attach(&job, services)).await;
    match result {
        Ok(outcome) => {
            if record.spooled {
                pipe::attached(record.id, &outcome, store);
            }
            Ok(outcome)
        }
        Err(mut failure) => {
            if record.spooled && pipe::is_resumable(record.id, store) {
                failure.session = failure.session.or(Some(record.id));
            }
            let name = &record.attachment.name;
            Err(not_attached(&failure, name, &record.item))
        }
    }
}

/// A pipe whose end was not seen: only a person can say whether it is all.
fn incomplete(record: &Record) -> ExitReport {
    let (id, name) = (record.id, &record.attachment.name);
    let attach = CommandLine::own("attach").item(&record.item);
    let attach = attach.option("--name", name).operand(&record.file);
    ExitReport::file(
        "PipeIncomplete",
        format!(
            "session {id} cannot be resumed: the pipe of `{name}` ended before its producer was done"
        ),
    )
    .cause(format!("what came is kept in `{}`", record.file.display()))
    .run(attach)
    .run(CommandLine::own("cancel").operand(id.to_string()))
}

/// The sessions that the arguments name.
fn choose(args: &ResumeArgs, records: &[Record]) -> report::Result<Vec<Record>> {
    let unfinished: Vec<&Record> = records
        .iter()
        .filter(|record| record.state == State::Unfinished)
        .filter(|record| record.pipe != Some(Pipe::Incomplete))
        .collect();
    if args.all {
        return Ok(unfinished.into_iter().cloned().collect());
    }
    if args.targets.is_empty() {
        return match unfinished.as_slice() {
            [] => Ok(Vec::new()),
            [only] => Ok(vec![(*only).clone()]),
            several => {
                // What they are, and then one command for each.
                let report = ExitReport::usage(format!(
                    "there are {} uploads to resume; which?",
                    several.len()
                ));
                let report = several.iter().fold(report, |report, record| {
                    report.advise(format!("{} is `{}`", record.id, record.attachment.name))
                });
                let resume = || CommandLine::own("resume");
                let report = several.iter().fold(report, |report, record| {
                    report.run(resume().operand(record.id.to_string()))
                });
                Err(report.run(resume().arg("--all")))
            }
        };
    }
    let mut chosen: Vec<Record> = Vec::new();
    for target in &args.targets {
        for record in named(target, records)? {
            if !chosen.iter().any(|other| other.id == record.id) {
                chosen.push(record.clone());
            }
        }
    }
    Ok(chosen)
}

/// The records that one argument names: a session, or the unfinished ones of a file, or if there are
/// none its last.
fn named<'a>(target: &OsStr, records: &'a [Record]) -> report::Result<Vec<&'a Record>> {
    if let Some(text) = target.to_str()
        && let Some(record) = by_prefix(text, records)?
    {
        return Ok(vec![record]);
    }
    // Only an empty path has no absolute form: there is no such file either.
    let path = std::path::absolute(target).unwrap_or_default();
    let of_file = || records.iter().filter(|record| record.file == path);
    let unfinished: Vec<&Record> = of_file()
        .filter(|record| record.state == State::Unfinished)
        .collect();
    match (unfinished.is_empty(), of_file().next_back()) {
        (false, _) => Ok(unfinished),
        // Done already: the last one says so.
        (true, Some(finished)) => Ok(vec![finished]),
        (true, None) => Err(unknown_session(&target.to_string_lossy(), records)),
    }
}
