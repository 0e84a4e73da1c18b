//! OData query options: `$select`, `$top`, `$skip`, `$orderby`, `$filter`, `$search`, `$expand`.
//!
//! With the service's own restrictions, because a query that only works here is a trap.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::{
    failure::Failure,
    graph::filter::Filter,
    graph::search::Search,
    model::item::Kind,
    model::item_defaults,
    shared::{Head, Shared},
};

/// Documented: the largest page of messages.
const MOST: usize = 1000;

/// The query options of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) select: Option<Vec<String>>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    /// Property path, and whether it goes down.
    pub(crate) orderby: Vec<(String, bool)>,
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<Search>,
    pub(crate) count: bool,
    expand: Vec<String>,
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

impl Query {
    /// Reads a query string. The `$` may be left out, as documented; what is no option is ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut query = Query::default();
        let list = |value: &str| {
            value
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|n| !n.is_empty())
                .collect()
        };
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let number = || {
                value.parse::<usize>().map_err(|_| {
                    bad(format!(
                        "Invalid value '{value}' for ${}.",
                        name.trim_start_matches('$')
                    ))
                })
            };
            match name.trim_start_matches('$').to_ascii_lowercase().as_str() {
                "select" => query.select = Some(list(&value)),
                "top" => match number()? {
                    top @ 1..=MOST => query.top = Some(top),
                    top => {
                        return Err(bad(format!(
                            "Invalid page size specified: '{top}'. Must be \
                        between 1 and {MOST} inclusive."
                        )));
                    }
                },
                "skip" => query.skip = number()?,
                "skiptoken" => query.skip = read_token(&value)?,
                "orderby" => query.orderby = orderby(&value)?,
                "filter" => query.filter = Some(Filter::parse(&value)?),
                "search" => query.search = Some(Search::parse(&value)?),
                "count" => query.count = value.eq_ignore_ascii_case("true"),
                "expand" => query.expand = list(&value),
                _ => {}
            }
        }
        Ok(query)
    }

    /// Refuses properties that are not there.
    pub(crate) fn check_names(&self, kind: Kind) -> Result<(), Failure> {
        let paths = self.filter.iter().flat_map(Filter::paths);
        let orderby = self.orderby.iter().map(|(path, _)| path.as_str());
        let select = self.select.iter().flatten().map(String::as_str);
        for path in select.chain(orderby).chain(paths) {
            let name = path.split('/').next().unwrap_or_default();
            if name != "*" && !item_defaults::knows(kind, name) {
                let kind = match kind {
                    Kind::Message => "message",
                    Kind::Event => "event",
                };
                let message = format!(
                    "Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."
                );
                return Err(Failure::new(400, "RequestBroker--ParseUri", message));
            }
        }
        Ok(())
    }

    /// Refuses what is not there, and the combinations that the service documents as refused.
    pub(crate) fn check_for(&self, kind: Kind) -> Result<(), Failure> {
        self.check_names(kind)?;
        if self.search.is_some() {
            if kind == Kind::Event {
                return Err(bad("The query parameter '$search' is not supported."));
            }
            let other = match self {
                Query {
                    filter: Some(_), ..
                } => Some(("SearchWithFilter", "$filter")),
                Query { orderby, .. } if !orderby.is_empty() => {
                    Some(("SearchWithOrderBy", "$orderby"))
                }
                _ => None,
            };
            if let Some((code, other)) = other {
                let message =
                    format!("The query parameter '{other}' is not supported with '$search'.");
                return Err(Failure::new(400, code, message));
            }
        }
        if kind == Kind::Message
            && let Some(filter) = &self.filter
        {
            // Documented: what is sorted by must lead the filter, in the same order.
            let paths = filter.paths();
            let leads = self.orderby.iter().enumerate().all(|(at, (path, _))| {
                paths
                    .get(at)
                    .is_some_and(|other| other.eq_ignore_ascii_case(path))
            });
            if !leads {
                return Err(Failure::new(
                    400,
                    "InefficientFilter",
                    "The restriction or sort order is too complex for this operation.",
                ));
            }
        }
        Ok(())
    }

    /// Whether an item passes `$filter` and `$search`.
    pub(crate) fn matches(&self, item: &Value) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(item))
            && self.search.as_ref().is_none_or(|search| search.finds(item))
    }

    /// Leaves what is selected, and what is always there.
    pub(crate) fn select(&self, all: &mut Map<String, Value>) {
        if let Some(select) = &self.select {
            all.retain(|name, _| {
                name == "id"
                    || name.starts_with("@odata.")
                    || select
                        .iter()
                        .any(|wanted| wanted.eq_ignore_ascii_case(name))
            });
        }
    }

    pub(crate) fn expands(&self, name: &str) -> bool {
        self.expand.iter().any(|wanted| {
            let wanted = wanted.split('(').next().unwrap_or_default();
            wanted.eq_ignore_ascii_case(name)
        })
    }

    /// Sorts by `$orderby`; what it does not tell apart keeps its order.
    pub(crate) fn sort<T>(&self, entries: &mut [T], of: impl Fn(&T) -> &Value) {
        if self.orderby.is_empty() {
            return;
        }
        entries.sort_by(|a, b| {
            self.orderby
                .iter()
                .fold(Ordering::Equal, |so_far, (path, down)| {
                    so_far.then_with(|| {
                        let order = compare(lookup(of(a), path), lookup(of(b), path));
                        if *down { order.reverse() } else { order }
                    })
                })
        });
    }

    /// The page that is asked for, and where the next one begins if there is one.
    pub(crate) fn page<T>(&self, entries: Vec<T>, size: Option<usize>) -> (Vec<T>, Option<usize>) {
        let size = self.top.or(size).unwrap_or(usize::MAX);
        let end = self.skip.saturating_add(size);
        let next = (entries.len() > end).then_some(end);
        (
            entries.into_iter().skip(self.skip).take(size).collect(),
            next,
        )
    }

    /// The URL of the next page: this one with `name` set to `value`.
    pub(crate) fn next_link(
        &self,
        shared: &Shared,
        head: &Head,
        name: &str,
        value: &str,
    ) -> String {
        let kept = head.query.split('&').filter(|pair| {
            let key = pair
                .split('=')
                .next()
                .unwrap_or_default()
                .replace("%24", "$");
            let key = key.trim_start_matches('$').to_ascii_lowercase();
            !pair.is_empty() && key != "skip" && key != "skiptoken"
        });
        let pairs: Vec<&str> = kept.collect();
        let separator = if pairs.is_empty() { "" } else { "&" };
        format!(
            "{}{}?{}{separator}{name}={value}",
            shared.graph,
            head.path,
            pairs.join("&")
        )
    }

    /// The position as an opaque token.
    pub(crate) fn skip_token(&self, skip: usize) -> String {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.encode(format!("s={skip}"))
    }
}

