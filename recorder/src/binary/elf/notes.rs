//! The notes of an ELF file: its build id, its properties, and its USDT probes as they are stored.

use object::Endianness;
use object::elf;
use object::read::elf::{Note, NoteIterator};

use super::{Elf, Header};

impl<'a> Elf<'a> {
    /// The notes of all sections of that name, in their order. A note that is cut off ends its
    /// section.
    pub fn notes(&self, section: &str) -> impl Iterator<Item = Note<'a, Header>> {
        self.sections
            .iter()
            .filter(move |found| found.name == section)
            .filter_map(|found| {
                NoteIterator::new(Endianness::Little, found.alignment, found.data).ok()
            })
            .flat_map(|notes| notes.map_while(Result::ok))
    }

    /// GNU build id.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        let mut notes = self.notes(".note.gnu.build-id");
        notes
            .find(|note| {
                note.name() == elf::ELF_NOTE_GNU
                    && note.n_type(Endianness::Little) == elf::NT_GNU_BUILD_ID
            })
            .map(|note| note.desc())
    }

    /// Whether the file is marked as compatible with a shadow stack.
    pub fn has_shadow_stack(&self) -> bool {
        self.notes(".note.gnu.property")
            .filter_map(|note| note.gnu_properties(Endianness::Little))
            .flat_map(|properties| properties.map_while(Result::ok))
            .filter(|property| property.pr_type() == elf::GNU_PROPERTY_X86_FEATURE_1_AND)
            .filter_map(|property| property.data_u32(Endianness::Little).ok())
            .any(|features| features & elf::GNU_PROPERTY_X86_FEATURE_1_SHSTK != 0)
    }
}
