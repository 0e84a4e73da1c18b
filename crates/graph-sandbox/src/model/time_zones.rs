//! The names of time zones that the service takes, and the local times that go with them.
//!
//! Windows names are in a list here; of IANA's the computer's own table decides, where it has one.

use jiff::{civil::DateTime, tz};

/// Windows' names, as the service lists them in `supportedTimeZones`.
const WINDOWS: &[&str] = &[
    "Dateline Standard Time",
    "UTC-11",
    "Aleutian Standard Time",
    "Hawaiian Standard Time",
    "Marquesas Standard Time",
    "Alaskan Standard Time",
    "UTC-09",
    "Pacific Standard Time (Mexico)",
    "UTC-08",
    "Pacific Standard Time",
    "US Mountain Standard Time",
    "Mountain Standard Time (Mexico)",
    "Mountain Standard Time",
    "Yukon Standard Time",
    "Central America Standard Time",
    "Central Standard Time",
    "Easter Island Standard Time",
    "Central Standard Time (Mexico)",
    "Canada Central Standard Time",
    "SA Pacific Standard Time",
    "Eastern Standard Time (Mexico)",
    "Eastern Standard Time",
    "Haiti Standard Time",
    "Cuba Standard Time",
    "US Eastern Standard Time",
    "Turks And Caicos Standard Time",
    "Paraguay Standard Time",
    "Atlantic Standard Time",
    "Venezuela Standard Time",
    "Central Brazilian Standard Time",
    "SA Western Standard Time",
    "Pacific SA Standard Time",
    "Newfoundland Standard Time",
    "Tocantins Standard Time",
    "E. South America Standard Time",
    "SA Eastern Standard Time",
    "Argentina Standard Time",
    "Greenland Standard Time",
    "Montevideo Standard Time",
    "Magallanes Standard Time",
    "Saint Pierre Standard Time",
    "Bahia Standard Time",
    "UTC-02",
    "Mid-Atlantic Standard Time",
    "Azores Standard Time",
    "Cape Verde Standard Time",
    "UTC",
    "GMT Standard Time",
    "Greenwich Standard Time",
    "Sao Tome Standard Time",
    "Morocco Standard Time",
    "W. Europe Standard Time",
    "Central Europe Standard Time",
    "Romance Standard Time",
    "Central European Standard Time",
    "W. Central Africa Standard Time",
    "Jordan Standard Time",
    "GTB Standard Time",
    "Middle East Standard Time",
    "Egypt Standard Time",
    "E. Europe Standard Time",
    "Syria Standard Time",
    "West Bank Standard Time",
    "South Africa Standard Time",
    "FLE Standard Time",
    "Israel Standard Time",
    "South Sudan Standard Time",
    "Kaliningrad Standard Time",
    "Sudan Standard Time",
    "Libya Standard Time",
    "Namibia Standard Time",
    "Arabic Standard Time",
    "Turkey Standard Time",
    "Arab Standard Time",
    "Belarus Standard Time",
    "Russian Standard Time",
    "E. Africa Standard Time",
    "Volgograd Standard Time",
    "Iran Standard Time",
    "Arabian Standard Time",
    "Astrakhan Standard Time",
    "Azerbaijan Standard Time",
    "Russia Time Zone 3",
    "Mauritius Standard Time",
    "Saratov Standard Time",
    "Georgian Standard Time",
    "Caucasus Standard Time",
    "Afghanistan Standard Time",
    "West Asia Standard Time",
    "Ekaterinburg Standard Time",
    "Pakistan Standard Time",
    "Qyzylorda Standard Time",
    "India Standard Time",
    "Sri Lanka Standard Time",
    "Nepal Standard Time",
    "Central Asia Standard Time",
    "Bangladesh Standard Time",
    "Omsk Standard Time",
    "Myanmar Standard Time",
    "SE Asia Standard Time",
    "Altai Standard Time",
    "W. Mongolia Standard Time",
    "North Asia Standard Time",
    "N. Central Asia Standard Time",
    "Tomsk Standard Time",
    "China Standard Time",
    "North Asia East Standard Time",
    "Singapore Standard Time",
    "W. Australia Standard Time",
    "Taipei Standard Time",
    "Ulaanbaatar Standard Time",
    "Aus Central W. Standard Time",
    "Transbaikal Standard Time",
    "Tokyo Standard Time",
    "North Korea Standard Time",
    "Korea Standard Time",
    "Yakutsk Standard Time",
    "Cen. Australia Standard Time",
    "AUS Central Standard Time",
    "E. Australia Standard Time",
    "AUS Eastern Standard Time",
    "West Pacific Standard Time",
    "Tasmania Standard Time",
    "Vladivostok Standard Time",
    "Lord Howe Standard Time",
    "Bougainville Standard Time",
    "Russia Time Zone 10",
    "Magadan Standard Time",
    "Norfolk Standard Time",
    "Sakhalin Standard Time",
    "Central Pacific Standard Time",
    "Russia Time Zone 11",
    "New Zealand Standard Time",
    "UTC+12",
    "Fiji Standard Time",
    "Kamchatka Standard Time",
    "Chatham Islands Standard Time",
    "UTC+13",
    "Tonga Standard Time",
    "Samoa Standard Time",
    "Line Islands Standard Time",
    "tzone://Microsoft/Custom",
    "tzone://Microsoft/Utc",
];

/// Whether the service knows a zone by this name.
pub(crate) fn is_known(name: &str) -> bool {
    if WINDOWS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    let table = tz::db();
    match table.is_definitively_empty() {
        // A container without a table: by the form of the name.
        true => {
            name.contains('/')
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b))
        }
        false => table.get(name).is_ok(),
    }
}

/// A local time as clients write it: with or without a fraction, some with a `Z` too many.
pub(crate) fn local(text: &str) -> Option<DateTime> {
    text.trim_end_matches(['Z', 'z']).parse().ok()
}

/// Whether one moment is before another, where that can be said: the zones are the same, or IANA's.
pub(crate) fn is_before(a: (&str, &str), b: (&str, &str)) -> Option<bool> {
    let (first, second) = (local(a.0)?, local(b.0)?);
    if a.1.eq_ignore_ascii_case(b.1) {
        return Some(first < second);
    }
    Some(first.in_tz(a.1).ok()?.timestamp() < second.in_tz(b.1).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names_of_two_kinds() {
        for name in [
            "UTC",
            "w. europe standard time",
            "Europe/Berlin",
            "tzone://Microsoft/Utc",
        ] {
            assert!(is_known(name), "{name}");
        }
        for name in ["", "Middle Earth", "Europe/Atlantis", "GMT+25:00"] {
            assert!(!is_known(name), "{name}");
        }
    }

    #[test]
    fn times_are_compared_where_that_can_be_done() {
        let utc = |text| (text, "UTC");
        assert_eq!(
            is_before(utc("2030-01-01T10:00:00"), utc("2030-01-01T09:00:00")),
            Some(false)
        );
        assert_eq!(
            is_before(
                ("2030-01-01T09:30:00", "Europe/Berlin"),
                utc("2030-01-01T09:00:00.0000000Z")
            ),
            Some(true)
        );
        assert_eq!(
            is_before(
                ("2030-01-01T09:30:00", "Tokyo Standard Time"),
                utc("2030-01-01T09:00:00")
            ),
            None
        );
        assert_eq!(is_before(utc("soon"), utc("2030-01-01T09:00:00")), None);
    }
}
