//! Attaches a file to a message: `GRAPH_TOKEN=… cargo run --example attach -- MESSAGE-ID FILE`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program may")]

use graph_upload::{BearerToken, Item, Uploader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(message), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: attach MESSAGE-ID FILE".into());
    };
    let token = BearerToken::new(&std::env::var("GRAPH_TOKEN")?)?;
    let mut builder = Uploader::builder(token).state_dir("uploads");
    if let Ok(endpoint) = std::env::var("GRAPH_ENDPOINT") {
        builder = builder.endpoint(endpoint);
    }
    let uploader = builder.build()?;

    let (upload, handle) = uploader
        .attach(Item::message(message), file)
        .verify()
        .start();
    let mut progress = handle.watch();
    let watching = tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            let now = progress.borrow_and_update().clone();
            eprintln!("{} of {} bytes", now.acknowledged, now.size);
        }
    });
    let attached = upload.await?;
    watching.await?;
    println!("{}", attached.id.unwrap_or_default());
    Ok(())
}
