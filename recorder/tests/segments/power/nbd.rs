//! Serves a [`Disk`] to a virtual machine by the NBD protocol, on a Unix socket, to one client:
//! <https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md>.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::disk::Disk;

const OPTION_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
/// Fixed newstyle, and no zeros after the export.
const HANDSHAKE_FLAGS: u16 = 3;
/// Flags are given, and flushes and forced unit access are understood.
const EXPORT_FLAGS: u16 = 1 | 4 | 8;
const GO: u32 = 7;
const INFO: u32 = 6;
const ACKNOWLEDGED: u32 = 1;
const INFORMATION: u32 = 3;
const UNSUPPORTED: u32 = 0x8000_0001;
const INVALID: u32 = 22;
/// Longest option and longest read or write, bytes.
const LONGEST: u32 = 32 << 20;

/// Serves `disk` on `socket` until the client closes the connection.
pub(crate) fn serve(socket: &Path, disk: Arc<Mutex<Disk>>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let bytes = disk.lock().unwrap().bytes();
        // The client is killed: its connection ends anywhere.
        let _ = handshake(&mut client, bytes).and_then(|()| requests(&mut client, &disk));
    })
}

fn handshake(client: &mut UnixStream, bytes: u64) -> io::Result<()> {
    client.write_all(b"NBDMAGIC")?;
    client.write_all(b"IHAVEOPT")?;
    client.write_all(&HANDSHAKE_FLAGS.to_be_bytes())?;
    let _flags = u32(client)?;
    loop {
        let magic = u64(client)?;
        let option = u32(client)?;
        let length = u32(client)?;
        if magic != OPTION_MAGIC || length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut data = vec![0; length as usize];
        client.read_exact(&mut data)?;
        if option != GO && option != INFO {
            option_reply(client, option, UNSUPPORTED, &[])?;
            continue;
        }
        let mut export = vec![0, 0];
        export.extend(bytes.to_be_bytes());
        export.extend(EXPORT_FLAGS.to_be_bytes());
        option_reply(client, option, INFORMATION, &export)?;
        option_reply(client, option, ACKNOWLEDGED, &[])?;
        if option == GO {
            return Ok(());
        }
    }
}

fn option_reply(client: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> io::Result<()> {
    let mut reply = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    reply.extend(option.to_be_bytes());
    reply.extend(kind.to_be_bytes());
    reply.extend((data.len() as u32).to_be_bytes());
    reply.extend(data);
    client.write_all(&reply)
}

fn requests(client: &mut UnixStream, disk: &Mutex<Disk>) -> io::Result<()> {
    loop {
        let magic = u32(client)?;
        let [flags, kind] = [u16(client)?, u16(client)?];
        let handle = u64(client)?;
        let offset = usize::try_from(u64(client)?).unwrap_or(usize::MAX);
        let length = u32(client)?;
        if magic != REQUEST_MAGIC || length > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let length = length as usize;
        let mut read = Vec::new();
        let done = match kind {
            0 => {
                let disk = disk.lock().unwrap();
                let found = disk.read(offset, length);
                found.map(|bytes| read.extend_from_slice(bytes))
            }
            1 => {
                let mut bytes = vec![0; length];
                client.read_exact(&mut bytes)?;
                disk.lock().unwrap().write(offset, &bytes, flags & 1 == 1)
            }
            2 => return Ok(()),
            3 => {
                disk.lock().unwrap().flush();
                Some(())
            }
            _ => None,
        };
        let error = if done.is_some() { 0 } else { INVALID };
        let mut reply = REPLY_MAGIC.to_be_bytes().to_vec();
        reply.extend(error.to_be_bytes());
        reply.extend(handle.to_be_bytes());
        reply.append(&mut read);
        client.write_all(&reply)?;
    }
}

fn u16(client: &mut UnixStream) -> io::Result<u16> {
    let mut bytes = [0; 2];
    client.read_exact(&mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn u32(client: &mut UnixStream) -> io::Result<u32> {
    let mut bytes = [0; 4];
    client.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn u64(client: &mut UnixStream) -> io::Result<u64> {
    let mut bytes = [0; 8];
    client.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}
