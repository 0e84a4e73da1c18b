//! The secrets that this process knows, and the one function that blanks them in texts from outside.
//!
//! A service may echo what it was sent: a bearer in a message, an upload URL in a diagnostic header. Such a
//! text is cleaned before anything keeps it. Tokens and upload URLs register themselves when they are made;
//! whoever holds other secrets (client secrets, refresh tokens) calls [`register`].
//!
//! The registry belongs to the process, not to a client: a text that one connection brings may hold the
//! secret of another.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{PoisonError, RwLock},
};

use url::Url;

/// What stands in place of a secret.
pub const BLANK: &str = "[REDACTED]";

/// Most secrets of one kind that are remembered; the oldest are forgotten first. Far more than are in use
/// at one time: a run over thousands of files has thousands of upload URLs, one after another.
const MOST: usize = 256;

/// Shorter texts are not taken for secrets: blanking every `a` would blank everything.
const SHORTEST: usize = 6;

/// A secret is also known by its parts, because an echo may be cut: any `2 * BLOCK - 1` characters of it in
/// a row hold one whole block.
const BLOCK: usize = 12;

/// Longer texts are not cleaned: they are content, which is hashed and never shown.
const LONGEST: usize = 256 * 1024;

/// How a JSON Web Token begins: `{"` in base64.
const TOKEN_START: &str = "eyJ";

/// A text that begins like a token and is this long is one, whether it is known or not.
const SHORTEST_TOKEN: usize = 24;

static SECRETS: RwLock<Option<Registry>> = RwLock::new(None);

/// Remembers a token, a client secret or the like: from now on [`clean`] blanks it, whole or in part.
pub fn register(secret: &str) {
    let secret = secret.trim();
    if secret.len() >= SHORTEST {
        change(|registry| registry.opaque(secret));
    }
}

/// Remembers an upload URL: blanked as a whole, from its path on, and each value of its query in part too.
/// Its host and the ids in its path are no secrets by themselves.
pub(crate) fn register_url(url: &str) {
    change(|registry| {
        registry.exact(url);
        let Ok(parsed) = Url::parse(url) else { return };
        if let Some(query) = parsed.query() {
            registry.exact(&format!("{}?{query}", parsed.path()));
            registry.exact(query);
            for value in query.split('&').filter_map(|pair| pair.split_once('=')) {
                registry.opaque(value.1);
            }
        }
    });
}

/// The text with every known secret, and whatever looks like a token, blanked.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.len() < SHORTEST || text.len() > LONGEST {
        return Cow::Borrowed(text);
    }
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let mut found = tokens(text.as_bytes());
    if let Some(registry) = &*secrets {
        registry.find(text.as_bytes(), &mut found);
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(blank(text.as_bytes(), found))
}

fn change(how: impl FnOnce(&mut Registry)) {
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    how(secrets.get_or_insert_default());
}

#[derive(Default)]
struct Registry {
    /// Known only as a whole.
    exact: VecDeque<Box<[u8]>>,
    /// Known in part too, each under a number that is never used again.
    opaque: VecDeque<(u64, Box<[u8]>)>,
    next: u64,
    /// Where each block stands: in which secret, at which place.
    blocks: HashMap<[u8; BLOCK], Vec<(u64, usize)>>,
}

impl Registry {
    fn exact(&mut self, secret: &str) {
        let secret = secret.as_bytes();
        if secret.len() < SHORTEST || self.exact.iter().any(|known| **known == *secret) {
            return;
        }
        self.exact.push_back(secret.into());
        if self.exact.len() > MOST {
            self.exact.pop_front();
        }
    }

