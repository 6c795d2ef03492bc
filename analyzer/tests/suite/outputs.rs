//! The effects of `-o`: it keeps links, modes and owners, it keeps the earlier content if the
//! command fails, and it leaves nothing else in the directory.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{analyzer, printed, text};
use soakbox_testing::Soak;

const COMMANDS: [&str; 2] = ["chart", "report"];

struct Place {
    directory: tempfile::TempDir,
    recording: String,
    /// The output of each command.
    expected: [String; 2],
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let recording = directory.path().join("recording");
        let soak = Soak {
            seconds: 5,
            ..Soak::default()
        };
        soak.seal(&recording);
        fs::create_dir(directory.path().join("out")).unwrap();
        let recording = recording.to_str().unwrap().to_owned();
        let expected = COMMANDS.map(|command| printed(&[command, &recording, "-o", "-"]));
        Self {
            directory,
            recording,
            expected,
        }
    }

    /// A path in the directory for outputs.
    fn out(&self, name: &str) -> PathBuf {
        self.directory.path().join("out").join(name)
    }

    fn write(&self, command: &str, path: &Path) {
        let path = path.to_str().unwrap();
        assert_eq!(printed(&[command, &self.recording, "-o", path]), "");
    }

    /// A run that fails after its output was opened.
    fn fail(&self, path: &Path) {
        let path = path.to_str().unwrap();
        let arguments = ["chart", &self.recording, "-o", path, "--operation=none"];
        assert_eq!(analyzer(&arguments).status.code(), Some(2));
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.out("")).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn expected(&self, command: &str) -> &str {
        &self.expected[usize::from(command == COMMANDS[1])]
    }
}

/// The commands in turn, without end. One command per case is enough, since both write their output
/// by the same code.
fn in_turn() -> impl Iterator<Item = &'static str> {
    COMMANDS.into_iter().cycle()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_symlink_stays_and_the_file_that_it_leads_to_is_written() {
    let place = Place::new();
    let out = |name: &str| place.out(name);
    fs::create_dir(out("deep")).unwrap();
    fs::write(out("deep/file"), "earlier").unwrap();
    symlink("deep/file", out("relative")).unwrap();
    symlink(out("deep/file"), out("absolute")).unwrap();
    symlink("relative", out("chain")).unwrap();
    symlink("deep/new", out("dangling")).unwrap();
    symlink("../out/deep", out("directory")).unwrap();
    let names = place.names();
    let cases = [
        ("relative", "deep/file"),
        ("absolute", "deep/file"),
        ("chain", "deep/file"),
        ("dangling", "deep/new"),
        ("directory/file", "deep/file"),
    ];
    for ((path, file), command) in cases.into_iter().zip(in_turn()) {
        if path != "dangling" {
            fs::write(out(file), "earlier").unwrap();
            place.fail(&out(path));
            assert_eq!(fs::read_to_string(out(file)).unwrap(), "earlier", "{path}");
        }
        place.write(command, &out(path));
        let written = fs::read_to_string(out(file)).unwrap();
        assert_eq!(written, place.expected(command), "{path}");
        let link = path.split('/').next().unwrap();
        assert!(out(link).symlink_metadata().unwrap().is_symlink(), "{path}");
    }
    assert_eq!(place.names(), names);
    assert_eq!(fs::read_dir(out("deep")).unwrap().count(), 2);
    // A cycle of symbolic links is an error, and is not changed.
    symlink("b", out("a")).unwrap();
    symlink("a", out("b")).unwrap();
    place.fail(&out("a"));
    assert!(out("a").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn an_earlier_file_keeps_its_mode_and_a_new_one_follows_the_umask() {
    let place = Place::new();
    let modes = [0o600, 0o640, 0o644, 0o664, 0o666, 0o751, 0o2640];
    for (bits, command) in modes.into_iter().zip(in_turn()) {
        let path = place.out("file");
        fs::write(&path, "earlier").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
        place.write(command, &path);
        assert_eq!(mode(&path), bits, "{command} {bits:o}");
        assert_eq!(fs::read_to_string(&path).unwrap(), place.expected(command));
        fs::remove_file(&path).unwrap();
    }
    for (umask, command) in [0o022, 0o077, 0o002, 0o137].into_iter().zip(in_turn()) {
        let path = place.out("new");
        let script = format!("umask {umask:o}; exec \"$0\" \"$@\"");
        let status = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_soakbox-analyzer")])
            .args([command, &place.recording, "-o"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(status.success());
        assert_eq!(mode(&path), 0o666 & !umask, "{command} {umask:o}");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn an_earlier_file_keeps_its_owner_and_its_other_names() {
    let place = Place::new();
    for command in COMMANDS {
        let (path, second) = (place.out("file"), place.out("second"));
        fs::write(&path, "earlier").unwrap();
        // Only root can give a file away.
        let given = chown(&path, Some(12345), Some(23456)).is_ok();
        place.write(command, &path);
        let made = fs::metadata(&path).unwrap();
        assert!(!given || (made.uid(), made.gid()) == (12345, 23456));
        fs::hard_link(&path, &second).unwrap();
        fs::write(&path, "earlier").unwrap();
        place.fail(&path);
        assert_eq!(fs::read_to_string(&second).unwrap(), "earlier");
        place.write(command, &path);
        assert_eq!(
            fs::read_to_string(&second).unwrap(),
            place.expected(command)
        );
        fs::remove_file(&path).unwrap();
        fs::remove_file(&second).unwrap();
    }
}

#[test]
fn pipes_devices_and_descriptors_are_written_as_they_are() {
    let place = Place::new();
    let paths = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    for (path, command) in paths.into_iter().zip(in_turn()) {
        let found = printed(&[command, &place.recording, "-o", path]);
        assert_eq!(found, place.expected(command), "{path}");
    }
    for command in COMMANDS {
        let expected = place.expected(command);
        assert_eq!(printed(&[command, &place.recording, "-o", "/dev/null"]), "");
        let pipe = place.out("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                let mut read = String::new();
                File::open(pipe).unwrap().read_to_string(&mut read).unwrap();
                read
            })
        };
        place.write(command, &pipe);
        assert_eq!(reader.join().unwrap(), expected);
        fs::remove_file(&pipe).unwrap();
        // A log that stdout is appended to keeps its lines.
        for path in ["/dev/stdout", "-"] {
            let log = place.out("log");
            fs::write(&log, "earlier\n").unwrap();
            let status = Command::new(env!("CARGO_BIN_EXE_soakbox-analyzer"))
                .args([command, &place.recording, "-o", path])
                .stdout(File::options().append(true).open(&log).unwrap())
                .status()
                .unwrap();
            assert!(status.success());
            assert_eq!(
                fs::read_to_string(&log).unwrap(),
                format!("earlier\n{expected}")
            );
            fs::remove_file(&log).unwrap();
        }
        // Another descriptor, of a file that has no name any more.
        let script = "exec 3<>\"$FILE\"; rm \"$FILE\"; \"$0\" \"$@\" || exit; cat /dev/fd/3";
        let output = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_soakbox-analyzer")])
            .args([command, &place.recording, "-o", "/dev/fd/3"])
            .env("FILE", place.out("unnamed"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        assert_eq!(text(&output.stdout), expected);
    }
    assert_eq!(place.names(), [""; 0]);
}
