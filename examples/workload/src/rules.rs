//! The rule table. It is parsed from text such as a control plane sends, sorted and searched.
//! `refresh` is the work of the operation rule_refresh.

use crate::random::Random;

/// Allows or denies traffic to the addresses of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    first: u32,
    last: u32,
    weight: u16,
    allow: bool,
}

/// Rules in order of their first address.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleTable {
    rules: Vec<Rule>,
}

/// The number of the first line that is not a rule, counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine(pub(crate) usize);

impl RuleTable {
    /// Parses the first `lines` lines of `text` (`10.1.2.0/24 allow 70`), sorts them and drops
    /// repeated ones.
    pub(crate) fn refresh(text: &str, lines: usize) -> Result<Self, BadLine> {
        let mut rules = text
            .lines()
            .take(lines)
            .enumerate()
            .map(|(number, line)| parse(line).ok_or(BadLine(number)))
            .collect::<Result<Vec<Rule>, BadLine>>()?;
        rules.sort();
        rules.dedup_by_key(|rule| (rule.first, rule.last));
        Ok(Self { rules })
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The weight of the last rule that begins at or below `address`, if it covers the address and
    /// allows it; otherwise 0.
    pub(crate) fn weight(&self, address: u32) -> u32 {
        let after = self.rules.partition_point(|rule| rule.first <= address);
        match after.checked_sub(1).and_then(|at| self.rules.get(at)) {
            Some(rule) if rule.allow && address <= rule.last => rule.weight.into(),
            _ => 0,
        }
    }
}

fn parse(line: &str) -> Option<Rule> {
    let mut words = line.split(' ');
    let (address, bits) = words.next()?.split_once('/')?;
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let address = address.split('.').try_fold(0u32, |address, byte| {
        Some((address << 8) | u32::from(byte.parse::<u8>().ok()?))
    })?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    let allow = match words.next()? {
        "allow" => true,
        "deny" => false,
        _ => return None,
    };
    Some(Rule {
        first: address & mask,
        last: address | !mask,
        weight: words.next()?.parse().ok()?,
        allow,
    })
}

/// `lines` lines of valid rules.
pub(crate) fn text(random: &mut Random, lines: usize) -> String {
    let mut text = String::with_capacity(lines * 26);
    for _ in 0..lines {
        let drawn = random.next();
        let byte = |shift: u32| (drawn >> shift) & 0xff;
        let bits = 16 + (drawn >> 32) % 13;
        let verb = if (drawn >> 40).is_multiple_of(8) {
            "deny"
        } else {
            "allow"
        };
        let weight = 1 + (drawn >> 48) % 100;
        text.push_str(&format!(
            "{}.{}.{}.{}/{bits} {verb} {weight}\n",
            byte(0),
            byte(8),
            byte(16),
            byte(24)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_covers_its_prefix_and_nothing_else() {
        let table = RuleTable::refresh("10.1.2.0/24 allow 70\n10.9.0.0/16 deny 5\n", 9).unwrap();
        assert_eq!(table.len(), 2);
        assert_eq!(table.weight(0x0a01_0200), 70);
        assert_eq!(table.weight(0x0a01_02ff), 70);
        assert_eq!(table.weight(0x0a01_0300), 0);
        assert_eq!(table.weight(0x0a09_0001), 0);
        assert_eq!(table.weight(0), 0);
    }

    #[test]
    fn a_bad_line_is_named() {
        for bad in [
            "10.1.2/24 x 1",
            "10.1.2.0/33 allow 1",
            "10.1.2.0 allow 1",
            "1.2.3.4/8 allow x",
        ] {
            let text = format!("10.1.2.0/24 allow 70\n{bad}\n");
            assert_eq!(RuleTable::refresh(&text, 9).unwrap_err(), BadLine(1));
        }
    }

    #[test]
    fn generated_text_is_valid() {
        let text = text(&mut Random::new(1, 0), 5_000);
        let table = RuleTable::refresh(&text, 4_000).unwrap();
        assert!(table.len() > 3_500);
    }
}