    fn opaque(&mut self, secret: &str) {
        // What makes a token one is its signature. The claims before it are no secret by themselves, and other
        // texts have parts of them: an Outlook id holds the mailbox's id in base64, as the claims do.
        if let Some((_, signature)) = secret.rsplit_once('.')
            && secret.starts_with(TOKEN_START)
        {
            self.exact(secret);
            return self.opaque(signature);
        }
        if secret.len() < 2 * BLOCK {
            return self.exact(secret);
        }
        let secret = secret.as_bytes();
        if self.opaque.iter().any(|(_, known)| **known == *secret) {
            return;
        }
        let id = self.next;
        self.next += 1;
        for (n, block) in secret.as_chunks::<BLOCK>().0.iter().enumerate() {
            self.blocks.entry(*block).or_default().push((id, n * BLOCK));
        }
        self.opaque.push_back((id, secret.into()));
        if self.opaque.len() > MOST
            && let Some((old, secret)) = self.opaque.pop_front()
        {
            for block in secret.as_chunks::<BLOCK>().0 {
                if let Some(places) = self.blocks.get_mut(block) {
                    places.retain(|(id, _)| *id != old);
                    if places.is_empty() {
                        self.blocks.remove(block);
                    }
                }
            }
        }
    }

    fn find(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        for secret in &self.exact {
            let mut from = 0;
            while let Some(at) = position(&text[from..], secret) {
                found.push(from + at..from + at + secret.len());
                from += at + secret.len();
            }
        }
        let mut at = 0;
        while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            let longest = self
                .blocks
                .get(block)
                .into_iter()
                .flatten()
                .filter_map(|&(id, place)| Some(around(text, at, self.secret(id)?, place)))
                .max_by_key(Range::len);
            match longest {
                Some(run) => {
                    at = run.end.max(at + 1);
                    found.push(run);
                }
                None => at += 1,
            }
        }
    }

    fn secret(&self, id: u64) -> Option<&[u8]> {
        let at = self.opaque.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.opaque.get(at).map(|(_, secret)| &**secret)
    }
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// All of the secret that stands around a block of it, which is at `at` in the text and at `place` in the
/// secret.
fn around(text: &[u8], at: usize, secret: &[u8], place: usize) -> Range<usize> {
    let before = text[..at].iter().rev().zip(secret[..place].iter().rev());
    let after = text[at..].iter().zip(&secret[place..]);
    let same = |(a, b): &(&u8, &u8)| a == b;
    at - before.take_while(same).count()..at + after.take_while(same).count()
}

/// What looks like a token, known or not.
fn tokens(text: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(at) = position(&text[from..], TOKEN_START.as_bytes()) {
        let start = from + at;
        let of_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let length = text[start..].iter().take_while(of_token).count();
        if length >= SHORTEST_TOKEN {
            found.push(start..start + length);
        }
        from = start + length;
    }
    found
}

