//! Upload URLs: what is taken is used byte for byte, is https or this computer, and hides itself.
#![no_main]

use graph_upload::UploadUrl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: String| {
    for text in [format!("https://outlook.office.com/{text}"), text] {
        if let Ok(url) = UploadUrl::new(text.clone()) {
            assert_eq!(url.expose(), text);
            assert!(!url.host().is_empty());
            assert!(text.bytes().all(|byte| byte > b' ' && byte != 0x7f));
            assert!(!text.contains('#'));
            assert_eq!(format!("{url:?}"), "UploadUrl(…)");
        }
    }
});
