//! `$filter`: the part of OData's language that mail and calendar clients use.
//!
//! Pure. Comparisons, `contains`, `startswith`, `endswith`, `and`, `or`, `not`, parentheses, and `Any` over
//! extended properties, by which clients find their own items again; the rest is refused rather than guessed at.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    graph::query::{compare, lookup},
    model::extended,
};

const PROPERTIES: &str = "singleValueExtendedProperties";

/// Deep enough for any real filter, and shallow enough for the stack.
const DEEPEST: usize = 50;

/// A filter, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    Both(Box<Filter>, Box<Filter>),
    Either(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(String, Operator, Value),
    Text(Function, String, String),
    /// Some extended property passes; the name of the variable, and what it must pass.
    AnyProperty(String, Box<Filter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Contains,
    StartsWith,
    EndsWith,
}

impl Filter {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let tokens = tokens(text).ok_or_else(|| syntax(text))?;
        let mut parser = Parser {
            tokens: &tokens,
            depth: 0,
        };
        match parser.either() {
            Some(filter) if parser.tokens.is_empty() => Ok(filter),
            _ => Err(syntax(text)),
        }
    }

    /// Whether one extended property passes, called by `name` in the filter.
    pub(crate) fn holds_for_property(&self, name: &str, property: &Value) -> bool {
        let is = |path: &str, member: &str| {
            let path = path
                .strip_prefix(name)
                .unwrap_or(path)
                .trim_start_matches('/');
            path.eq_ignore_ascii_case(member)
        };
        match self {
            Filter::Both(a, b) => {
                a.holds_for_property(name, property) && b.holds_for_property(name, property)
            }
            Filter::Either(a, b) => {
                a.holds_for_property(name, property) || b.holds_for_property(name, property)
            }
            Filter::Not(a) => !a.holds_for_property(name, property),
            // Documented: names are case-sensitive here, values are not.
            Filter::Compare(path, operator, value) if is(path, "id") => {
                let wanted = value.as_str().and_then(extended::normal_id);
                let same = wanted.as_deref() == lookup(property, "id").as_str();
                match operator {
                    Operator::Equal => same,
                    Operator::NotEqual => !same,
                    _ => false,
                }
            }
            Filter::Compare(path, operator, value) if is(path, "value") => {
                let whole = Filter::Compare("value".to_owned(), *operator, value.clone());
                whole.holds(property)
            }
            Filter::Text(function, path, text) if is(path, "value") => {
                Filter::Text(*function, "value".to_owned(), text.clone()).holds(property)
            }
            _ => false,
        }
    }

    /// Whether `item` passes.
    pub(crate) fn holds(&self, item: &Value) -> bool {
        match self {
            Filter::Both(a, b) => a.holds(item) && b.holds(item),
            Filter::Either(a, b) => a.holds(item) || b.holds(item),
            Filter::Not(a) => !a.holds(item),
            Filter::Compare(path, operator, value) => {
                let left = lookup(item, path);
                let order = times(left, value).unwrap_or_else(|| compare(left, value));
                // Nothing is neither larger nor smaller than anything.
                let ordered = left.is_null() == value.is_null() && !left.is_null();
                match operator {
                    Operator::Equal => order == Ordering::Equal,
                    Operator::NotEqual => order != Ordering::Equal,
                    Operator::Greater => ordered && order == Ordering::Greater,
                    Operator::GreaterOrEqual => ordered && order != Ordering::Less,
                    Operator::Less => ordered && order == Ordering::Less,
                    Operator::LessOrEqual => ordered && order != Ordering::Greater,
                }
            }
            Filter::AnyProperty(name, inner) => lookup(item, PROPERTIES)
                .as_array()
                .is_some_and(|all| all.iter().any(|one| inner.holds_for_property(name, one))),
            Filter::Text(function, path, text) => {
                let left = lookup(item, path)
                    .as_str()
                    .unwrap_or_default()
                    .to_lowercase();
                let text = text.to_lowercase();
                match function {
                    Function::Contains => left.contains(&text),
                    Function::StartsWith => left.starts_with(&text),
                    Function::EndsWith => left.ends_with(&text),
                }
            }
        }
    }

    /// The properties that it looks at, in the order in which they are written.
    pub(crate) fn paths(&self) -> Vec<&str> {
        match self {
            Filter::Both(a, b) | Filter::Either(a, b) => {
                let mut paths = a.paths();
                for path in b.paths() {
                    if !paths.contains(&path) {
                        paths.push(path);
                    }
                }
                paths
            }
            Filter::Not(a) => a.paths(),
            Filter::Compare(path, ..) | Filter::Text(_, path, _) => vec![path],
            Filter::AnyProperty(..) => vec![PROPERTIES],
        }
    }
}

/// Two times in order, when both are times: they may be written with different fractions.
fn times(a: &Value, b: &Value) -> Option<Ordering> {
    let time = |value: &Value| {
        let text = value.as_str()?;
        let text = if text.len() == 10 {
            format!("{text}T00:00:00Z")
        } else {
            text.to_owned()
        };
        text.parse::<Timestamp>().ok()
    };
    Some(time(a)?.cmp(&time(b)?))
}

/// What is correct OData and not in the stand-in.
const ELSEWHERE: [&str; 15] = [
    "any(",
    "all(",
    "length(",
    "indexof(",
    "tolower(",
    "toupper(",
    "trim(",
    "concat(",
    "substring(",
    "date(",
    "year(",
    "month(",
    "day(",
    "now(",
    " in (",
];

