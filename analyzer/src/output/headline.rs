//! The top of a report and of a summary: the verdict, and the few reasons that a reader in a hurry
//! needs.

/// Most reasons: the others are in the tables.
const MOST_REASONS: usize = 3;

/// How a verdict is marked besides its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing is wrong.
    Good,
    /// Something is wrong.
    Bad,
    /// Nothing was decided.
    Open,
}

/// A verdict with its reasons; the texts may hold names of a recording and are not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// The verdict in capital letters.
    pub word: String,
    /// How it is marked.
    pub tone: Tone,
    /// The rest of the sentence that the word begins.
    pub sentence: String,
    /// The main reasons, the gravest first; at most three.
    pub reasons: Vec<String>,
    /// How many others there are.
    pub more: usize,
}

impl Headline {
    pub(super) fn new(word: &str, tone: Tone, sentence: String, mut reasons: Vec<String>) -> Self {
        let more = reasons.len().saturating_sub(MOST_REASONS);
        reasons.truncate(MOST_REASONS);
        Self {
            word: word.to_owned(),
            tone,
            sentence,
            reasons,
            more,
        }
    }

    /// That nothing was judged, and why.
    pub fn not_judged(why: String) -> Self {
        Self::new("NOT JUDGED", Tone::Open, why, Vec::new())
    }
}
