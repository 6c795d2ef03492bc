//! Go functions: from a name to the sites of its begin and its finishes.

use std::collections::BTreeSet;

use super::super::error::{Choice, Reason};
use super::super::{KernelVersion, NotCarriedOut, Site};
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
            return Err(Reason::NoGoError("it returns its error on the stack"));
        }
        let mut warnings = Vec::new();
        let error = error.map(|error| self.error_register(&bodies, error, &mut warnings));
        let exit = self.functions.iter().find(|entry| entry.name == EXIT);
        let exit = exit.map(|entry| Body::read(self, &entry)?.begin_site(kernel));
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

    /// Where the bodies return their error. Instances of one generic function may do so in different
    /// registers.
    fn error_register(
        &self,
        bodies: &[Entry<'_>],
        error: ErrorPlace,
        warnings: &mut Vec<String>,
    ) -> Result<u32, Reason> {
        let known = match Types::read(self.elf) {
            Ok(types) => types.error_registers(bodies),
            Err(unknown) => vec![Err(unknown); bodies.len()],
        };
        let by_instance = |why| Reason::GoErrorInstances {
            why,
            instances: instances(bodies),
        };
        let told: BTreeSet<u32> = known.iter().flatten().copied().collect();
        if told.len() > 1 {
            let why = "its instances return their errors in different registers";
            return Err(by_instance(why));
        }
        let mut found = None;
        for known in known {
            let register = match (known, error) {
                (Ok(register), ErrorPlace::After(given)) if register != given => {
                    return Err(Reason::GoErrorPlace { register, given });
                }
                (Ok(register), _) => register,
                (Err(Unknown::NotThere(_)), ErrorPlace::After(given)) => given,
                (Err(Unknown::NoError(why)), _) if told.is_empty() => {
                    return Err(Reason::NoGoError(why));
                }
                (Err(Unknown::NotThere(why)), _) if told.is_empty() => {
                    return Err(Reason::GoError(why));
                }
                (Err(unknown), _) => return Err(by_instance(unknown.why())),
            };
            found = Some(register);
        }
        let count = bodies.len();
        if let (ErrorPlace::After(given), true, 2..) = (error, told.is_empty(), count) {
            warnings.push(format!(
                "success=goerr:{given} is taken for all {count} instances, and the file does not tell whether they return their errors in the same register"
            ));
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
        let names = self.functions.iter().map(|entry| entry.name);
        Reason::UnknownFunction {
            file: file.into(),
            function: function.into(),
            near: names::near(function, names),
            symbols: SYMBOLS.into(),
        }
    }
}

/// Which names the table has, in words.
pub(super) const SYMBOLS: &str = "a function that is inlined everywhere has no code of its own, and type arguments are written [...]";

/// Names that each stand for one of the bodies alone, as they are written in a probe; none where the table gives all of them the same
/// name (up to Go 1.20).
fn instances(bodies: &[Entry<'_>]) -> Vec<String> {
    const MOST: usize = 8;
    let names: BTreeSet<_> = bodies.iter().map(|body| body.name).collect();
    if names.len() < bodies.len() {
        return Vec::new();
    }
    let names = names.into_iter().take(MOST);
    names
        .map(|name| names::readable(name).replace(',', "\\,"))
        .collect()
}

fn choice(entry: &Entry<'_>) -> Choice {
    Choice {
        symbol: names::readable(entry.name).into_owned(),
        signature: None,
        address: entry.start,
    }
}
