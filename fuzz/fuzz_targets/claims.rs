//! What any token says of itself.
#![no_main]

use graph_attach::auth::Claims;
use graph_upload::client::BearerToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: String| {
    if let Ok(token) = BearerToken::new(&text) {
        if let Some(claims) = Claims::of(&token) {
            claims.is_app_only();
            claims.borrowed_app();
        }
        assert_eq!(format!("{token:?}"), "BearerToken(…)");
    }
});
