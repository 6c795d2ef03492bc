//! Host name, kernel release, boot id and processors, which a recording stores: read once per
//! command, and only here.

use soakbox_schemas::recording::footer::Cpu;

/// Names of a host, and its processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Kernel release as `uname -r` prints it, such as `6.18.2-cloud-amd64`.
    pub kernel: String,
    /// Boot id: it changes with each start of the host. Empty without /proc.
    pub boot_id: String,
    /// Its processors; unknown without /proc.
    pub cpu: Cpu,
}

impl Host {
    /// Reads the names of this host, in the namespaces of the recorder.
    pub fn read() -> Self {
        let system = rustix::system::uname();
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            name: system.nodename().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            boot_id: file("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            cpu: processors(&file("/proc/cpuinfo")),
        }
    }
}

/// The processors in a text of `/proc/cpuinfo`, which has a part for each CPU that is online.
fn processors(text: &str) -> Cpu {
    let mut models: Vec<String> = Vec::new();
    let mut count = 0;
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match key.trim_end() {
            "processor" => count += 1,
            "model name" => {
                // Some processors pad their names with blanks.
                let words: Vec<&str> = value.split_whitespace().collect();
                let model = words.join(" ");
                if !model.is_empty() && !models.contains(&model) {
                    models.push(model);
                }
            }
            _ => {}
        }
    }
    Cpu {
        model: (!models.is_empty()).then(|| models.join(", ")),
        count: (count > 0).then_some(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(model: Option<&str>, count: Option<u64>) -> Cpu {
        let model = model.map(str::to_owned);
        Cpu { model, count }
    }

    #[test]
    fn a_model_is_there_once_and_each_cpu_counts() {
        let one = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 79\n\
                   model name\t: Intel(R) Xeon(R)   CPU @ 2.20GHz \nflags\t\t: fpu vme\n\n";
        let other = one.replace("processor\t: 0", "processor\t: 1");
        let model = "Intel(R) Xeon(R) CPU @ 2.20GHz";
        assert_eq!(
            processors(&(one.to_owned() + &other)),
            cpu(Some(model), Some(2))
        );
        let small = one.replace("Xeon(R)", "Atom(TM)");
        assert_eq!(
            processors(&(one.to_owned() + &small)),
            cpu(
                Some(&format!(
                    "{model}, {}",
                    model.replace("Xeon(R)", "Atom(TM)")
                )),
                Some(2)
            )
        );
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        assert_eq!(processors(""), cpu(None, None));
        // Processors of other architectures have no names there.
        let arm = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n";
        assert_eq!(processors(arm), cpu(None, Some(1)));
        assert_eq!(
            processors("processor\t: 0\nmodel name\t:\n"),
            cpu(None, Some(1))
        );
    }
}
