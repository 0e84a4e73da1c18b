//! Texts with columns put in: `Payslip {{ month }}`. Pure.
//!
//! A column that does not exist is an error, never an empty place in somebody's letter.

use std::{borrow::Cow, collections::HashMap};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::manifest::Columns;

/// The templates of one command, compiled once. In HTML, what columns bring is escaped.
pub struct Templates {
    text: Environment<'static>,
    html: Environment<'static>,
    /// The names of templates that were added, by their source.
    known: HashMap<(String, bool), String>,
}

impl Default for Templates {
    fn default() -> Self {
        Templates {
            text: environment(AutoEscape::None),
            html: environment(AutoEscape::Html),
            known: HashMap::new(),
        }
    }
}

fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape);
    environment.set_keep_trailing_newline(true);
    environment
}

/// Whether a text has anything put in.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

impl Templates {
    /// `source` with the columns put in.
    pub fn render(
        &mut self,
        source: &str,
        html: bool,
        columns: &Columns,
    ) -> Result<String, String> {
        if !is_template(source) {
            return Ok(source.to_owned());
        }
        let name = self.name(source, html)?;
        let environment = if html { &self.html } else { &self.text };
        let template = environment
            .get_template(&name)
            .map_err(|e| said(&e, source))?;
        template
            .render(columns.values())
            .map_err(|error| said(&error, source))
    }

    /// Compiles a template, once.
    fn name(&mut self, source: &str, html: bool) -> Result<String, String> {
        let known = (source.to_owned(), html);
        if let Some(name) = self.known.get(&known) {
            return Ok(name.clone());
        }
        let name = self.known.len().to_string();
        let environment = if html { &mut self.html } else { &mut self.text };
        let added = environment.add_template_owned(Cow::from(name.clone()), source.to_owned());
        added.map_err(|error| said(&error, source))?;
        self.known.insert(known, name.clone());
        Ok(name)
    }
}

/// What a person can do something with: the place in the template, not the library's words for it.
fn said(error: &minijinja::Error, source: &str) -> String {
    let place = error.range().and_then(|range| source.get(range));
    match (error.kind(), place) {
        (ErrorKind::UndefinedError, Some(place)) => {
            format!("there is no column for `{}`", place.trim())
        }
        (ErrorKind::UndefinedError, None) => "it names a column that does not exist".to_owned(),
        (_, _) => {
            let line = error.line().unwrap_or(1);
            let why = error
                .detail()
                .map_or_else(|| error.kind().to_string(), str::to_owned);
            format!("it is not a valid template: {why} (line {line} of the template)")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::manifest;

    fn columns(json: &str) -> Columns {
        let manifest = manifest::read(json, None).unwrap();
        manifest.rows[0].columns.clone().unwrap()
    }

    fn render(source: &str, json: &str) -> Result<String, String> {
        Templates::default().render(source, false, &columns(json))
    }

    #[test]
    fn columns_are_put_in() {
        let row = r#"{"email":"ann@a.com","n":7,"first name":"Ann"}"#;
        assert_eq!(render("{{ email }}", row).as_deref(), Ok("ann@a.com"));
        assert_eq!(render("slips/{{n}}.pdf", row).as_deref(), Ok("slips/7.pdf"));
        assert_eq!(
            render("plain { text }\n", row).as_deref(),
            Ok("plain { text }\n")
        );
        assert_eq!(render("{{ email }}\n", row).as_deref(), Ok("ann@a.com\n"));
        assert_eq!(
            render("{{ email | upper }}{% if n > 5 %}!{% endif %}", row).as_deref(),
            Ok("ANN@A.COM!")
        );
        let table = manifest::read("email,n\nann@a.com,7\n", None).unwrap();
        let columns = table.rows[0].columns.as_ref().unwrap();
        let rendered = Templates::default().render("{{ email }} {{ n }}", false, columns);
        assert_eq!(rendered.as_deref(), Ok("ann@a.com 7"));
    }

    #[test]
    fn an_unknown_column_is_an_error() {
        let error = render("Dear {{ nmae }}", r#"{"name":"Ann"}"#).unwrap_err();
        assert!(error.contains("there is no column for `nmae`"), "{error}");
        let error = render("{% if nmae %}x{% endif %}", r#"{"name":"Ann"}"#).unwrap_err();
        assert!(error.contains("column"), "{error}");
        let error = render("{{ name", r#"{"name":"Ann"}"#).unwrap_err();
        assert!(error.contains("not a valid template"), "{error}");
    }

    #[test]
    fn html_is_escaped_and_text_is_not() {
        let row = columns(r#"{"name":"Ann & <Bob>"}"#);
        let mut templates = Templates::default();
        let text = templates.render("{{ name }}", false, &row);
        assert_eq!(text.as_deref(), Ok("Ann & <Bob>"));
        let html = templates.render("{{ name }}", true, &row).unwrap();
        assert_eq!(html, "Ann &amp; &lt;Bob&gt;");
    }

    proptest! {
        #[test]
        fn any_template_is_rendered_or_refused(source in "[a-c {}%|#\"'.()\\[\\]0-9\n-]{0,60}") {
            let _ = render(&source, r#"{"a":"x","b":[1],"c":{"a":1}}"#);
        }
    }
}
