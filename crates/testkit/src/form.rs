//! The forms of an HTML page, as far as a scripted browser needs them.

/// A form of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent to, as written.
    pub action: String,
    /// Whether it is a POST form.
    pub post: bool,
    /// The names and values that it sends whichever button is pressed: inputs, text areas, ticked boxes, chosen options.
    pub fields: Vec<(String, String)>,
    /// Its buttons, with name and value.
    pub buttons: Vec<(String, String)>,
}

impl Form {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What is sent when the button with this name is pressed; `name=value` names one of several. An empty name is any
    /// button, also one without a name.
    pub fn pressed(&self, button: &str) -> Option<Vec<(String, String)>> {
        let (wanted, wanted_value) = button.split_once('=').unwrap_or((button, ""));
        let fits = |(name, value): &&(String, String)| {
            name == wanted && (wanted_value.is_empty() || value == wanted_value) || wanted.is_empty()
        };
        let (name, value) = self.buttons.iter().find(fits)?;
        let mut fields = self.fields.clone();
        if !name.is_empty() {
            fields.push((name.clone(), value.clone()));
        }
        Some(fields)
    }
}

/// Reads the forms of a page.
pub(crate) fn forms(html: &str) -> Vec<Form> {
    let mut found = Vec::new();
    let mut form: Option<Form> = None;
    // The name of the select box that is open.
    let mut select: Option<String> = None;
    let mut rest = html;
    while let Some(tag) = next_tag(&mut rest) {
        let Some(own) = &mut form else {
            if tag.name == "form" {
                let post = tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                form = Some(Form { action: tag.text("action"), post, ..Form::default() });
            }
            continue;
        };
        match tag.name.as_str() {
            "/form" => found.extend(form.take()),
            "input" => add_input(own, &tag),
            "button" if !matches!(tag.attribute("type").as_deref(), Some("button" | "reset")) => {
                own.buttons.push((tag.text("name"), tag.text("value")));
            }
            "textarea" => own.fields.push((tag.text("name"), unescaped(until_tag(rest)))),
            "select" => select = Some(tag.text("name")),
            "/select" => select = None,
            "option" => {
                if let Some(name) = &select {
                    let value = tag.attribute("value").unwrap_or_else(|| unescaped(until_tag(rest)));
                    let first = own.field(name).is_none();
                    if first || tag.attribute("selected").is_some() {
                        own.fields.retain(|(other, _)| other != name);
                        own.fields.push((name.clone(), value));
                    }
                }
            }
            _ => {}
        }
    }
    found.extend(form);
    found
}

fn add_input(form: &mut Form, tag: &Tag) {
    let name = tag.text("name");
    let kind = tag.attribute("type").unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "submit" | "image" => form.buttons.push((name, tag.text("value"))),
        "button" | "reset" | "file" => {}
        "checkbox" | "radio" => {
            if tag.attribute("checked").is_some() {
                form.fields.push((name, tag.attribute("value").unwrap_or_else(|| "on".to_owned())));
            }
        }
        _ if name.is_empty() => {}
        _ => form.fields.push((name, tag.text("value"))),
    }
}

/// A start tag, or an end tag whose name begins with `/`.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
    }

    fn text(&self, name: &str) -> String {
        self.attribute(name).unwrap_or_default()
    }
}

fn until_tag(rest: &str) -> &str {
    rest.split('<').next().unwrap_or_default()
}

/// The next tag; `rest` is what follows it.
fn next_tag(rest: &mut &str) -> Option<Tag> {
    loop {
        let (_, after) = rest.split_once('<')?;
        *rest = after;
        if after.starts_with("!--") {
            *rest = after.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
            continue;
        }
        let end = after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len());
        let (name, mut tail) = after.split_at(end);
        let mut attributes = Vec::new();
        while let Some(attribute) = next_attribute(&mut tail) {
            attributes.push(attribute);
        }
        *rest = tail;
        let name = name.trim_end_matches('/').to_ascii_lowercase();
        if name == "script" || name == "style" {
            // What stands there is no markup.
            let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            *rest = rest.split_at(end).1;
        }
        return Some(Tag { name, attributes });
    }
}

/// The next attribute of a tag; `None` at its end, which is then behind `rest`.
fn next_attribute(rest: &mut &str) -> Option<(String, String)> {
    *rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
    if rest.is_empty() {
        return None;
    }
    if let Some(after) = rest.strip_prefix('>') {
        *rest = after;
        return None;
    }
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/')).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end.max(1).min(rest.len()));
    let Some(value) = after.trim_start().strip_prefix('=') else {
        *rest = after;
        return Some((name.to_ascii_lowercase(), String::new()));
    };
    let value = value.trim_start();
    let (value, after) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inner = value.strip_prefix(quote).unwrap_or_default();
            inner.split_once(quote).unwrap_or((inner, ""))
        }
        _ => {
            let end = value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len());
            value.split_at(end)
        }
    };
    *rest = after;
    Some((name.to_ascii_lowercase(), unescaped(value)))
}

/// Text of HTML with the references that pages here use.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, tail)| Some((named(name)?, tail)));
        match reference {
            Some((c, tail)) => {
                out.push(c);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn named(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn fields_and_buttons_are_found() {
        let html = "<!-- <form> --><script>if (a<b) '<form>'</script><form method=post action='/a?x=1&amp;y=2'>\
             <input type=hidden name=\"t\" value=\"a&quot;b&#39;&lt;\"><input name=user><input type=checkbox name=s value=1 checked>\
             <input type=checkbox name=s value=2><select name=z><option value=1>A<option selected>B</select>\
             <textarea name=n>x &amp; y</textarea><button name=ok value=1>Yes</button><input type=submit name=no value=No /></form>";
        let found = forms(html);
        assert_eq!(found.len(), 1);
        let form = &found[0];
        assert_eq!((form.action.as_str(), form.post), ("/a?x=1&y=2", true));
        let expected =
            [("t", "a\"b'<"), ("user", ""), ("s", "1"), ("z", "B"), ("n", "x & y")].map(|(n, v)| pair(n, v));
        assert_eq!(form.fields, expected);
        assert_eq!(form.buttons, [pair("ok", "1"), pair("no", "No")]);
        assert_eq!(form.pressed("no").unwrap().last(), Some(&pair("no", "No")));
        assert!(form.pressed("other").is_none());
    }

    #[test]
    fn broken_markup_ends() {
        for html in [
            "<",
            "<form",
            "<form a",
            "<form a=",
            "<form a='",
            "<form><input name='x",
            "<form><input =x>",
            "&#;",
        ] {
            let _ = forms(html);
        }
    }
}
