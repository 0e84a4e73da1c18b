//! The attachment's id out of any `Location`.
#![no_main]

use graph_upload::client::location::attachment_id;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: String| {
    for location in [
        format!(
            "https://outlook.office.com/api/v2.0/Users('a')/Messages('b')/Attachments('{text}')"
        ),
        format!("https://graph.microsoft.com/v1.0/me/messages/b/attachments/{text}"),
        text,
    ] {
        if let Some(id) = attachment_id(&location) {
            assert!(!id.is_empty() && id.len() <= 2_048);
            assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!id.split('/').any(|part| part == ".."));
        }
    }
});