fn blank(text: &[u8], mut found: Vec<Range<usize>>) -> String {
    found.sort_by_key(|run| run.start);
    let (mut clean, mut end) = (Vec::with_capacity(text.len()), 0);
    for run in found {
        if run.start > end || clean.is_empty() {
            clean.extend_from_slice(&text[end..run.start.max(end)]);
            clean.extend_from_slice(BLANK.as_bytes());
        }
        end = end.max(run.end);
    }
    clean.extend_from_slice(&text[end..]);
    String::from_utf8_lossy(&clean).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "Q7~first.secret-value_that/is+long=";

    #[test]
    fn a_secret_is_blanked_whole_and_in_part() {
        register(SECRET);
        assert_eq!(
            clean(&format!("no `{SECRET}` here")),
            "no `[REDACTED]` here"
        );
        // Cut at either end, as an echo of limited length is.
        for part in [&SECRET[..24], &SECRET[10..], &SECRET[5..29]] {
            let shown = clean(part).into_owned();
            assert_eq!(shown, BLANK, "{part}");
        }
        assert_eq!(clean("nothing of it"), "nothing of it");
        assert!(matches!(clean("nothing of it"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_item_s_id_is_not_taken_for_the_token_that_names_the_same_user() {
        let user = "kYThlOGUyMTktNDkzMS00NWMxLWI3M2QtNjI2MjZmZDc5YzMy";
        let signature = "xaY6qVjnRz62MBqccAzfAhA7c7stWk6IpGr-n2G4LNPz";
        let token = format!("eyJhbGciOiJub25lIn0.{user}.{signature}");
        register(&token);
        let id = format!("AAMkAGE4Z{user}AAA=");
        assert_eq!(clean(&id), id);
        for part in [&token[..30], &token[4..], &signature[3..40]] {
            let shown = clean(part).into_owned();
            assert!(
                !shown.contains(&signature[12..24]) && shown.contains(BLANK),
                "{part}: {shown}"
            );
        }
        register_url(&format!("https://outlook.office.com/x?authtoken={token}"));
        assert_eq!(clean(&id), id);
    }

    #[test]
    fn short_secrets_are_blanked_whole_and_tiny_ones_are_none() {
        register("hunter2!");
        register("a");
        assert_eq!(clean("a hunter2! b"), "a [REDACTED] b");
    }

    #[test]
    fn an_upload_url_is_blanked_and_its_host_and_ids_are_not() {
        let url = "https://outlook.office.com/api/v2.0/Users('u@t')/Messages('AAMkRedact=')/AttachmentSessions('S=')?authtoken=abcDEF123456ghiJKL789012mnoPQR";
        register_url(url);
        let path = url.strip_prefix("https://outlook.office.com").unwrap();
        for (text, shown) in [
            (format!("PUT {url} failed"), "PUT [REDACTED] failed"),
            (format!("PUT {path} failed"), "PUT [REDACTED] failed"),
            (
                "?authtoken=abcDEF123456ghiJKL789012mnoPQR".to_owned(),
                "?[REDACTED]",
            ),
            ("'abcDEF123456ghiJKL789012'".to_owned(), "'[REDACTED]'"),
        ] {
            assert_eq!(clean(&text), shown, "{text}");
        }
        let harmless = "outlook.office.com does not know Messages('AAMkRedact=')";
        assert_eq!(clean(harmless), harmless);
    }

    #[test]
    fn what_an_id_shares_with_a_token_s_claims_is_no_secret() {
        let shared = "LTVmYzEtNGQ2Zi1hNjM1LTBmNmQwM2Y4ZmY1YQ";
        let token =
            format!("eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiI{shared}In0.q83vEjRWeJCrze8SNFZ4kKvN7xI0Vni");
        register(&token);
        let id = format!("AAMkAG{shared}BGAAAA=");
        assert_eq!(clean(&id), id);
        for text in [
            token.as_str(),
            &token[40..],
            "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiI",
        ] {
            let shown = clean(&format!("<{text}>")).into_owned();
            assert!(
                shown.ends_with("[REDACTED]>") && !shown.contains("q83v"),
                "{shown}"
            );
        }
    }

    #[test]
    fn whatever_looks_like_a_token_is_blanked() {
        let token = "eyJ0eXAiOiJKV1QiLCJub25jZSI6.eyJhdWQi.c2ln";
        assert_eq!(
            clean(&format!("bad token {token}.")),
            "bad token [REDACTED]"
        );
        assert_eq!(clean("the file eyJ.txt"), "the file eyJ.txt");
    }

    #[test]
    fn the_oldest_are_forgotten_and_nothing_grows() {
        let mut registry = Registry::default();
        for n in 0..MOST + 50 {
            registry.opaque(&format!("{n:06}{}", "x".repeat(40)));
            registry.exact(&format!("{n:06}"));
        }
        assert_eq!((registry.opaque.len(), registry.exact.len()), (MOST, MOST));
        let places: usize = registry.blocks.values().map(Vec::len).sum();
        assert_eq!(places, MOST * 3);
    }

    proptest! {
        #[test]
        fn no_long_part_survives(before in ".{0,20}", after in ".{0,20}", start in 0usize..12, length in 23usize..24) {
            register(SECRET);
            let part = &SECRET[start..start + length];
            let shown = clean(&format!("{before}{part}{after}")).into_owned();
            prop_assert!(!shown.contains(part), "{}", shown);
        }

        #[test]
        fn any_text_is_cleaned_without_a_panic(secret in ".{0,60}", text in ".{0,200}") {
            let mut registry = Registry::default();
            registry.opaque(&secret);
            let mut found = tokens(text.as_bytes());
            registry.find(text.as_bytes(), &mut found);
            let _ = blank(text.as_bytes(), found);
        }
    }
}
