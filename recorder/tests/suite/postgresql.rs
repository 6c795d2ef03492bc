//! A server that is not part of this project: PostgreSQL, in a cluster of the test's own. The
//! recording is compared with the server's own statistics.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;

/// A cluster in a directory of its own, run as the user that Debian's package created. Only its own
/// process is ended.
struct Cluster {
    programs: PathBuf,
    directory: tempfile::TempDir,
    postmaster: Child,
}

fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ])
        .arg(program);
    command
}

fn must(command: &mut Command) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

impl Cluster {
    fn start(programs: &Path) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .unwrap();
        must(Command::new("chown").arg("postgres:").arg(directory.path()));
        let data = directory.path().join("data");
        must(
            as_postgres(&programs.join("initdb"))
                .args(["-A", "trust", "-N", "-D"])
                .arg(&data),
        );
        // A copy of the binary, so that no other server of this machine is ever probed.
        let own = directory.path().join("postgres");
        std::fs::copy(programs.join("postgres"), &own).unwrap();
        let share = must(Command::new(programs.join("pg_config")).arg("--pkglibdir")).stdout;
        let library = String::from_utf8(share).unwrap();
        let postmaster = as_postgres(&own)
            .arg("-D")
            .arg(&data)
            .args(["-k", "/tmp", "-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "shared_preload_libraries=pg_stat_statements"])
            .args(["-c", &format!("dynamic_library_path={}", library.trim())])
            .args(["-c", "port=54329", "-c", "autovacuum=off"])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                directory.path().display()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let cluster = Self {
            programs: programs.to_owned(),
            directory,
            postmaster,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !cluster
            .client("pg_isready")
            .output()
            .unwrap()
            .status
            .success()
        {
            let log =
                std::fs::read_to_string(cluster.directory.path().join("log")).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "PostgreSQL does not start: {log}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    fn client(&self, program: &str) -> Command {
        let mut command = as_postgres(&self.programs.join(program));
        command
            .env("PGHOST", self.directory.path())
            .env("PGPORT", "54329")
            .env("PGDATABASE", "postgres");
        command
    }

    fn ask(&self, query: &str) -> String {
        let output = must(self.client("psql").args(["-AtXc", query]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Fast shutdown of our own postmaster only.
        // SAFETY: our own child, not waited for.
        unsafe { libc::kill(self.postmaster.id() as i32, libc::SIGINT) };
        let _ = self.postmaster.wait();
    }
}

/// Version 15, for which the figures in the documentation were measured, or else the newest.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions
        .flatten()
        .filter(|version| version.path().join("bin/postgres").exists());
    let number = |version: &std::fs::DirEntry| version.file_name().to_str()?.parse::<u32>().ok();
    found
        .max_by_key(|version| (number(version) == Some(15), number(version)))
        .map(|version| version.path().join("bin"))
}

#[test]
fn rows_equal_the_servers_own_count() {
    let found = programs();
    let shown = found
        .clone()
        .unwrap_or_else(|| "/usr/lib/postgresql/15/bin".into());
    if !host::allows_bpf() || !host::has_file(&shown.join("postgres").display().to_string()) {
        return;
    }
    let cluster = Cluster::start(&found.unwrap());
    must(cluster.client("pgbench").args(["-i", "-q", "-s", "1"]));
    cluster.ask("CREATE EXTENSION pg_stat_statements");
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let probe = format!(
        "query=uprobe:{}:standard_ExecutorRun",
        cluster.directory.path().join("postgres").display()
    );
    cluster.ask("SELECT pg_stat_statements_reset()");
    let recorder = Recorder::start(&root, &["--op", &probe]);
    let transactions = 800 + host::seed() % 400;
    must(cluster.client("pgbench").args([
        "-n",
        "-S",
        "-c4",
        "-j2",
        "-t",
        &transactions.to_string(),
    ]));
    let ended = recorder.stop().check();
    let counted: i64 = cluster
        .ask(
            "SELECT sum(calls) FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
        )
        .parse()
        .unwrap();
    let totals = Recording::open(&root).checked("query");
    assert!(counted >= 4 * transactions as i64, "{counted}");
    assert_eq!(totals.finished, counted, "{totals:?} {}", ended.stderr);
    assert_eq!(totals.lost, 0);
}
