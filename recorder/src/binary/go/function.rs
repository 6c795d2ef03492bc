//! Go functions: from a name to the sites of its begin and its finishes.

use std::collections::BTreeSet;

use super::super::error::{Choice, Reason};
use super::super::{KernelVersion, NotCarriedOut, Site, suggest};
use super::body::Body;
use super::{Entry, Program, Types, Unknown, names};

/// A Go function with its sites. Register 14 holds the goroutine at each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoFunction {
    /// Name as in the source.
    pub name: String,
    /// Sites of its begin: one for each body. A generic function has a body for each shape of its
    /// type arguments.
    pub begins: Vec<Site>,
    /// Its return instructions.
    pub returns: Vec<Site>,
    /// The begin of `runtime.Goexit`, where the program has it: it ends the goroutine, and no
    /// function that is in flight on it returns.
    pub exit: Option<Site>,
    /// An instruction of `runtime.gogo`, by which a thread goes on with a goroutine, or why that is
    /// not known.
    pub switch: Result<Site, Reason>,
    /// Offset of the id in a goroutine, bytes.
    pub goroutine_id_offset: u16,
    /// The version of Go that built the program.
    pub version: String,
    /// Whether its results are on the stack, as those of the functions that cgo makes to call C.
    pub results_on_stack: bool,
    /// Where it returns its error, if that was asked for: the number of registers for the results
    /// before the error.
    pub error_register: Option<u32>,
    /// Calls that will not be seen, a sentence each.
    pub warnings: Vec<String>,
}

impl GoFunction {
    /// Leaves all return instructions to the kernel, which single-steps them.
    pub fn leave_returns_to_kernel(&mut self, by: NotCarriedOut) {
        let returns = self.returns.iter_mut();
        returns.for_each(|site| site.leave_to_kernel(by));
    }
}

/// Where a function returns its error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPlace {
    /// The debug information tells it.
    Known,
    /// After results in as many registers, unless the debug information tells otherwise.
    After(u32),
}

/// Goes on with a goroutine: all switches of goroutines go through it.
const SWITCH: &str = "runtime.gogo";
/// Ends the goroutine that calls it.
const EXIT: &str = "runtime.Goexit";
/// Most bodies of one function.
const MOST_BODIES: usize = 256;