fn read_token(token: &str) -> Result<usize, Failure> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    String::from_utf8(bytes)
        .ok()
        .and_then(|text| text.strip_prefix("s=")?.parse().ok())
        .ok_or_else(|| bad("The $skiptoken is invalid."))
}

fn orderby(text: &str) -> Result<Vec<(String, bool)>, Failure> {
    text.split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            let (path, direction) = (words.next(), words.next());
            let down = match direction.map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(_) => return Err(bad("Syntax error in $orderby.")),
            };
            match (path, words.next()) {
                (Some(path), None) => Ok((path.to_owned(), down)),
                _ => Err(bad("Syntax error in $orderby.")),
            }
        })
        .collect()
}

/// The value at a path such as `from/emailAddress/address`.
pub(crate) fn lookup<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(item, |value, name| {
        value
            .as_object()
            .and_then(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map_or(&Value::Null, |(_, value)| value)
    })
}

/// The order of two values: nothing before something, texts without regard to case.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Value::Number(a), Value::Number(b)) => a
            .as_f64()
            .partial_cmp(&b.as_f64())
            .unwrap_or(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => a.is_null().cmp(&b.is_null()).reverse(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refusal(text: &str, kind: Kind) -> String {
        let query = Query::parse(text).and_then(|query| query.check_for(kind));
        query.map_or_else(|failure| failure.code, |()| String::new())
    }

    #[test]
    fn the_service_s_own_restrictions_hold() {
        for (text, code) in [
            (
                "$filter=isDraft eq true&$orderby=subject",
                "InefficientFilter",
            ),
            (
                "$filter=contains(subject,'x')&$orderby=receivedDateTime desc",
                "InefficientFilter",
            ),
            (
                "$filter=receivedDateTime ge 2020-01-01 and isDraft eq true&$orderby=receivedDateTime",
                "",
            ),
            ("$orderby=receivedDateTime desc,subject", ""),
            ("$search=\"x\"&$filter=isDraft eq true", "SearchWithFilter"),
            ("$search=\"x\"&$orderby=subject", "SearchWithOrderBy"),
            ("$select=id,sobject", "RequestBroker--ParseUri"),
            ("$filter=sobject eq 'x'", "RequestBroker--ParseUri"),
            ("$orderby=sobject", "RequestBroker--ParseUri"),
            ("$top=0", "BadRequest"),
            ("$top=1001", "BadRequest"),
            ("$top=many", "BadRequest"),
            ("$skiptoken=x", "BadRequest"),
            ("$orderby=subject sideways", "BadRequest"),
            ("%24select=id&top=5&$count=true&unknown=1", ""),
        ] {
            assert_eq!(refusal(text, Kind::Message), code, "{text}");
        }
        assert_eq!(refusal("$search=\"x\"", Kind::Event), "BadRequest");
        assert_eq!(
            refusal(
                "$filter=subject eq 'x'&$orderby=start/dateTime",
                Kind::Event
            ),
            ""
        );
    }

    #[test]
    fn sorting_is_stable_and_goes_both_ways() {
        let query = Query::parse("$orderby=a desc,b").expect("a query");
        let mut entries = vec![
            json!({"a": 1, "b": "x"}),
            json!({"a": 2, "b": "Y"}),
            json!({"a": 2, "b": "x"}),
            json!({"b": "z"}),
        ];
        query.sort(&mut entries, |entry| entry);
        let order: Vec<&str> = entries.iter().filter_map(|e| e["b"].as_str()).collect();
        assert_eq!(order, ["x", "Y", "x", "z"]);
    }

    proptest! {
        #[test]
        fn pages_hold_everything_once(len in 0usize..60, top in 1usize..20) {
            let mut seen = Vec::new();
            let mut query = Query { top: Some(top), ..Query::default() };
            loop {
                let (page, next) = query.page((0..len).collect(), None);
                seen.extend(page);
                match next {
                    Some(skip) => query.skip = skip,
                    None => break,
                }
            }
            prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = Query::parse(&text);
        }

        #[test]
        fn tokens_read_back(skip in 0usize..1_000_000) {
            prop_assert_eq!(read_token(&Query::default().skip_token(skip)), Ok(skip));
        }
    }
}
