//! Small pieces of HTML. What comes from a recording passes through [`escape`] here and nowhere else.

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An element around HTML; `tag` may carry attributes.
pub(super) fn element(tag: &str, content: &str) -> String {
    let name = tag.split(' ').next().unwrap_or(tag);
    format!("<{tag}>{content}</{name}>\n")
}

/// A table: a caption for those who hear it, headings, rows of text. The first column names the row; a column is
/// aligned to the right unless its heading starts with `<`.
pub(super) fn table(caption: &str, headings: &[String], rows: &[Vec<String>]) -> String {
    let left = |column: usize| column == 0 || headings[column].starts_with('<');
    let class = |column: usize| if left(column) { " class=\"text\"" } else { "" };
    let mut html = String::from("<div class=\"wide\"><table>\n");
    html.push_str(&element("caption", &escape(caption)));
    html.push_str("<thead><tr>");
    for (column, heading) in headings.iter().enumerate() {
        let heading = escape(heading.trim_start_matches('<'));
        html.push_str(&format!(
            "<th scope=\"col\"{}>{heading}</th>",
            class(column)
        ));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let cell = escape(cell);
            html.push_str(&if column == 0 {
                format!("<th scope=\"row\">{cell}</th>")
            } else {
                format!("<td{}>{cell}</td>", class(column))
            });
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// Headings as owned text.
pub(super) fn headings<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_recording_becomes_markup() {
        let rows = [vec!["<script>alert(\"x\")</script>".to_owned()]];
        let html = table("a & b", &headings(["operation"]), &rows);
        assert!(!html.contains("<script>"));
        assert!(html.contains("a &amp; b") && html.contains("&lt;script&gt;"));
    }
}
