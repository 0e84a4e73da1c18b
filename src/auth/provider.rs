//! Asks the one source for a token, and again when the token is about to end or was refused.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{
    CredentialError, Error, Token,
    reply::AccessToken,
    source::{Context, Fetched, Fixed, Selection, TokenSource, is_saved, select, source},
};
use crate::settings::{Cloud, Origin, Settings, Sourced};

/// A token with less left than this is replaced: it must outlast a request and a skewed clock.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// A source that keeps giving tokens near their end (a cache, a stale file) is asked no more often
/// than this.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// Gives tokens from one source, and remembers the last.
pub struct Provider {
    source: Box<dyn TokenSource>,
    origin: Origin,
    ignored: Vec<Origin>,
    cloud: Option<&'static Cloud>,
    cached: Mutex<Cached>,
    clock: fn() -> Timestamp,
}

#[derive(Default)]
struct Cached {
    /// The token, and when it was asked for.
    token: Option<(AccessToken, Timestamp)>,
    notes: Vec<String>,
    /// Whether the service has challenged a token.
    challenged: bool,
    /// Whether a token was renewed for a long upload.
    prepared: bool,
}

impl Provider {
    /// The provider of the one source that the settings come to; asks it nothing yet.
    ///
    /// # Errors
    /// When no source is set, or when what is set cannot be a source.
    pub fn of(settings: &Settings) -> Result<Self, Error> {
        let context = Context::of(settings);
        let saved = is_saved(&settings.identity, &context).then(|| settings.identity.clone());
        Provider::new(select(settings.credentials.clone(), saved)?, &context)
    }

    /// Prepares a source; asks it nothing yet.
    ///
    /// # Errors
    /// When what is configured cannot be a source.
    pub fn new(selection: Selection, context: &Context) -> Result<Self, Error> {
        let Selection {
            credential: Sourced { value, origin },
            ignored,
        } = selection;
        match source(&value, context) {
            Ok(source) => {
                let cloud = Some(context.cloud);
                Ok(Provider {
                    ignored,
                    cloud,
                    ..Provider::with(source, origin)
                })
            }
            Err(problem) => Err(Error::Source { origin, problem }),
        }
    }

    /// A provider of just this token, which cannot be renewed.
    pub fn fixed(token: Token, origin: Origin) -> Self {
        Provider::with(Box::new(Fixed(AccessToken::bare(token))), origin)
    }

    fn with(source: Box<dyn TokenSource>, origin: Origin) -> Self {
        Provider {
            source,
            origin,
            ignored: Vec::new(),
            cloud: None,
            cached: Mutex::default(),
            clock: Timestamp::now,
        }
    }

