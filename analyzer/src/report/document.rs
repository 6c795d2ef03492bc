//! The HTML document around reports: head, style, script, header, footer.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::html::shown;

const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of the script: a browser runs no other one.
const SCRIPT_HASH: &str = "sha256-yqy5hNM6UakWC/3TfYqI5VSZBtATRAz70dpoJdd13zE=";

/// The document. `own` is HTML of the reader's own.
pub(super) fn document(title: &str, own: Option<&str>, main: Markup) -> String {
    let document = html! {
        (DOCTYPE) "\n"
        html lang="en" {
            "\n" head {
                "\n" meta charset="utf-8";
                // A header of one's own may need anything.
                @if own.is_none() {
                    "\n" meta http-equiv="Content-Security-Policy" content=(policy());
                }
                "\n" meta name="viewport" content="width=device-width, initial-scale=1";
                "\n" meta name="color-scheme" content="light dark";
                "\n" title { (shown(title)) }
                "\n" style { "\n" (style()) "\n" }
            "\n" }
            "\n" body {
                @if let Some(own) = own {
                    "\n" div class="own" { "\n" (PreEscaped(own)) "\n" }
                }
                "\n" main {
                    "\n"
                    (main)
                    (PreEscaped(include_str!("reading.html")))
                    footer { p { "Written by soakbox-analyzer " (env!("CARGO_PKG_VERSION")) "." } }
                "\n" }
                "\n" script { (PreEscaped(SCRIPT)) }
            "\n" }
        "\n" }
        "\n"
    };
    document.into_string()
}

/// Nothing is loaded, and nothing but the page's own script runs.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'; base-uri 'none'; \
         form-action 'none'"
    )
}

fn style() -> Markup {
    PreEscaped(format!(
        "{}{}",
        include_str!("style.css"),
        crate::chart::STYLE
    ))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_script_as_it_is() {
        let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
        assert_eq!(SCRIPT_HASH, format!("sha256-{hash}"));
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
    }
}
