//! A preprocessor of mdBook for the book in `docs/`: a page's link to a file beside the book (`../README.md`) becomes a link to that
//! file in the repository, for in the HTML it would lead nowhere. In the tree the links stay as they are, and tidy follows them.

use serde_json::Value;

/// Where the repository's files can be read.
const FILES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/");

/// The book that mdBook gave, which is `[context, book]` in JSON, with other links.
pub(crate) fn preprocess(input: &str) -> Result<String, String> {
    let given: Value = serde_json::from_str(input).map_err(|error| format!("what mdBook gave: {error}"))?;
    let mut book = match given {
        Value::Array(both) => both.into_iter().nth(1),
        _ => None,
    }
    .ok_or("what mdBook gave is not [context, book]")?;
    change(&mut book);
    Ok(book.to_string())
}

fn change(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "content" => {
                        *text = text.replace("](../", &format!("]({FILES}"));
                    }
                    other => change(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(change),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_out_of_the_book_lead_into_the_repository() {
        let page = |text: &str| {
            format!(
                r#"{{"sections":[{{"Chapter":{{"name":"A","content":"{text}","sub_items":[],"path":"a.md"}}}}]}}"#
            )
        };
        let text = "[x](../README.md#a) and [y](b.md) in ../here";
        let wanted = format!("[x]({FILES}README.md#a) and [y](b.md) in ../here");
        let changed = preprocess(&format!("[{{}},{}]", page(text))).unwrap();
        let (changed, wanted): (Value, Value) =
            (serde_json::from_str(&changed).unwrap(), serde_json::from_str(&page(&wanted)).unwrap());
        assert_eq!(changed, wanted);
    }

    #[test]
    fn what_is_no_book_is_refused() {
        for bad in ["", "{}", "[{}]"] {
            assert!(preprocess(bad).is_err(), "{bad}");
        }
    }
}
