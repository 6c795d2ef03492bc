//! Runs the recorder and stops it, as a person would.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use super::counting::LARGE_RING;
use super::session::Session;
use super::targets::{self, Outcome};

/// A recorder that is recording. It is killed on drop, where a test fails before it stops it.
#[derive(Debug)]
pub(crate) struct Recorder {
    child: Child,
    stderr: BufReader<ChildStderr>,
    read_so_far: String,
}

/// How a recorder ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_soakbox-recorder"))
}

/// Runs the recorder with `arguments` to its end; returns its status, stdout and stderr.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: &[S]) -> (ExitStatus, String, String) {
    let output = program()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the recorder runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status, text(output.stdout), text(output.stderr))
}

/// The output of a command with `--format json`, which must succeed.
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let (status, stdout, stderr) = run(&[arguments, &["--format", "json"]].concat());
    assert!(status.success(), "{arguments:?}: {stderr}");
    serde_json::from_str(&stdout).expect("JSON")
}

/// What `check` answers about these operations: the observed and the refused ones.
pub(crate) fn check<S: AsRef<str>>(
    operations: &[S],
) -> (Vec<serde_json::Value>, Vec<serde_json::Value>) {
    let mut arguments = vec!["check", "--format", "json"];
    arguments.extend(
        operations
            .iter()
            .flat_map(|operation| ["--op", operation.as_ref()]),
    );
    let (_, json, stderr) = run(&arguments);
    let answer: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|_| panic!("{stderr}"));
    let list = |key: &str| answer[key].as_array().expect("a list").clone();
    (list("probes"), list("refused"))
}

/// Runs the recorder, which must refuse; returns its one line.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = run(arguments);
    assert_eq!(status.code(), Some(2), "{arguments:?}: {stdout}{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 1, "one line: {stderr}");
    assert!(
        lines[0].starts_with("soakbox-recorder: error: ") && lines[0].contains("hint: "),
        "{stderr}"
    );
    lines[0].to_owned()
}

/// Checks the probes, and records a run of the target with them: the answer of `check`, and the
/// target's output and exit status, which must be those of a run without a recorder.
pub(crate) fn observed(
    root: &Path,
    probes: &[String],
    target: &Path,
    arguments: &[String],
) -> (serde_json::Value, Outcome) {
    let probes: Vec<&str> = probes.iter().flat_map(|probe| ["--op", probe]).collect();
    let check = json(&[&["check"], &probes[..]].concat());
    let silent = targets::run(target, arguments);
    let recorder = Recorder::start(root, &[&probes[..], &[LARGE_RING]].concat());
    let outcome = targets::run(target, arguments);
    recorder.stop().check();
    assert_eq!(outcome, silent, "{}", target.display());
    (check, outcome)
}

impl Recorder {
    /// Starts `record -o directory` and `arguments`, and waits until all probes are attached.
    pub(crate) fn start<S: AsRef<OsStr>>(directory: &Path, arguments: &[S]) -> Self {
        let output = [OsStr::new("-o"), directory.as_os_str()];
        let arguments = arguments.iter().map(AsRef::as_ref);
        Self::record(output.into_iter().chain(arguments))
    }

    /// As [`Self::start`], in a session of its own, with or without a terminal.
    pub(crate) fn start_in<S: AsRef<OsStr>>(
        session: &Session,
        directory: &Path,
        arguments: &[S],
    ) -> Self {
        let mut command = program();
        command.arg("record").arg("-o").arg(directory);
        command.args(arguments).stderr(Stdio::piped());
        session.run(&mut command);
        Self::spawn(command)
    }

    /// Starts `record` with these arguments alone, and waits until all probes are attached.
    pub(crate) fn record<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Self {
        let mut command = program();
        command
            .arg("record")
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        // SIGHUP is not ignored, even where these tests themselves run under nohup.
        // SAFETY: signal is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::signal(libc::SIGHUP, libc::SIG_DFL);
                Ok(())
            });
        }
        Self::spawn(command)
    }

    /// Starts `command`, a recorder with its stderr piped, and waits until all probes are attached.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the recorder starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut recorder = Self {
            child,
            stderr,
            read_so_far: String::new(),
        };
        recorder.wait_for_line("recording ");
        recorder
    }

    /// Waits until a line with `text` is on its stderr.
    pub(crate) fn wait_for_line(&mut self, text: &str) {
        while !self.read_so_far.contains(text) {
            let read = self
                .stderr
                .read_line(&mut self.read_so_far)
                .expect("stderr");
            assert!(
                read > 0,
                "the recorder ended early: {:?}\n{}",
                self.child.wait(),
                self.read_so_far
            );
        }
    }

    /// Looks for further lines only from now on.
    pub(crate) fn forget_lines(&mut self) {
        self.read_so_far.clear();
    }

    /// The same for lines up to the first one that ends so.
    pub(crate) fn forget_line(&mut self, end: &str) {
        let at = self.read_so_far.find(end).map_or(0, |at| at + end.len());
        self.read_so_far.drain(..at);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: our own child, which has not been waited for.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, signal) }, 0);
    }

    /// The same for a recorder that may have ended by now.
    pub(crate) fn signal_if_there(&self, signal: i32) {
        // SAFETY: our own child, which has not been waited for.
        let _ = unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Sends SIGINT and waits for its end.
    pub(crate) fn stop(self) -> Ended {
        self.signal(libc::SIGINT);
        self.wait()
    }

    /// The same, without reading its stderr to the end: another process may keep that open.
    pub(crate) fn stop_only(mut self) -> Ended {
        self.signal(libc::SIGINT);
        let status = self.child.wait().expect("the recorder's end");
        let descriptor = self.stderr.get_ref();
        rustix::io::ioctl_fionbio(descriptor, true).expect("a pipe");
        let mut rest = Vec::new();
        // Ends with an error where nothing is left to be read.
        let _ = self.stderr.read_to_end(&mut rest);
        let stderr = std::mem::take(&mut self.read_so_far) + &String::from_utf8_lossy(&rest);
        Ended { status, stderr }
    }

    /// Sends SIGKILL and waits for its end.
    pub(crate) fn kill(self) -> Ended {
        self.signal(libc::SIGKILL);
        self.wait()
    }

    pub(crate) fn wait(mut self) -> Ended {
        let mut read_so_far = std::mem::take(&mut self.read_so_far);
        self.stderr
            .read_to_string(&mut read_so_far)
            .expect("stderr");
        let status = self.child.wait().expect("the recorder's end");
        Ended {
            status,
            stderr: read_so_far,
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Fails where it was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Asserts that it succeeded.
    pub(crate) fn check(self) -> Self {
        assert!(self.status.success(), "{:?}\n{}", self.status, self.stderr);
        self
    }
}
