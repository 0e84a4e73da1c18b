//! Ranges that cannot be: ahead, behind, negative, two of them, no numbers.

use super::*;

#[test]
fn offsets() {
    let mut cases = Vec::new();
    let first = RANGE.to_string();
    let lies = [
        ("ahead", json!([(2 * RANGE).to_string()])),
        ("far ahead", json!(["99999999999"])),
        ("all of it", json!([SIZE.to_string()])),
        ("behind", json!(["0"])),
        ("in the middle of what was sent", json!(["1000"])),
        ("negative", json!(["-5"])),
        ("a negative number", json!([-5])),
        ("no number", json!(["next"])),
        ("an object", json!({"from": 5})),
        ("beyond any file", json!(["18446744073709551616"])),
        ("two ranges", json!([format!("{first}-"), "2097152-"])),
        (
            "two ranges, backwards",
            json!(["2097152-", format!("{first}-")]),
        ),
        ("an end before the start", json!(["2097152-1"])),
        ("nothing", json!([])),
        ("null", json!(null)),
    ];
    for (name, ranges) in lies {
        let said = next(&ranges);
        // Whatever is said of the first range, every later word is true: what matters is what is held.
        cases.push(case(format!("once {name}"), &[0, 10], {
            let said = said.clone();
            move |asked, _| match (asked.what, asked.nth) {
                (What::Put, 1) => after(said.clone()),
                _ => None,
            }
        }));
        cases.push(case(format!("always {name}"), &[0, 10], {
            let said = said.clone();
            move |asked, _| match asked.what {
                What::Put if asked.range.1 < asked.total => after(said.clone()),
                What::Ask => instead(said.clone()),
                _ => None,
            }
        }));
        cases.push(case(
            format!("nothing taken, {name}"),
            &[10, 5],
            move |asked, _| match asked.what {
                What::Put | What::Ask => instead(said.clone()),
                _ => None,
            },
        ));
    }
    cases.push(case("equal, always", &[10], |asked, _| match asked.what {
        What::Put => instead(next(&json!([asked.range.0.to_string()]))),
        _ => None,
    }));
    for said in ["1000", "-1", "x"] {
        cases.push(case(
            format!("a new session asks for {said}"),
            &[10],
            move |asked, places| {
                let url = format!("{}/up/1?authtoken={SECRET}", places.upload);
                let body = json!({"uploadUrl": url, "nextExpectedRanges": [said]});
                (asked.what == What::Create).then(|| Lie::After(Answer::Raw(reply(201, &body))))
            },
        ));
    }
    prove_all("offsets", cases);
}