fn syntax(text: &str) -> Failure {
    let lower = text.to_lowercase();
    if let Some(part) = ELSEWHERE.iter().find(|part| lower.contains(*part)) {
        return Failure::not_in_sandbox(&format!(
            "`{}` in `$filter`",
            part.trim().trim_end_matches('(')
        ));
    }
    Failure::new(
        400,
        "BadRequest",
        format!("Invalid filter clause: '{text}'."),
    )
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let (text, after) = quoted(&rest[1..])?;
                tokens.push(Token::Text(text));
                rest = after.trim_start();
                continue;
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "(),'".contains(c))
                    .unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                rest = rest[end..].trim_start();
                continue;
            }
        };
        tokens.push(token);
        rest = rest[1..].trim_start();
    }
    Some(tokens)
}

/// A text up to its closing quote; two quotes stand for one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('\'')?;
        out.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Some((out, after)),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn take(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn skip(&mut self, token: &Token) -> Option<()> {
        (self.take()? == *token).then_some(())
    }

    fn skip_word(&mut self, word: &str) -> bool {
        match self.tokens.first() {
            Some(Token::Word(found)) if found.eq_ignore_ascii_case(word) => {
                self.tokens = &self.tokens[1..];
                true
            }
            _ => false,
        }
    }

    fn either(&mut self) -> Option<Filter> {
        let mut left = self.both()?;
        while self.skip_word("or") {
            left = Filter::Either(Box::new(left), Box::new(self.both()?));
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Filter> {
        let mut left = self.one()?;
        while self.skip_word("and") {
            left = Filter::Both(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Filter> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let filter = self.inner();
        self.depth -= 1;
        filter
    }

    fn inner(&mut self) -> Option<Filter> {
        if self.skip_word("not") {
            return Some(Filter::Not(Box::new(self.one()?)));
        }
        let path = match self.take()? {
            Token::Open => {
                let inner = self.either()?;
                self.skip(&Token::Close)?;
                return Some(inner);
            }
            Token::Word(word) => word,
            _ => return None,
        };
        if self.tokens.first() == Some(&Token::Open) {
            return self.function(&path);
        }
        let operator = self.operator()?;
        let value = match self.take()? {
            Token::Text(text) => Value::String(text),
            Token::Word(word) => literal(&word)?,
            _ => return None,
        };
        Some(Filter::Compare(path, operator, value))
    }

    /// `(ep: ep/id eq '…' and ep/value eq '…')`, with or without the blank after the colon.
    fn any_property(&mut self) -> Option<Filter> {
        self.skip(&Token::Open)?;
        let Token::Word(word) = self.take()? else {
            return None;
        };
        let (name, rest) = word.split_once(':')?;
        let glued: Vec<Token>;
        if !rest.is_empty() {
            let first = std::iter::once(Token::Word(rest.to_owned()));
            glued = first.chain(self.tokens.iter().cloned()).collect();
            let mut inner = Parser {
                tokens: &glued,
                depth: self.depth,
            };
            let filter = inner.either()?;
            let used = glued.len() - inner.tokens.len();
            // The glued word was part of one that is gone already.
            self.tokens = self.tokens.get(used - 1..)?;
            self.skip(&Token::Close)?;
            return Some(Filter::AnyProperty(name.to_owned(), Box::new(filter)));
        }
        let filter = self.either()?;
        self.skip(&Token::Close)?;
        Some(Filter::AnyProperty(name.to_owned(), Box::new(filter)))
    }

    fn function(&mut self, name: &str) -> Option<Filter> {
        if name.eq_ignore_ascii_case("singleValueExtendedProperties/any") {
            return self.any_property();
        }
        let function = match name.to_ascii_lowercase().as_str() {
            "contains" => Function::Contains,
            "startswith" => Function::StartsWith,
            "endswith" => Function::EndsWith,
            _ => return None,
        };
        self.skip(&Token::Open)?;
        let Token::Word(path) = self.take()? else {
            return None;
        };
        self.skip(&Token::Comma)?;
        let Token::Text(text) = self.take()? else {
            return None;
        };
        self.skip(&Token::Close)?;
        let filter = Filter::Text(function, path, text);
        // `contains(…) eq true` means the same.
        if self.skip_word("eq") {
            return match self.take()? {
                Token::Word(word) if word == "true" => Some(filter),
                Token::Word(word) if word == "false" => Some(Filter::Not(Box::new(filter))),
                _ => None,
            };
        }
        Some(filter)
    }

    fn operator(&mut self) -> Option<Operator> {
        let Token::Word(word) = self.take()? else {
            return None;
        };
        match word.to_ascii_lowercase().as_str() {
            "eq" => Some(Operator::Equal),
            "ne" => Some(Operator::NotEqual),
            "gt" => Some(Operator::Greater),
            "ge" => Some(Operator::GreaterOrEqual),
            "lt" => Some(Operator::Less),
            "le" => Some(Operator::LessOrEqual),
            _ => None,
        }
    }
}

/// `true`, `null`, a number, or a time, which OData writes without quotes.
fn literal(word: &str) -> Option<Value> {
    match word {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        "null" => Some(Value::Null),
        _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => word
            .parse::<f64>()
            .map(|number| json!(number))
            .ok()
            .or(Some(json!(word))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
