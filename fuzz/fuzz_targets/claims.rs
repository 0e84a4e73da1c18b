//! What any token says of itself.
#![no_main]

use graph_attach::auth::{Token, claims::Claims};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: String| {
    if let Ok(token) = Token::new(&text) {
        if let Some(claims) = Claims::of(&token) {
            claims.is_app_only();
            claims.borrowed_app();
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
});
