//! A server that is not part of this project: Redis, started by the test with a socket and a
//! directory of its own. The recording is compared with the server's own statistics.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

const PROGRAM: &str = "/usr/bin/redis-server";

/// A server without a port, that stores nothing. Only its own process is ended.
struct Server {
    directory: tempfile::TempDir,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A copy of the binary, so that no other server of this machine is ever probed.
        let original = std::fs::canonicalize(PROGRAM).unwrap();
        let copy = targets::own_copy(&original, directory.path());
        // Its behaviour depends on its name.
        let own = directory.path().join("redis-server");
        std::fs::rename(copy, &own).unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = Command::new(&own)
            .args(["--port", "0", "--unixsocket"])
            .arg(directory.path().join("socket"))
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(directory.path())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .unwrap();
        let server = Self { directory, process };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.command("redis-cli", &["PING"]).contains("PONG") {
            let log = std::fs::read_to_string(server.path("log")).unwrap();
            assert!(Instant::now() < deadline, "Redis does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a client of the server; returns its output.
    fn command(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .arg("-s")
            .arg(self.path("socket"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the client runs");
        String::from_utf8(output.stdout).unwrap()
    }

    fn benchmark(&self, arguments: &[&str]) {
        let shown = self.command("redis-benchmark", &[&["-q"], arguments].concat());
        assert!(shown.contains("requests per second"), "{shown}");
    }

    /// Calls of a command, as the server counts them.
    fn calls(&self, command: &str) -> i64 {
        let statistics = self.command("redis-cli", &["INFO", "commandstats"]);
        let line = statistics
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        let calls = line.and_then(|line| line.split(',').next());
        calls.expect(&statistics).parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn probe(name: &str, program: &Path, function: &str) -> String {
    format!("{name}=uprobe:{}:{function}", program.display())
}

#[test]
fn gets_and_sets_together_equal_the_servers_own_counts() {
    if !host::allows_bpf() || !host::has_file(PROGRAM) || !host::has_tool("redis-benchmark") {
        return;
    }
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = server.path("redis-server");
    // `getCommand` ends in a tail call.
    let get = probe("get", &program, "getCommand");
    let set = probe("set", &program, "setCommand");
    let recorder = Recorder::start(&root, &["--op", &get, "--op", &set]);
    let requests = 4000 + host::seed() % 2000;
    let number = requests.to_string();
    server.benchmark(&["-t", "set,get", "-n", &number, "-c", "20", "-r", "1000"]);
    server.benchmark(&["-t", "set,get", "-n", &number, "-P", "16", "-r", "1000"]);
    // From scripts and transactions, and with errors: a list is no string.
    let script = "redis.call('set', KEYS[1], ARGV[1]); return redis.call('get', KEYS[1])..ARGV[1]";
    server.benchmark(&["-n", "500", "eval", script, "1", "key:__rand_int__", "x"]);
    server.command("redis-cli", &["RPUSH", "list", "a"]);
    let wrong = server.command("redis-cli", &["-r", "7", "GET", "list"]);
    assert_eq!(wrong.matches("WRONGTYPE").count(), 7, "{wrong}");
    let wrong = "return redis.pcall('get', 'list')";
    server.command("redis-cli", &["-r", "5", "EVAL", wrong, "0"]);
    let ended = recorder.stop().check();
    let recording = Recording::open(&root);
    for (operation, more) in [("get", 512), ("set", 500)] {
        let counted = server.calls(operation);
        let least = 2 * requests as i64 + more;
        assert!(counted >= least, "{operation}: {counted} of {least}");
        let totals = recording.checked(operation);
        let shown = format!("{operation}: {totals:?} {}", ended.stderr);
        assert_eq!(
            (totals.begun, totals.finished),
            (counted, counted),
            "{shown}"
        );
        let others = (totals.lost, totals.abandoned, totals.unmatched);
        assert_eq!(others, (0, 0, 0), "{shown}");
    }
}
