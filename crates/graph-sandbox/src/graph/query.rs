//! OData query options: `$select`, `$top`, `$skip`, `$orderby`, `$filter`, `$search`, `$expand`.
//!
//! With the service's own restrictions, because a query that only works here is a trap.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use hyper::Method;

use super::{filter::Filter, route::Target, search::Search};
use crate::{
    failure::Failure,
    model::{item::Kind, properties},
    server::head::Head,
};

/// Documented: the largest page of messages.
const MOST: usize = 1000;

/// What is to be answered along with an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Expand {
    pub(crate) name: String,
    pub(crate) select: Option<Vec<String>>,
    pub(crate) filter: Option<Filter>,
}

/// The query options of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) select: Option<Vec<String>>,
    pub(crate) top: Option<usize>,
    /// The size of pages where `$top` does not say.
    page: Option<usize>,
    pub(crate) skip: usize,
    /// Property path, and whether it goes down.
    pub(crate) orderby: Vec<(String, bool)>,
    pub(crate) filter: Option<Filter>,
    pub(crate) search: Option<Search>,
    pub(crate) count: bool,
    expand: Vec<Expand>,
    /// The options that were given, in lower case.
    given: Vec<String>,
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(400, "BadRequest", message)
}

fn names(text: &str) -> Vec<String> {
    let names = text.split(',').map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

impl Query {
    /// Reads a query string. The `$` may be left out, as documented.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut query = Query::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let option = name.trim_start_matches('$').to_ascii_lowercase();
            let number = || {
                value
                    .parse::<usize>()
                    .map_err(|_| bad(format!("Invalid value '{value}' for ${option}.")))
            };
            match option.as_str() {
                "select" => query.select = Some(names(&value)),
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
                "count" => match value.to_ascii_lowercase().as_str() {
                    "true" => query.count = true,
                    "false" => {}
                    _ => return Err(bad(format!("Invalid value '{value}' for $count."))),
                },
                "expand" => query.expand = expand(&value)?,
                "format" if value.to_ascii_lowercase().contains("json") => {}
                _ => {
                    return Err(Failure::not_in_sandbox(&format!(
                        "the query option `{name}`"
                    )));
                }
            }
            query.given.push(option);
        }
        Ok(query)
    }

    /// Pages of `size`, where `$top` does not say otherwise.
    pub(crate) fn paged(mut self, size: Option<usize>) -> Self {
        self.page = size.map(|size| size.min(MOST));
        self
    }

    /// Refuses options that would be ignored at this resource.
    pub(crate) fn check_use(&self, target: &Target, method: &Method) -> Result<(), Failure> {
        let collection = [
            "select",
            "top",
            "skip",
            "skiptoken",
            "orderby",
            "filter",
            "count",
            "format",
        ];
        let honoured: &[&str] = match (target, method == Method::GET) {
            (Target::Items(_), true) => &["search", "expand"],
            (Target::Items(_) | Target::Item(..), _) => &["select", "expand", "format"],
            (Target::Attachments(..) | Target::Folders, true) => &[],
            (Target::Attachment(..) | Target::User | Target::Folder(_), true) => {
                &["select", "format"]
            }
            _ => &["format"],
        };
        let whole = matches!(
            target,
            Target::Items(_) | Target::Attachments(..) | Target::Folders
        ) && method == Method::GET;
        let unused = self.given.iter().find(|option| {
            let option = option.as_str();
            !(honoured.contains(&option) || whole && collection.contains(&option))
        });
        if let Some(option) = unused {
            return Err(Failure::not_in_sandbox(&format!(
                "`${option}` at this resource"
            )));
        }
        let known = ["attachments", "singleValueExtendedProperties"];
        let other = self.expand.iter().find(|expand| {
            !known
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&expand.name))
        });
        match other {
            Some(expand) => Err(Failure::not_in_sandbox(&format!(
                "`$expand={}`",
                expand.name
            ))),
            None => Ok(()),
        }
    }

    /// Refuses properties that are not there.
    pub(crate) fn check_names(&self, kind: Kind) -> Result<(), Failure> {
        let paths = self.filter.iter().flat_map(Filter::paths);
        let orderby = self.orderby.iter().map(|(path, _)| path.as_str());
        let select = self.select.iter().flatten().map(String::as_str);
        for path in select.chain(orderby).chain(paths) {
            let name = path.split('/').next().unwrap_or_default();
            if name != "*" && properties::find(kind, name).is_none() {
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
                        .any(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(name))
            });
        }
    }

    /// What `$expand` says about `name`.
    pub(crate) fn expands(&self, name: &str) -> Option<&Expand> {
        self.expand
            .iter()
            .find(|expand| expand.name.eq_ignore_ascii_case(name))
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
        let size = self.top.or(self.page).or(size).unwrap_or(usize::MAX);
        let end = self.skip.saturating_add(size);
        let next = (entries.len() > end).then_some(end);
        (
            entries.into_iter().skip(self.skip).take(size).collect(),
            next,
        )
    }

    /// The URL of the next page: this one with `name` set to `value`.
    pub(crate) fn next_link(&self, head: &Head, name: &str, value: &str) -> String {
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
            head.graph,
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

/// `a,b($select=c;$filter=d)`.
fn expand(text: &str) -> Result<Vec<Expand>, Failure> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['(', ',']).unwrap_or(rest.len());
        let mut one = Expand {
            name: rest[..end].trim().to_owned(),
            ..Expand::default()
        };
        rest = &rest[end..];
        if let Some(inner) = rest.strip_prefix('(') {
            let end = closing(inner).ok_or_else(|| bad("Syntax error in $expand."))?;
            for option in inner[..end]
                .split(';')
                .filter(|option| !option.trim().is_empty())
            {
                let (name, value) = option
                    .split_once('=')
                    .ok_or_else(|| bad("Syntax error in $expand."))?;
                match name
                    .trim()
                    .trim_start_matches('$')
                    .to_ascii_lowercase()
                    .as_str()
                {
                    "select" => one.select = Some(names(value)),
                    "filter" => one.filter = Some(Filter::parse(value)?),
                    other => {
                        return Err(Failure::not_in_sandbox(&format!("`${other}` in `$expand`")));
                    }
                }
            }
            rest = &inner[end + 1..];
        }
        all.push(one);
        rest = rest.trim_start_matches([',', ' ']);
    }
    Ok(all)
}

/// Where the parenthesis that was opened before `text` is closed, quoted text left out.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return Some(at),
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
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
mod tests;
