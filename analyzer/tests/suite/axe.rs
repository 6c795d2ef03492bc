//! axe-core, which finds what keeps people with disabilities from reading a page: nothing serious in any report,
//! in light and dark. It comes from npm, once; with `SOAKBOX_REQUIRE_BROWSER=1` a missing npm is a
//! failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Scheme, browser, measured_in};
use crate::host;
use crate::report_pages::{Pages, without_policy};

const PACKAGE: &str = "axe-core@4.10.3";

/// The program, if it is there or can be installed.
fn axe() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/soakbox"));
    let cache = std::env::var_os("SOAKBOX_CACHE")
        .map(PathBuf::from)
        .or(home)?;
    let kept = cache.join(PACKAGE);
    let program = kept.join("package/axe.min.js");
    if program.is_file() {
        return Some(program);
    }
    fs::create_dir_all(&cache).ok()?;
    let place = tempfile::tempdir_in(&cache).ok()?;
    let pack = Command::new("npm")
        .args(["pack", "--silent", PACKAGE, "--pack-destination"])
        .arg(place.path())
        .output()
        .ok()?;
    assert!(
        pack.status.success(),
        "{}",
        String::from_utf8_lossy(&pack.stderr)
    );
    let name = String::from_utf8(pack.stdout).unwrap();
    let unpacked = Command::new("tar")
        .args(["-xzf", name.trim()])
        .current_dir(place.path())
        .status();
    assert!(unpacked.unwrap().success());
    // Another test program may have been faster.
    let _ = fs::rename(place.keep(), &kept);
    program.is_file().then_some(program)
}

#[test]
fn axe_finds_nothing_serious_in_any_report() {
    let Some(browser) = browser() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "chromium in PATH");
    };
    let Some(axe) = axe() else {
        return host::skip("SOAKBOX_REQUIRE_BROWSER", "npm in PATH");
    };
    let axe = fs::read_to_string(axe).unwrap();
    let pages = Pages::new();
    for name in Pages::ALL {
        let page = without_policy(&pages.read(name));
        let probe = format!("<script>{axe}</script>\n{PROBE}</body>");
        let page = page.replace("</body>", &probe);
        for scheme in [Scheme::Light, Scheme::Dark] {
            let found = measured_in(&browser, pages.root(), &page, scheme);
            assert!(found["passes"].as_u64().unwrap() > 10, "{name}: {found}");
            assert_eq!(found["serious"], json!([]), "{name}, {scheme:?}: {found:#}");
        }
    }
    // It does find something.
    let bad = format!(
        "<!DOCTYPE html><title>bad</title><body><button></button><img src=\"data:,\">\n\
         <script>{axe}</script>\n{PROBE}</body>"
    );
    let found = measured_in(&browser, pages.root(), &bad, Scheme::Light);
    assert!(
        found["serious"]
            .as_array()
            .is_some_and(|all| all.len() >= 2),
        "{found}"
    );
    let _: &Value = &found;
}

const PROBE: &str = r#"<script>
document.querySelectorAll("details").forEach(one => one.open = true);
axe.run(document, { iframes: false }).then(found => {
  const pre = document.createElement("pre");
  const serious = found.violations.filter(one => ["serious", "critical"].includes(one.impact));
  pre.textContent = JSON.stringify({
    passes: found.passes.length,
    serious: serious.map(one => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200), one.nodes[0].failureSummary]),
  });
  document.body.append(pre);
});
</script>"#;
