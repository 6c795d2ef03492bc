//! Uprobes at many instructions of a file by one link (`BPF_TRACE_UPROBE_MULTI`, Linux 6.6). They
//! are attached and detached together in milliseconds, where each perf event takes 0.1 s to close.
//! aya does not make such links: this file relocates the programs against the maps that aya made,
//! and makes the system calls. Where any of this fails, the programs are loaded and attached by
//! aya.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aya::Ebpf;
use aya::maps::{Map, MapData};
use aya_obj::Object;
use aya_obj::btf::{Btf, BtfFeatures};
use aya_obj::generated::{bpf_attach_type, bpf_cmd, bpf_func_info, bpf_prog_type};

use super::point::Scope;
use super::system_call::{CreateLink, LoadProgram, LoadTypes, call};
use crate::binary::KernelVersion;
use crate::plan::{AttachPoint, Hook, ProgramId};

/// Before this version the kernel compared the thread instead of the process, so that all threads
/// but the first were not observed.
const FILTERS_PROCESSES: KernelVersion = KernelVersion {
    major: 6,
    minor: 10,
};
/// `BPF_F_UPROBE_MULTI_RETURN`.
const AT_RETURN: u32 = 1;

/// The object's programs, ready to be loaded for links of many uprobes.
pub(super) struct UprobeMulti {
    object: Object,
    /// The object's types, loaded: the kernel requires them of programs that pass a callback to a
    /// helper.
    types: OwnedFd,
    loaded: HashMap<ProgramId, OwnedFd>,
    filters_processes: bool,
}

impl UprobeMulti {
    /// Relocates `object` against the maps of `ebpf`, which was loaded from it. `None` where that
    /// is not possible.
    pub(super) fn new(object: &[u8], ebpf: &Ebpf) -> Option<Self> {
        let mut object = Object::parse(object).ok()?;
        let types = load_types(object.fixup_and_sanitize_btf(&ALL_OF_BTF).ok()??).ok()?;
        let maps = std::mem::take(&mut object.maps);
        let mut relocated = Vec::new();
        for (name, map) in &maps {
            let descriptor = map_data(ebpf.map(name)?)?.fd().as_fd().as_raw_fd();
            relocated.push((name.as_str(), descriptor, map));
        }
        let functions = object.functions.keys();
        let sections: HashSet<usize> = functions.map(|(section, _)| *section).collect();
        object
            .relocate_maps(relocated.into_iter(), &sections)
            .ok()?;
        object.relocate_calls(&sections).ok()?;
        let release = rustix::system::uname();
        let version = release
            .release()
            .to_str()
            .ok()
            .and_then(KernelVersion::parse);
        Some(Self {
            object,
            types,
            loaded: HashMap::new(),
            filters_processes: version.is_some_and(|version| version >= FILTERS_PROCESSES),
        })
    }

    /// Loads a program, once.
    ///
    /// # Errors
    /// The kernel's, `EINVAL` before Linux 6.6.
    pub(super) fn load(&mut self, id: ProgramId) -> io::Result<()> {
        if self.loaded.contains_key(&id) {
            return Ok(());
        }
        let program = self.object.programs.get(id.name());
        let program = program.ok_or(io::ErrorKind::NotFound)?;
        let function = self.object.functions.get(&program.function_key());
        let function = function.ok_or(io::ErrorKind::NotFound)?;
        let code = &function.instructions;
        let functions = &function.func_info.func_info;
        let mut name = [0; 16];
        // The last byte stays 0.
        for (to, from) in name[..15].iter_mut().zip(id.name().bytes()) {
            *to = from;
        }
        let request = LoadProgram {
            kind: bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
            instruction_count: code.len() as u32,
            instructions: code.as_ptr() as u64,
            license: program.license.as_ptr() as u64,
            name,
            attach_type: bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32,
            types: self.types.as_raw_fd() as u32,
            function_size: size_of::<bpf_func_info>() as u32,
            functions: functions.as_ptr() as u64,
            function_count: functions.len() as u32,
            ..LoadProgram::default()
        };
        // SAFETY: the instructions, the license and the list of functions outlive the call.
        let loaded = unsafe { call(bpf_cmd::BPF_PROG_LOAD, &request) }?;
        self.loaded.insert(id, loaded);
        Ok(())
    }

    /// Attaches the program of `hooks`, which have the same program, file and kind of point, by one
    /// link. `None` where this cannot be done for them: they are not uprobes, the program is not
    /// loaded here, or this kernel cannot observe one process in this way.
    pub(super) fn attach(&self, hooks: &[&Hook], scope: Scope) -> Option<io::Result<OwnedFd>> {
        let first = hooks.first()?;
        let program = self.loaded.get(&first.program)?;
        let (file, _) = first.point.instruction()?;
        let process = match scope {
            Scope::File => 0,
            Scope::Process(_) if !self.filters_processes => return None,
            Scope::Process(process) => process.get(),
        };
        let places = hooks.iter().filter_map(|hook| hook.point.instruction());
        let offsets: Vec<u64> = places.map(|(_, offset)| offset).collect();
        let cookies = hooks
            .iter()
            .map(|hook| hook.cookie.map_or(0, |cookie| cookie.pack()));
        let cookies: Vec<u64> = cookies.collect();
        let flags = match first.point {
            AttachPoint::Uretprobe { .. } => AT_RETURN,
            _ => 0,
        };
        link(
            program,
            &file.own_path(),
            &offsets,
            &cookies,
            flags,
            process,
        )
    }

    /// Attaches a program at one instruction of a file, in one process. `None` where this kernel
    /// cannot observe one process in this way, or the program is not loaded here.
    pub(super) fn attach_in(
        &self,
        id: ProgramId,
        file: &Path,
        offset: u64,
        process: NonZeroU32,
    ) -> Option<io::Result<OwnedFd>> {
        let program = self.loaded.get(&id).filter(|_| self.filters_processes)?;
        link(program, file, &[offset], &[0], 0, process.get())
    }
}

/// Makes a link; there are as many cookies as offsets.
fn link(
    program: &OwnedFd,
    file: &Path,
    offsets: &[u64],
    cookies: &[u64],
    flags: u32,
    process: u32,
) -> Option<io::Result<OwnedFd>> {
    let path = CString::new(file.as_os_str().as_bytes()).ok()?;
    let request = CreateLink {
        program: program.as_raw_fd() as u32,
        attach_type: bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32,
        path: path.as_ptr() as u64,
        offsets: offsets.as_ptr() as u64,
        cookies: cookies.as_ptr() as u64,
        count: offsets.len() as u32,
        flags,
        process,
        ..CreateLink::default()
    };
    // SAFETY: the path, the offsets and as many cookies outlive the call.
    Some(unsafe { call(bpf_cmd::BPF_LINK_CREATE, &request) })
}

/// All features of BTF: a kernel that has such links has them all.
const ALL_OF_BTF: BtfFeatures = BtfFeatures::new(true, true, true, true, true, true, true, true);

fn load_types(types: &Btf) -> io::Result<OwnedFd> {
    let types = types.to_bytes();
    let request = LoadTypes {
        types: types.as_ptr() as u64,
        size: types.len() as u32,
        ..LoadTypes::default()
    };
    // SAFETY: the types outlive the call.
    unsafe { call(bpf_cmd::BPF_BTF_LOAD, &request) }
}

/// The data of a map, of the kinds that the object has.
pub(super) fn map_data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuArray(data)
        | Map::PerCpuHashMap(data)
        | Map::RingBuf(data)
        | Map::Unsupported(data) => Some(data),
        _ => None,
    }
}
