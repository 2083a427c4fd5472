//! Parts of a date, in UTC: rules ask for working hours.

use crate::function::Date;

const DAY: i64 = 86_400;

/// Beyond this many seconds from 1970, some thirty million years, a part of a date says nothing.
const SECONDS_MAX: f64 = 1e15;

impl Date {
    /// This part of the date so many seconds after 1970; NaN where that is no date.
    pub(super) fn of(self, seconds: f64) -> f64 {
        if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
            return f64::NAN;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above")]
        let seconds = seconds.trunc() as i64;
        let days = seconds.div_euclid(DAY);
        let (year, month, day) = civil(days);
        let part = match self {
            Date::DayOfMonth => day,
            // 1970 began on a Thursday; Sunday is 0.
            Date::DayOfWeek => (days + 4).rem_euclid(7),
            Date::DayOfYear => days - days_before(year, 1) + 1,
            Date::DaysInMonth => {
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                days_before(next.0, next.1) - days_before(year, month)
            }
            Date::Hour => seconds.rem_euclid(DAY) / 3600,
            Date::Minute => seconds.rem_euclid(3600) / 60,
            Date::Month => month,
            Date::Year => year,
        };
        #[expect(clippy::cast_precision_loss, reason = "years of a limited range")]
        let part = part as f64;
        part
    }
}

/// Days from the beginning of 1970 to the first of a month. Years are counted from March on, so
/// that the day that is not always there comes last.
fn days_before(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    // From the first of March of year 0.
    cycle * 146_097 + day_of_cycle - 719_468
}

/// Year, month and day of month, so many days after 1970 began.
fn civil(days: i64) -> (i64, i64, i64) {
    // A guess that is at most one off, in either direction.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before(year, 1) > days {
        year -= 1;
    }
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(1);
    (year, month, days - days_before(year, month) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(seconds: f64) -> Vec<f64> {
        let of = |date: Date| date.of(seconds);
        vec![
            of(Date::Year),
            of(Date::Month),
            of(Date::DayOfMonth),
            of(Date::Hour),
            of(Date::Minute),
            of(Date::DayOfWeek),
            of(Date::DayOfYear),
            of(Date::DaysInMonth),
        ]
    }

    #[test]
    fn dates_are_taken_apart() {
        assert_eq!(parts(0.0), [1970.0, 1.0, 1.0, 0.0, 0.0, 4.0, 1.0, 31.0]);
        // 2024-02-29 23:59:59
        assert_eq!(parts(1_709_251_199.9), [2024.0, 2.0, 29.0, 23.0, 59.0, 4.0, 60.0, 29.0]);
        // 2100 is no leap year: 2100-03-01 00:00
        assert_eq!(parts(4_107_542_400.0), [2100.0, 3.0, 1.0, 0.0, 0.0, 1.0, 60.0, 31.0]);
        // 1969-12-31 23:59:59
        assert_eq!(parts(-1.0), [1969.0, 12.0, 31.0, 23.0, 59.0, 3.0, 365.0, 31.0]);
        for none in [f64::NAN, f64::INFINITY, -1e300] {
            assert!(Date::Year.of(none).is_nan());
        }
    }
}
