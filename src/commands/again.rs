//! The command that goes on with what `attach` could not finish, written so that it can be pasted.
//! Pure.

use super::inputs::Input;
use crate::{
    cli::AttachArgs,
    exit::{flags, shell},
    graph::Item,
    upload::plan::CHUNK,
};

/// `attach` again onto `item`: it skips what is attached, resumes what is begun, and sends if that
/// was asked for.
pub(super) fn command(args: &AttachArgs, item: &Item, inputs: &[Input]) -> String {
    let mut words = vec!["graph-attach attach".to_owned(), flags(item)];
    let mut option = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            words.push(format!("{name} {}", shell(value)));
        }
    };
    option("--name", &args.name);
    option("--content-type", &args.content_type);
    option("--content-id", &args.content_id);
    let chunk = (args.chunk_size != CHUNK).then(|| args.chunk_size.to_string());
    option("--chunk-size", &chunk);
    for (given, name) in [
        (args.inline, "--inline"),
        (args.verify, "--verify"),
        (args.again, "--again"),
        (args.fail_fast, "--fail-fast"),
        (args.send, "--send"),
    ] {
        if given {
            words.push(name.to_owned());
        }
    }
    // A list that can be read again need not be written out.
    let list = args
        .files_from
        .as_ref()
        .filter(|list| list.as_os_str() != "-");
    let paths: Vec<String> = match list {
        Some(list) => {
            words.push(format!("--files-from {}", shell(&list.to_string_lossy())));
            words.extend(args.null.then(|| "--null".to_owned()));
            let files = args.files.iter();
            files.map(|path| path.display().to_string()).collect()
        }
        None => inputs.iter().map(Input::display).collect(),
    };
    if paths
        .iter()
        .any(|path| path.starts_with('-') && path != "-")
    {
        words.push("--".to_owned());
    }
    words.extend(paths.iter().map(|path| shell(path)));
    words.join(" ")
}
