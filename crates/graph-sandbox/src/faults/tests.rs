//! The grammar in full, and which requests a fault strikes.

use proptest::prelude::*;

use super::*;

fn fault(text: &str) -> Fault {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_grammar_in_full() {
    assert_eq!(fault("put@1=drop").what, What::Drop);
    assert_eq!(fault("put@2x3=lost").count.get(), 3);
    assert_eq!(fault("put@2=reset:1000000").what, What::Reset(1_000_000));
    assert_eq!(fault("put@2=reset").what, What::Reset(0));
    assert_eq!(
        fault("status@1=stall:0.5").what,
        What::Stall(Duration::from_millis(500))
    );
    assert_eq!(fault("create@1=expire").what, What::Expire);
    assert_eq!(fault("list@1=html").what, What::Html);
    assert_eq!(fault("value@1=page").what, What::Page);
    assert_eq!(fault("value@1=cut").what, What::Cut(None));
    assert_eq!(fault("value@1=short:7").what, What::Short(Some(7)));
    assert_eq!(fault("post@1=done:404").what, What::Done(404, None));
    assert_eq!(
        fault("post@1=done:503:2").what,
        What::Done(503, Some("2".to_owned()))
    );
    assert_eq!(
        fault("send@1=late:1.5:504").what,
        What::Late(Duration::from_millis(1500), Some(504))
    );
    assert_eq!(
        fault("post@1=late:4").what,
        What::Late(Duration::from_secs(4), None)
    );
    assert_eq!(fault("any@1=503").what, What::Status(503, None));
    assert_eq!(
        fault("post@1=429:7").what,
        What::Status(429, Some("7".to_owned()))
    );
    assert_eq!(
        fault("send@1=503:Wed, 21 Oct 2026 07:28:00 GMT").what,
        What::Status(503, Some("Wed, 21 Oct 2026 07:28:00 GMT".to_owned()))
    );
}

#[test]
fn what_is_no_fault_is_refused() {
    for text in [
        "",
        "put",
        "put@1",
        "put=drop",
        "@1=drop",
        "putt@1=drop",
        "put@0=drop",
        "put@-1=drop",
        "put@+1=drop",
        "put@1x0=drop",
        "put@1x=drop",
        "put@x2=drop",
        "put@1=",
        "put@1=explode",
        "put@1=drop:1",
        "put@1=html:x",
        "put@1=page:x",
        "put@1=done",
        "put@1=done:drop",
        "put@1=late",
        "put@1=late:x",
        "put@1=late:1:lost",
        "put@1=cut:x",
        "put@1=short:-1",
        "put@1=reset:many",
        "put@1=stall",
        "put@1=stall:-1",
        "put@1=stall:nan",
        "put@1=99",
        "put@1=600",
        "put@1=199",
        "put@1=5o3",
        "put@1=429:soon",
        "post@1=expire",
        "list@1=expire",
        "get@1=expire",
        "send@1=expire",
        "put@1=503:",
    ] {
        assert!(text.parse::<Fault>().is_err(), "`{text}` was taken");
    }
}

#[test]
fn messages_name_what_is_wrong() {
    let error = |text: &str| text.parse::<Fault>().unwrap_err().to_string();
    assert!(error("putt@1=drop").contains("`putt`"));
    assert!(error("put@0=drop").contains("counted from 1"));
    assert!(error("put@1=explode").contains("`explode`"));
    assert!(error("get@1=expire").contains("session"));
}

#[test]
fn several_faults_count_on_their_own() {
    let mut plan = FaultPlan::default();
    plan.add([fault("put@2=drop"), fault("any@2x2=503")]);
    assert_eq!(plan.strike(&[Where::Put]), None);
    assert_eq!(plan.strike(&[Where::Put]), Some(What::Drop));
    assert_eq!(plan.strike(&[]), Some(What::Status(503, None)));
    assert_eq!(plan.strike(&[Where::Put]), None);
    assert_eq!(plan.pending().count(), 0);
}

fn any_fault() -> impl Strategy<Value = Fault> {
    let what = prop_oneof![
        (200u16..600, proptest::option::of(0u32..9999))
            .prop_map(|(code, after)| What::Status(code, after.map(|a| a.to_string()))),
        Just(What::Drop),
        Just(What::Lost),
        any::<u64>().prop_map(What::Reset),
        (0u64..1_000_000).prop_map(|ms| What::Stall(Duration::from_millis(ms))),
        Just(What::Html),
        Just(What::Page),
        Just(What::Empty),
        Just(What::Other),
        (200u16..600).prop_map(|code| What::Done(code, None)),
        (0u64..100_000, proptest::option::of(200u16..600))
            .prop_map(|(ms, code)| What::Late(Duration::from_millis(ms), code)),
        proptest::option::of(any::<u64>()).prop_map(What::Cut),
        proptest::option::of(any::<u64>()).prop_map(What::Short),
    ];
    (0usize..WHERE.len(), 1u64..1000, 1u64..1000, what).prop_map(|(place, nth, count, what)| {
        Fault {
            place: WHERE[place].1,
            nth: NonZeroU64::new(nth).expect("not zero"),
            count: NonZeroU64::new(count).expect("not zero"),
            what,
        }
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(fault in any_fault()) {
        prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}") {
        let _ = text.parse::<Fault>();
    }

    #[test]
    fn strikes_exactly_count_requests_from_the_nth(
        nth in 1u64..20, count in 1u64..20, requests in 0u64..60,
    ) {
        let mut plan = FaultPlan::default();
        plan.add([fault(&format!("put@{nth}x{count}=drop"))]);
        for number in 1..=requests {
            prop_assert_eq!(plan.strike(&[Where::Get]), None);
            let struck = plan.strike(&[Where::Put]).is_some();
            prop_assert_eq!(struck, number >= nth && number < nth + count);
        }
    }
}
