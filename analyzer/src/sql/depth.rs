//! Refuses texts whose plan would be nested too deeply. DataFusion plans and optimizes a chain of
//! operators (`a OR b OR …`, `… UNION ALL …`, joins) by recursion, one level for each, and a stack
//! that overflows ends the program. Brackets inside each other are limited by its parser, which
//! however reads some of them twice, and what is in them four times, and so on.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use soakbox_cli::{Failure, Result};

/// Most operators, joins and set operations in a chain, those of the brackets around it included.
const MOST: usize = 1_000;
/// Most forms inside each other that the parser reads twice: that of the last takes 0.1 s.
const MOST_TWICE: usize = 16;
/// The words that begin such a form with a bracket, besides `CASE` and queries in brackets.
const TWICE: [Keyword; 16] = [
    Keyword::ARRAY,
    Keyword::CAST,
    Keyword::CEIL,
    Keyword::CONVERT,
    Keyword::EXISTS,
    Keyword::EXTRACT,
    Keyword::FLOOR,
    Keyword::INTERVAL,
    Keyword::MAP,
    Keyword::OVERLAY,
    Keyword::POSITION,
    Keyword::STRUCT,
    Keyword::SUBSTR,
    Keyword::SUBSTRING,
    Keyword::TRIM,
    Keyword::TRY_CAST,
];
/// Bytes of the stack of a thread that plans or runs a query. Only what is used of it takes memory.
pub(super) const STACK_BYTES: usize = 256 << 20;

/// The chains at one level of brackets.
#[derive(Default)]
struct Level {
    /// Operators since the last comma.
    operators: usize,
    /// Joins, set operations, and queries of a `WITH`.
    joins: usize,
    /// Whether a comma is a join.
    is_from: bool,
    /// Whether the parser reads what is in these brackets twice.
    is_twice: bool,
    /// Open `CASE`s.
    cases: usize,
}

/// Refuses a statement with a chain that is too long.
pub(super) fn check(statement: &str) -> Result<()> {
    // What cannot be cut into tokens is refused by the parser, with the place.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, statement).tokenize() else {
        return Ok(());
    };
    // The brackets around `level`, and the sum of their chains.
    let (mut around, mut outer, mut outer_twice) = (Vec::new(), 0, 0);
    let mut level = Level::default();
    let mut last = Keyword::NoKeyword;
    for token in &tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                level.operators += 1;
                outer += level.chain();
                outer_twice += level.twice();
                let inner = Level {
                    is_twice: TWICE.contains(&last),
                    ..Level::default()
                };
                around.push(std::mem::replace(&mut level, inner));
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                level = around.pop().unwrap_or_default();
                outer = outer.saturating_sub(level.chain());
                outer_twice = outer_twice.saturating_sub(level.twice());
            }
            Token::Comma => {
                level.operators = 0;
                level.joins += usize::from(level.is_from);
            }
            Token::Word(word) => level.add(word.keyword),
            Token::Whitespace(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Period
            | Token::SemiColon
            | Token::EOF => {}
            // All others are operators, or as rare as these.
            _ => level.operators += 1,
        }
        last = match token {
            Token::Word(word) => word.keyword,
            Token::Whitespace(_) => last,
            _ => Keyword::NoKeyword,
        };
        if outer_twice + level.twice() > MOST_TWICE {
            let reason =
                format!("has more than {MOST_TWICE} queries, CASEs or CASTs inside each other");
            return Err(Failure::new("query", reason).hint("name inner queries with WITH"));
        }
        if outer + level.chain() > MOST {
            return Err(Failure::new(
                "query",
                format!(
                    "has a chain of more than {MOST} operators, brackets, joins or set operations"
                ),
            )
            .hint("write a list of values as IN (…) or as VALUES (…), (…)"));
        }
    }
    Ok(())
}

impl Level {
    fn chain(&self) -> usize {
        self.operators + self.joins
    }

    fn twice(&self) -> usize {
        self.cases + usize::from(self.is_twice)
    }

    fn add(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::COLLATE
            | Keyword::AT => self.operators += 1,
            Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT | Keyword::JOIN => {
                self.joins += 1;
                self.operators = 0;
            }
            Keyword::FROM | Keyword::WITH => self.is_from = true,
            Keyword::CASE => self.cases += 1,
            Keyword::END => self.cases = self.cases.saturating_sub(1),
            Keyword::SELECT => {
                self.is_twice = true;
                self.is_from = false;
                self.operators = 0;
            }
            Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::VALUES => {
                self.is_from = false;
                self.operators = 0;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_chains_are_refused_and_long_lists_are_not() {
        let repeated =
            |start: &str, part: &str, times: usize| format!("{start}{}", part.repeat(times));
        for (start, part) in [
            ("SELECT 1", "+1"),
            ("SELECT 1, 2", " UNION ALL SELECT 1, 2"),
            ("SELECT 1 FROM t WHERE a = 1", " OR a = 1"),
            ("SELECT 1 FROM t", ", t"),
            ("SELECT 1 FROM t", " CROSS JOIN t"),
            ("SELECT ", "- "),
            ("SELECT a", "::int"),
            ("SELECT a", "[1]"),
            ("WITH a AS (SELECT 1)", ", a AS (SELECT 1)"),
        ] {
            assert!(check(&repeated(start, part, 100)).is_ok(), "{part}");
            assert!(check(&repeated(start, part, 1_001)).is_err(), "{part}");
        }
        for (start, part) in [
            ("SELECT 1", ", 1 + 1"),
            ("SELECT a IN (1", ", -1"),
            ("VALUES (1)", ", (1 + 1)"),
            ("SELECT 'a + b", " + b"),
        ] {
            assert!(check(&repeated(start, part, 100_000)).is_ok(), "{part}");
        }
        assert!(check(")))) SELECT 1").is_ok());
        for part in [
            "CASE WHEN true THEN ",
            "CAST(",
            "(SELECT ",
            "ARRAY[",
            "substring (",
        ] {
            assert!(check(&repeated("SELECT ", part, 15)).is_ok(), "{part}");
            assert!(check(&repeated("SELECT ", part, 17)).is_err(), "{part}");
            let side_by_side = format!("SELECT {part}1)] END, ").repeat(100);
            assert!(check(&side_by_side).is_ok(), "{part}");
        }
    }
}
