//! The processors of a host.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The processors of a host, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cpu {
    /// Their model; of different ones each name once, with `, ` between them.
    #[serde(default)]
    pub model: Option<String>,
    /// Number of CPUs that were online.
    #[serde(default)]
    pub count: Option<u64>,
}

impl Cpu {
    /// Whether nothing is known of them.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// The model and the number; empty where nothing is known.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(model) = &self.model {
            f.write_str(model)?;
        }
        let separator = if self.model.is_some() { ", " } else { "" };
        match self.count {
            Some(1) => write!(f, "{separator}1 CPU"),
            Some(count) => write!(f, "{separator}{count} CPUs"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cpu;

    #[test]
    fn what_is_known_is_shown() {
        let shown = |model: Option<&str>, count| {
            let model = model.map(str::to_owned);
            Cpu { model, count }.to_string()
        };
        assert_eq!(shown(Some("AMD EPYC"), Some(2)), "AMD EPYC, 2 CPUs");
        assert_eq!(shown(Some("AMD EPYC"), None), "AMD EPYC");
        assert_eq!(shown(None, Some(1)), "1 CPU");
        assert_eq!(shown(None, None), "");
        assert!(Cpu::default().is_unknown());
    }
}