    /// Where the tokens come from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The cloud that the tokens are meant for, if the settings named one.
    pub fn cloud(&self) -> Option<&'static Cloud> {
        self.cloud
    }

    /// Sources that are set too, and have no say.
    pub fn ignored(&self) -> &[Origin] {
        &self.ignored
    }

    /// A token that has, as far as anyone can tell, at least five minutes left.
    ///
    /// # Errors
    /// When the source gives none, and none is left from before.
    pub async fn token(&self) -> Result<Token, Error> {
        Ok(self.issued().await?.token)
    }

    /// The same, with what is known of its end.
    ///
    /// # Errors
    /// When the source gives none, and none is left from before.
    pub async fn issued(&self) -> Result<AccessToken, Error> {
        let mut cached = self.cached.lock().await;
        let now = (self.clock)();
        let current = cached.token.as_ref();
        if let Some((issued, asked)) = current
            && !(self.source.renewable() && is_due(issued.expires, *asked, now))
        {
            return Ok(issued.clone());
        }
        match self.ask(&mut cached, None, now).await {
            Ok(issued) => Ok(issued),
            // Fetching early is a precaution; what is still good is used.
            Err(error) => match &mut cached.token {
                Some((issued, asked)) if issued.expires.is_some_and(|end| now < end) => {
                    *asked = now;
                    Ok(issued.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Another token in place of one that the service refused; `None` if there is no other.
    ///
    /// # Errors
    /// When the source fails.
    pub async fn renew(&self, rejected: &Token) -> Result<Option<Token>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some((issued, _)) = &cached.token
            && issued.token != *rejected
        {
            return Ok(Some(issued.token.clone()));
        }
        if !self.source.renewable() {
            return Ok(None);
        }
        let token = self
            .ask(&mut cached, Some(rejected), (self.clock)())
            .await?
            .token;
        Ok((token != *rejected).then_some(token))
    }

    /// A token that meets a claims challenge, in place of one that the service refused; `None` if there was
    /// one before: what one new sign-in did not help, the next does not.
    ///
    /// # Errors
    /// When the source has no such token.
    pub async fn challenged(&self, rejected: &Token, claims: &str) -> Result<Option<Token>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some((issued, _)) = &cached.token
            && issued.token != *rejected
        {
            return Ok(Some(issued.token.clone()));
        }
        if std::mem::replace(&mut cached.challenged, true) {
            return Ok(None);
        }
        let answer = self.source.challenge(rejected, claims).await;
        let issued = self.keep(&mut cached, answer, (self.clock)())?;
        Ok(Some(issued.token))
    }

    /// Whether there was a claims challenge, for the explanation of a refusal that follows.
    pub fn was_challenged(&self) -> bool {
        self.cached.try_lock().is_ok_and(|cached| cached.challenged)
    }

    /// Sees to it that the token has this long left, as far as its source can: once, before a long upload. A
    /// failure is none, as long as there is a token.
    pub async fn prepare(&self, left: SignedDuration) {
        let mut cached = self.cached.lock().await;
        let now = (self.clock)();
        let Some((issued, _)) = &cached.token else {
            return;
        };
        let short = issued
            .expires
            .is_some_and(|end| end.duration_since(now) < left);
        if short && self.source.renewable() && !std::mem::replace(&mut cached.prepared, true) {
            let old = issued_token(&cached);
            let _ = self.ask(&mut cached, old.as_ref(), now).await;
        }
    }

    /// What a person should know about the source; each thing is told once.
    pub async fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.cached.lock().await.notes)
    }

    async fn ask(
        &self,
        cached: &mut Cached,
        instead_of: Option<&Token>,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let answer = self.source.fetch(instead_of).await;
        self.keep(cached, answer, now)
    }

    fn keep(
        &self,
        cached: &mut Cached,
        answer: Result<Fetched, CredentialError>,
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let first = cached.token.is_none();
        let Fetched { issued, note } = answer.map_err(|problem| Error::Source {
            origin: self.origin.clone(),
            problem,
        })?;
        cached.token = Some((issued.clone(), now));
        cached.notes.extend(note.filter(|_| first));
        Ok(issued)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

fn issued_token(cached: &Cached) -> Option<Token> {
    cached
        .token
        .as_ref()
        .map(|(issued, _)| issued.token.clone())
}

/// Whether the source should be asked again before the token ends. Pure.
fn is_due(expires: Option<Timestamp>, asked: Timestamp, now: Timestamp) -> bool {
    expires.is_some_and(|end| end.duration_since(now) < MARGIN)
        && now.duration_since(asked) >= PAUSE
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    };

    use super::*;
    use crate::auth::source::Fetching;

    const NOW: i64 = 1_800_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Gives `token-1`, `token-2`, … each with some seconds left; fails from a certain call on.
    struct Counting {
        calls: Arc<AtomicUsize>,
        left: Option<i64>,
        renewable: bool,
        same: bool,
        fails_from: usize,
    }

    impl TokenSource for Counting {
        fn fetch<'a>(&'a self, _instead_of: Option<&'a Token>) -> Fetching<'a> {
            Box::pin(async {
                let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
                if call >= self.fails_from {
                    return Err(CredentialError::Html);
                }
                let number = if self.same { 1 } else { call };
                Ok(Fetched {
                    issued: AccessToken {
                        token: Token::new(&format!("token-{number}")).unwrap(),
                        expires: self.left.map(|left| at(NOW + left)),
                    },
                    note: Some("noted".into()),
                })
            })
        }

        fn renewable(&self) -> bool {
            self.renewable
        }
    }

    fn counting() -> Counting {
        Counting {
            calls: Arc::default(),
            left: None,
            renewable: true,
            same: false,
            fails_from: usize::MAX,
        }
    }

    thread_local! {
        static CLOCK: AtomicI64 = const { AtomicI64::new(NOW) };
    }

    fn wait(seconds: i64) {
        CLOCK.with(|clock| clock.fetch_add(seconds, Ordering::SeqCst));
    }

    fn provider(source: Counting) -> Provider {
        Provider {
            clock: || CLOCK.with(|clock| at(clock.load(Ordering::SeqCst))),
            ..Provider::with(Box::new(source), Origin::Default)
        }
    }

    async fn token(provider: &Provider) -> String {
        provider.token().await.unwrap().expose().to_owned()
    }

    #[tokio::test]
    async fn a_token_is_asked_for_once_and_its_note_told_once() {
        let provider = provider(Counting {
            left: Some(3600),
            ..counting()
        });
        assert_eq!(token(&provider).await, "token-1");
        wait(3000);
        assert_eq!(token(&provider).await, "token-1");
        assert_eq!(provider.take_notes().await, ["noted"]);
        wait(301);
        assert_eq!(token(&provider).await, "token-2");
        assert!(provider.take_notes().await.is_empty());
    }

    #[tokio::test]
    async fn a_source_that_gives_old_tokens_is_not_asked_all_the_time() {
        let calls = Arc::default();
        let source = Counting {
            left: Some(60),
            calls: Arc::clone(&calls),
            ..counting()
        };
        let provider = provider(source);
        for _ in 0..10 {
            token(&provider).await;
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        wait(30);
        token(&provider).await;
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_early_renewal_is_no_failure_until_the_token_has_ended() {
        let provider = provider(Counting {
            left: Some(120),
            fails_from: 2,
            ..counting()
        });
        assert_eq!(token(&provider).await, "token-1");
        wait(60);
        assert_eq!(token(&provider).await, "token-1");
        wait(61);
        assert!(provider.token().await.is_err());
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once() {
        let provider = provider(counting());
        let first = provider.token().await.unwrap();
        let second = provider.renew(&first).await.unwrap().unwrap();
        assert_eq!(second.expose(), "token-2");
        // Two requests were refused at the same time: the second finds the new token there.
        assert_eq!(provider.renew(&first).await.unwrap().unwrap(), second);
        assert_eq!(token(&provider).await, "token-2");
    }

    #[tokio::test]
    async fn the_same_token_again_is_no_renewal() {
        let provider = provider(Counting {
            same: true,
            ..counting()
        });
        let first = provider.token().await.unwrap();
        assert_eq!(provider.renew(&first).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_renewed_is_not_asked_again() {
        let calls = Arc::default();
        let source = Counting {
            left: Some(1),
            renewable: false,
            calls: Arc::clone(&calls),
            ..counting()
        };
        let provider = provider(source);
        let first = provider.token().await.unwrap();
        wait(1000);
        assert_eq!(provider.token().await.unwrap(), first);
        assert_eq!(provider.renew(&first).await.unwrap(), None);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn before_a_long_upload_a_token_is_renewed_once() {
        let hour = SignedDuration::from_hours(1);
        let provider = provider(Counting {
            left: Some(600),
            ..counting()
        });
        provider.prepare(hour).await;
        assert_eq!(token(&provider).await, "token-1");
        provider.prepare(SignedDuration::from_mins(9)).await;
        assert_eq!(token(&provider).await, "token-1");
        provider.prepare(hour).await;
        assert_eq!(token(&provider).await, "token-2");
        provider.prepare(hour).await;
        assert_eq!(token(&provider).await, "token-2");
    }

    #[tokio::test]
    async fn a_failed_renewal_before_a_long_upload_is_no_failure() {
        let provider = provider(Counting {
            left: Some(600),
            fails_from: 2,
            ..counting()
        });
        assert_eq!(token(&provider).await, "token-1");
        provider.prepare(SignedDuration::from_hours(1)).await;
        assert_eq!(token(&provider).await, "token-1");
    }

    #[tokio::test]
    async fn a_claims_challenge_is_answered_once_by_a_new_token() {
        let renewing = provider(counting());
        let first = renewing.token().await.unwrap();
        let second = renewing.challenged(&first, "{}").await.unwrap().unwrap();
        assert_eq!(second.expose(), "token-2");
        assert_eq!(
            renewing.challenged(&first, "{}").await.unwrap().unwrap(),
            second
        );
        assert_eq!(renewing.challenged(&second, "{}").await.unwrap(), None);
        assert!(renewing.was_challenged());
        for source in [
            Counting {
                same: true,
                ..counting()
            },
            Counting {
                renewable: false,
                ..counting()
            },
        ] {
            let stuck = provider(source);
            let first = stuck.token().await.unwrap();
            let error = stuck.challenged(&first, "{}").await.unwrap_err();
            assert!(error.to_string().contains("another sign-in"), "{error}");
        }
    }

    #[tokio::test]
    async fn nothing_shows_the_token() {
        let provider = provider(counting());
        token(&provider).await;
        assert!(!format!("{provider:?}").contains("token-1"));
    }
}