impl<'a> Program<'_, 'a> {
    /// Finds the sites of a function, and where it returns its error if `error` asks for it.
    ///
    /// # Errors
    /// Where there is none of that name, or its begins or finishes are not certain, or its error is
    /// asked for and not known.
    pub fn resolve(
        &self,
        file: &str,
        function: &str,
        error: Option<ErrorPlace>,
        kernel: KernelVersion,
    ) -> Result<GoFunction, Reason> {
        let bodies = self.find(file, function)?;
        let name = match bodies.as_slice() {
            [body] => names::readable(body.name),
            _ => names::general(bodies[0].name),
        };
        let name = name.into_owned();
        let goroutine_id_offset = self.goroutine_id_offset()?;
        let (mut begins, mut returns) = (Vec::new(), Vec::new());
        let mut results_on_stack = false;
        for body in &bodies {
            let body = Body::read(self, body)?;
            let (begin, finishes) = body.sites(kernel)?;
            results_on_stack |= body.results_on_stack();
            begins.push(begin);
            returns.extend(finishes);
        }
        if results_on_stack && error.is_some() {
            return Err(Reason::GoError(
                "it returns its error on the stack".to_owned(),
            ));
        }
        let error = error.map(|error| self.error_register(&bodies, error));
        let exit = self.functions.iter().find(|entry| entry.name == EXIT);
        let exit = exit.map(|entry| Body::read(self, &entry)?.begin_site(kernel));
        let mut warnings = Vec::new();
        if bodies.iter().all(|body| self.functions.is_wrapper(body)) {
            warnings.push(
                "the compiler made this function to call another one, and calls of that one are not observed".to_owned(),
            );
        }
        Ok(GoFunction {
            name,
            begins,
            returns,
            exit: exit.transpose()?,
            switch: self.switch_site(kernel),
            goroutine_id_offset,
            version: self.version.text.clone(),
            results_on_stack,
            error_register: error.transpose()?,
            warnings,
        })
    }

    /// An instruction of the code by which a thread goes on with a goroutine.
    fn switch_site(&self, kernel: KernelVersion) -> Result<Site, Reason> {
        let mut found = self.functions.iter().filter(|entry| entry.name == SWITCH);
        let (Some(entry), None) = (found.next(), found.next()) else {
            return Err(Reason::GoTables(format!(
                "the function {SWITCH} is not there once ({})",
                self.version
            )));
        };
        Body::read(self, &entry)?.straight_site(kernel)
    }

    /// Where the bodies return their error.
    fn error_register(&self, bodies: &[Entry<'_>], error: ErrorPlace) -> Result<u32, Reason> {
        let known = match Types::read(self.elf) {
            Ok(types) => types.error_registers(bodies),
            Err(unknown) => vec![Err(unknown); bodies.len()],
        };
        let mut found = None;
        for known in known {
            let register = match (known, error) {
                (Ok(register), ErrorPlace::After(given)) if register != given => {
                    let why = format!(
                        "the results before its error need {register} registers, not {given}"
                    );
                    return Err(Reason::GoError(why));
                }
                (Ok(register), _) => register,
                (Err(Unknown::NotThere(_)), ErrorPlace::After(given)) => given,
                (Err(unknown), _) => return Err(Reason::GoError(unknown.why().to_owned())),
            };
            if *found.get_or_insert(register) != register {
                let why = "its instances return their errors in different registers";
                return Err(Reason::GoError(why.to_owned()));
            }
        }
        Ok(found.unwrap_or_default())
    }

    /// The bodies of the one function that the name means.
    fn find(&self, file: &str, function: &str) -> Result<Vec<Entry<'a>>, Reason> {
        let table = &self.functions;
        let meant = table
            .iter()
            .filter(|entry| names::means(function, entry.name));
        let (assembly, mut found): (Vec<_>, Vec<_>) =
            meant.partition(|entry| table.is_assembly(entry));
        // A whole name is meant before a shortened one.
        if found
            .iter()
            .any(|entry| names::is_whole(function, entry.name))
        {
            found.retain(|entry| names::is_whole(function, entry.name));
        }
        // A wrapper calls the function that has its name.
        if found.iter().any(|entry| !table.is_wrapper(entry)) {
            found.retain(|entry| !table.is_wrapper(entry));
        }
        let different: BTreeSet<_> = found
            .iter()
            .map(|entry| names::general(entry.name))
            .collect();
        if different.len() > 1 {
            return Err(Reason::Ambiguous {
                function: function.into(),
                choices: found.iter().map(choice).collect(),
            });
        }
        match (found.as_slice(), assembly.first()) {
            ([], None) => Err(self.missing(file, function)),
            ([], Some(_)) => Err(Reason::GoAssembly(function.into())),
            (bodies, _) if bodies.len() > MOST_BODIES => Err(Reason::GoCode {
                at: bodies[0].start,
                why: "it has too many instances",
            }),
            _ => Ok(found),
        }
    }

    fn missing(&self, file: &str, function: &str) -> Reason {
        let known: Vec<_> = self
            .functions
            .iter()
            .map(|entry| names::readable(entry.name))
            .collect();
        Reason::UnknownFunction {
            file: file.into(),
            function: function.into(),
            near: suggest::nearest(function, known.iter().map(AsRef::as_ref)),
            symbols: "a function that is inlined everywhere has no code of its own, and type arguments are written [...]".into(),
        }
    }
}

fn choice(entry: &Entry<'_>) -> Choice {
    Choice {
        symbol: names::readable(entry.name).into_owned(),
        signature: None,
        address: entry.start,
    }
}
