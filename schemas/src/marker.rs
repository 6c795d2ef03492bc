//! The marker ABI: a program marks its own operations, at almost no cost while nobody records.
//!
//! A marker is a pair of functions, `begin` and `finish`. Each is a 1-byte nop, where the probe is
//! placed, a 5-byte nop, and a return (x86-64), or a 4-byte nop and a return (aarch64). A caller
//! keeps nothing below its stack pointer during a call, so that a probe there cannot corrupt its
//! locals; therefore a marker must never be inlined.
//!
//! The probe is not on the 5-byte nop, because kernels from 6.18 on replace a probed one by a call
//! into a page that they map for it. A child of fork inherits the call but not the page, and dies
//! at its first marker. The 5-byte nop is there for recorders on kernels that map the page in
//! children too: a probe on it is the cheaper of the two.
//!
//! A `.note.stapsdt` note (provider [`PROVIDER`], names `NAME__begin` and `NAME__finish`) has the
//! address of each; `include/soakbox.h` is the same ABI for C and C++.
//!
//! Arguments, in the order of the C calling convention: a token for `begin`; a token, a value and a
//! success (0 or 1) for `finish`. Token 0 pairs last in, first out, per operation and thread; any
//! other token pairs with the same token of the operation, across threads.

/// Provider of every marker's notes.
pub const PROVIDER: &str = "soakbox";
/// Suffix of the marker's name in the note of its begin.
pub const BEGIN_SUFFIX: &str = "__begin";
/// Suffix of the marker's name in the note of its finish.
pub const FINISH_SUFFIX: &str = "__finish";

/// A declared marker; made by [`marker!`](crate::marker!).
#[derive(Clone, Copy, Debug)]
pub struct Marker {
    begin: extern "C" fn(u64),
    finish: extern "C" fn(u64, i64, i32),
}

impl Marker {
    /// Used by [`marker!`](crate::marker!) alone.
    #[doc(hidden)]
    pub const fn new(begin: extern "C" fn(u64), finish: extern "C" fn(u64, i64, i32)) -> Self {
        Self { begin, finish }
    }

    /// Begins an operation on this thread. Dropping the guard (a panic, an early return) finishes
    /// it as failed.
    #[inline(always)]
    pub fn begin(&'static self) -> Operation {
        (self.begin)(0);
        Operation {
            marker: self,
            token: 0,
        }
    }

    /// Begins an operation that may finish on another thread. `token` must be unique among those in
    /// flight; 0 pairs as [`Marker::begin`] does.
    #[inline(always)]
    pub fn begin_token(&'static self, token: u64) -> Operation {
        (self.begin)(token);
        Operation {
            marker: self,
            token,
        }
    }
}

/// An operation in flight. Finish it with [`Operation::finish`]; dropped, it counts as failed.
#[derive(Debug)]
#[must_use = "an operation that is dropped at once finishes at once, as failed"]
pub struct Operation {
    marker: &'static Marker,
    token: u64,
}

impl Operation {
    /// Finishes the operation with a value of your choice (it becomes `return_value`) and its
    /// success.
    #[inline(always)]
    pub fn finish(self, value: i64, success: bool) {
        (self.marker.finish)(self.token, value, i32::from(success));
        core::mem::forget(self);
    }
}

impl Drop for Operation {
    #[inline]
    fn drop(&mut self) {
        (self.marker.finish)(self.token, 0, 0);
    }
}

/// Declares a marker: `marker!(pub RULE_REFRESH = "rule_refresh");`
///
/// The name may have letters, digits and `_`. On architectures other than x86-64 and aarch64 the
/// functions do nothing.
#[macro_export]
macro_rules! marker {
    ($(#[$meta:meta])* $visibility:vis $marker:ident = $name:literal) => {
        $(#[$meta])*
        $visibility static $marker: $crate::marker::Marker = {
            $crate::__marker_function!(begin(_token: u64), concat!($name, "__begin"), "8@%rdi", "8@x0");
            $crate::__marker_function!(
                finish(_token: u64, _value: i64, _success: i32),
                concat!($name, "__finish"), "8@%rdi -8@%rsi -4@%edx", "8@x0 -8@x1 -4@x2"
            );
            $crate::marker::Marker::new(begin, finish)
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __marker_function {
    ($function:ident($($argument:ident: $type:ty),*), $probe:expr, $x86:literal, $arm:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[unsafe(naked)]
        extern "C" fn $function($($argument: $type),*) {
            ::core::arch::naked_asm!(
                "990: nop",
                ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00",
                "ret",
                $crate::__marker_note!($probe, $x86),
            )
        }
        #[cfg(target_arch = "aarch64")]
        #[unsafe(naked)]
        extern "C" fn $function($($argument: $type),*) {
            ::core::arch::naked_asm!("990: nop", "ret", $crate::__marker_note!($probe, $arm))
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        extern "C" fn $function($($argument: $type),*) {}
    };
}

/// The stapsdt note of the site labelled 990, version 3 of the format.
#[doc(hidden)]
#[macro_export]
macro_rules! __marker_note {
    ($probe:expr, $arguments:literal) => {
        concat!(
            ".pushsection .note.stapsdt, \"\", \"note\"\n",
            ".balign 4\n",
            ".4byte 992f - 991f, 994f - 993f, 3\n",
            "991: .asciz \"stapsdt\"\n",
            "992: .balign 4\n",
            "993: .8byte 990b\n",
            ".8byte 0\n",
            ".8byte 0\n",
            ".asciz \"soakbox\"\n",
            ".asciz \"",
            $probe,
            "\"\n",
            ".asciz \"",
            $arguments,
            "\"\n",
            "994: .balign 4\n",
            ".popsection"
        )
    };
}
