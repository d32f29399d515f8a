//! The hash slots of a cluster.

/// The number of hash slots.
const SLOTS: u16 = 16_384;

/// Returns the hash slot of a key. It is computed from the text between the first braces, or else from the
/// whole key.
pub(super) fn of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0));
    crc16(tag.filter(|tag| !tag.is_empty()).unwrap_or(key)) % SLOTS
}

/// Returns a key of the namespace in one of these hash slots, for a probe that deletes the key at its end.
pub(super) fn probe_key_in(namespace: &str, (first, last): (u16, u16)) -> Option<String> {
    if namespace.contains('{') {
        return None;
    }
    let key = |number| format!("{namespace}:probe:{{{number}}}");
    // On average, finding one particular slot takes as many attempts as there are slots.
    (0..20 * u32::from(SLOTS)).map(key).find(|key| (first..=last).contains(&of(key)))
}

/// CRC-16/XMODEM.
fn crc16(text: &str) -> u16 {
    text.bytes().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_slots_that_the_specification_says() {
        assert_eq!(crc16("123456789"), 0x31c3);
        assert_eq!(of("foo"), 12_182);
        assert_eq!(of("ns:{foo}:bar:{x}"), of("foo"));
        for range in [(0, 0), (5_000, 5_000), (0, 5_460), (16_383, 16_383)] {
            let key = probe_key_in("throttle", range).expect("a key");
            assert!((range.0..=range.1).contains(&of(&key)), "{key}");
        }
        assert_eq!(of("{}{foo}"), crc16("{}{foo}") % SLOTS);
    }
}
