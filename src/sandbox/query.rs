//! OData query options: `$select`, `$top`, `$skip`, `$orderby`, `$filter`, `$search`, `$expand`.
//!
//! With the service's own restrictions, because a query that only works here is a trap.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{
    failure::Failure,
    filter::Filter,
    item::Kind,
    search::Search,
    shared::{Head, Shared},
};

/// Documented: the largest page of messages.
const MOST: usize = 1000;

/// The query options of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) select: Option<Vec<String>>,
    pub(super) top: Option<usize>,
    pub(super) skip: usize,
    /// Property path, and whether it goes down.
    pub(super) orderby: Vec<(String, bool)>,
    pub(super) filter: Option<Filter>,
    pub(super) search: Option<Search>,
    pub(super) count: bool,
    expand: Vec<String>,
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

impl Query {
    /// Reads a query string. The `$` may be left out, as documented; what is no option is ignored.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
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

    /// Refuses the combinations that the service documents as refused.
    pub(super) fn check_for(&self, kind: Kind) -> Result<(), Failure> {
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
    pub(super) fn matches(&self, item: &Value) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(item))
            && self.search.as_ref().is_none_or(|search| search.finds(item))
    }

    /// Leaves what is selected, and what is always there.
    pub(super) fn select(&self, all: &mut Map<String, Value>) {
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

    pub(super) fn expands(&self, name: &str) -> bool {
        self.expand.iter().any(|wanted| {
            let wanted = wanted.split('(').next().unwrap_or_default();
            wanted.eq_ignore_ascii_case(name)
        })
    }

    /// Sorts by `$orderby`; what it does not tell apart keeps its order.
    pub(super) fn sort<T>(&self, entries: &mut [T], of: impl Fn(&T) -> &Value) {
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
    pub(super) fn page<T>(&self, entries: Vec<T>, size: Option<usize>) -> (Vec<T>, Option<usize>) {
        let size = self.top.or(size).unwrap_or(usize::MAX);
        let end = self.skip.saturating_add(size);
        let next = (entries.len() > end).then_some(end);
        (
            entries.into_iter().skip(self.skip).take(size).collect(),
            next,
        )
    }

    /// The URL of the next page: this one with `name` set to `value`.
    pub(super) fn next_link(
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
    pub(super) fn skip_token(&self, skip: usize) -> String {
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
pub(super) fn lookup<'a>(item: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(item, |value, name| {
        value
            .as_object()
            .and_then(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
            .map_or(&Value::Null, |(_, value)| value)
    })
}

/// The order of two values: nothing before something, texts without regard to case.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
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
