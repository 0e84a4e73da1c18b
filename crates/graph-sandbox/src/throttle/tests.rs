//! Permits, windows, and who overtakes whom.

use proptest::prelude::*;

use super::*;

fn change(item: u64) -> Option<Change> {
    Some(Change {
        item: ItemKey(item),
        session: None,
    })
}

fn range(session: &str) -> Option<Change> {
    Some(Change {
        item: ItemKey(1),
        session: Some(session.to_owned()),
    })
}

#[test]
fn a_range_that_comes_again_overtakes_the_first_one_while_its_body_comes() {
    let (throttle, options) = (Throttle::default(), Options::default());
    let enter = |session| throttle.enter(0, range(session), &options);
    let first = enter("a").expect("free");
    assert_eq!(enter("b").unwrap_err().status, 412);
    let again = enter("a").expect("the same session");
    assert_eq!(first.act().unwrap_err().status, 412);
    assert!(!first.moved(Instant::now()));
    again.act().expect("it holds the item");
    assert_eq!(enter("a").unwrap_err().status, 412, "it acts");
    drop(first);
    assert_eq!(
        enter("b").unwrap_err().status,
        412,
        "the first one held nothing"
    );
    drop(again);
    assert!(enter("b").is_ok());
}

#[test]
fn a_body_that_stands_still_holds_nothing() {
    let (throttle, options) = (Throttle::default(), Options::default());
    let first = throttle.enter(0, change(1), &options).expect("free");
    assert!(first.moved(Instant::now() - 2 * STALLED));
    let second = throttle.enter(0, change(1), &options).expect("free again");
    assert!(first.act().is_err());
    assert!(second.act().is_ok());
}

#[test]
fn requests_and_messages_are_counted() {
    let options = Options {
        requests: Some(2),
        send_rate: Some(1),
        ..Options::default()
    };
    let clock = Clock::default();
    let throttle = Throttle::new(clock.clone());
    let refused = || {
        throttle
            .enter(0, None, &options)
            .map(drop)
            .map_err(|f| f.message)
    };
    assert_eq!((refused(), refused()), (Ok(()), Ok(())));
    assert_eq!(
        refused(),
        Err("Application is over its RequestCount limit.".to_owned())
    );
    clock.advance(REQUESTS_WINDOW);
    assert_eq!(refused(), Ok(()));
    throttle.send(0, &options).expect("one");
    let failure = throttle.send(0, &options).unwrap_err();
    assert_eq!(
        (failure.status, &*failure.code),
        (429, "ErrorExceededMessageLimit")
    );
    clock.advance(SEND_WINDOW);
    throttle.send(0, &options).expect("another minute");
}

#[test]
fn refused_bytes_count_or_not() {
    for (refused_bytes, then) in [(RefusedBytes::Count, false), (RefusedBytes::Free, true)] {
        let options = Options {
            throttle_bytes: Some(10),
            refused_bytes,
            ..Options::default()
        };
        let throttle = Throttle::default();
        throttle.refused(0, 8, &options);
        assert_eq!(throttle.upload(0, 5, &options).is_ok(), then);
        assert_eq!(throttle.upload(0, 5, &options).is_ok(), then);
        assert!(throttle.upload(0, 5, &options).is_err());
    }
}

#[test]
fn one_change_of_an_item_at_a_time() {
    let (throttle, options) = (Throttle::default(), Options::default());
    let first = throttle.enter(0, change(1), &options).expect("free");
    assert_eq!(
        throttle.enter(0, change(1), &options).unwrap_err().status,
        412
    );
    let _other = throttle
        .enter(0, change(2), &options)
        .expect("another item");
    drop(first);
    assert!(throttle.enter(0, change(1), &options).is_ok());
}

#[test]
fn four_requests_of_a_mailbox_at_a_time() {
    let (throttle, options) = (Throttle::default(), Options::default());
    let permits: Vec<_> = (0..4)
        .map(|_| throttle.enter(0, None, &options).expect("room"))
        .collect();
    let refused = throttle.enter(0, None, &options).unwrap_err();
    assert_eq!(
        refused.message,
        "Application is over its MailboxConcurrency limit."
    );
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert!(throttle.enter(1, None, &options).is_ok());
    drop(permits);
    assert!(throttle.enter(0, None, &options).is_ok());
}

proptest! {
    #[test]
    fn a_window_takes_what_fits(
        limit in 1u64..1000, sends in proptest::collection::vec((0u64..100, 1u64..500), 1..50),
        anyway in any::<bool>(),
    ) {
        let start = Instant::now();
        let length = Duration::from_secs(60);
        let mut window = Window::default();
        let mut taken: Vec<(Duration, u64)> = Vec::new();
        let mut now = Duration::ZERO;
        for (wait, bytes) in sends {
            now += Duration::from_secs(wait);
            let before: u64 = taken.iter()
                .filter(|(when, _)| now - *when < length).map(|(_, bytes)| bytes).sum();
            let fits = window.take(bytes, limit, length, start + now, anyway);
            prop_assert_eq!(fits, before + bytes <= limit);
            if fits || anyway {
                taken.push((now, bytes));
            }
        }
    }
}
