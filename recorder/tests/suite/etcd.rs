//! A Go server that is not part of this project: etcd, stripped, as Debian has it, started by the
//! test with ports and a directory of its own. The recording is compared with the server's metrics.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::host;
use crate::support::recorder::Recorder;
use crate::support::recording::Recording;
use crate::support::targets;

const PROGRAM: &str = "/usr/bin/etcd";

/// Only its own process is ended.
struct Server {
    directory: tempfile::TempDir,
    port: u16,
    process: Child,
}

/// Two ports of the loopback interface that nobody listens on.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A copy of the binary, so that no other server of this machine is ever probed.
        let own = targets::own_copy(PROGRAM.as_ref(), directory.path());
        let [port, peers] = free_ports();
        let client = format!("http://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{peers}");
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = Command::new(&own)
            .env_clear()
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self {
            directory,
            port,
            process,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.ask("GET", "/health", "").contains("\"true\"") {
            let log = std::fs::read_to_string(server.directory.path().join("log")).unwrap();
            assert!(Instant::now() < deadline, "etcd does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// The answer to a request by HTTP; nothing where nobody listens.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let length = body.len();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(request.as_bytes()).unwrap();
            stream.read_to_string(&mut answer).unwrap();
        }
        answer
    }

    /// The sum of a metric over all its labels that contain `labels`.
    fn metric(&self, name: &str, labels: &str) -> i64 {
        let metrics = self.ask("GET", "/metrics", "");
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let mut found = lines
            .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels))
            .map(|rest| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .peekable();
        assert!(found.peek().is_some(), "{name} {labels}: {metrics}");
        found.sum::<f64>() as i64
    }

    /// Puts a value under each of `count` keys by the gateway, in base64. Without a key, etcd refuses
    /// the request.
    fn put(&self, client: usize, count: usize) {
        for number in 0..count {
            let key = ["", "a2V5", "Zm9vYmFy"][(client + number) % 3];
            let body = format!("{{\"key\": \"{key}\", \"value\": \"dmFsdWU=\"}}");
            let answer = self.ask("POST", "/v3/kv/put", &body);
            let expected = if key.is_empty() {
                "key is not provided"
            } else {
                "revision"
            };
            assert!(answer.contains(expected), "{answer}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn puts_and_their_errors_equal_the_servers_metrics() {
    if !host::allows_bpf() || !host::has_file(PROGRAM) {
        return;
    }
    let server = Server::start();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recording");
    let program = server.directory.path().join("etcd");
    // A request that reaches the store, and each request with its error: `(*PutResponse, error)`.
    let put = format!("put=go:{}:etcdserver.(*EtcdServer).Put", program.display());
    let request = format!(
        "request=go:{}:v3rpc.(*quotaKVServer).Put,success=goerr:1",
        program.display()
    );
    let puts = || server.metric("etcd_mvcc_put_total", "");
    let handled = |code: &str| {
        let metrics = server.ask("GET", "/metrics", "");
        let labels = format!("grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"Put\"");
        let line = metrics.lines().find(|line| line.starts_with(&labels));
        let number = line.expect(&metrics).rsplit(' ').next().unwrap();
        number.parse::<i64>().unwrap()
    };
    let before = puts();
    let recorder = Recorder::start(&root, &["--op", &put, "--op", &request]);
    let count = 60 + (host::seed() % 40) as usize;
    std::thread::scope(|scope| {
        for client in 0..6 {
            let server = &server;
            scope.spawn(move || server.put(client, count));
        }
    });
    let ended = recorder.stop().check();
    let (stored, refused) = (handled("OK"), handled("InvalidArgument"));
    assert_eq!(stored + refused, 6 * count as i64);
    assert_eq!(stored, puts() - before);
    let recording = Recording::open(&root);
    for (operation, begun, failures) in [("put", stored, 0), ("request", stored + refused, refused)]
    {
        let totals = recording.checked(operation);
        let shown = format!("{operation}: {totals:?} {}", ended.stderr);
        assert_eq!((totals.begun, totals.finished), (begun, begun), "{shown}");
        assert_eq!(totals.failures, failures, "{shown}");
        let others = (totals.lost, totals.abandoned, totals.unmatched);
        assert_eq!(others, (0, 0, 0), "{shown}");
        let goroutines = recording.of(operation, "goroutine");
        assert!(goroutines.iter().all(Option::is_some), "{operation}");
    }
}
