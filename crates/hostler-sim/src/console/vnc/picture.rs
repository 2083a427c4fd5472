//! What is on the screen of a simulated VM: a bar with its name, the word
//! SIMULATED, its state, and a line with what was typed.

use std::ops::Range;

use hostler_core::vm::{PowerState, VmState};

use super::font;
use super::wire::Area;
use crate::console::Sight;

pub(super) const WIDTH: u16 = 640;
pub(super) const HEIGHT: u16 = 400;

/// How many characters of the typed line are shown.
const TYPED_SHOWN: usize = 48;

/// A colour of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Ink {
    Ground,
    Bar,
    Text,
    Warning,
    Dim,
}

impl Ink {
    /// Red, green, blue.
    const fn colour(self) -> [u8; 3] {
        match self {
            Self::Ground => [18, 24, 38],
            Self::Bar => [0, 102, 204],
            Self::Text => [240, 240, 240],
            Self::Warning => [255, 190, 60],
            Self::Dim => [140, 150, 170],
        }
    }
}

/// The screen, one ink per pixel, row by row.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Picture(Vec<Ink>);

impl Picture {
    /// A screen that shows nothing.
    pub(super) fn blank() -> Self {
        Self(vec![Ink::Ground; usize::from(WIDTH) * usize::from(HEIGHT)])
    }

    /// The screen of this VM.
    pub(super) fn of(sight: &Sight, typed: &str) -> Self {
        let mut picture = Self::blank();
        for y in 0..56 {
            for x in 0..WIDTH {
                picture.dot(x, y, Ink::Bar);
            }
        }
        picture.write(16, 18, 3, Ink::Text, &sight.name);
        picture.write(16, 96, 6, Ink::Warning, "SIMULATED");
        picture.write(16, 168, 2, Ink::Dim, "no real machine is behind this screen");
        let state = VmState::from(sight.power).as_str();
        picture.write(16, 220, 2, Ink::Text, &format!("state: {state}"));
        let memory = sight.memory_bytes >> 20;
        let sizes = format!("{}, {memory} MiB", sight.processors());
        picture.write(16, 248, 2, Ink::Text, &sizes);
        if sight.power == PowerState::Running {
            let skipped = typed.chars().count().saturating_sub(TYPED_SHOWN);
            let shown: String = typed.chars().skip(skipped).collect();
            picture.write(16, 340, 2, Ink::Text, &format!("> {shown}_"));
        }
        picture
    }

    /// Writes text; what does not fit is cut off.
    fn write(&mut self, left: u16, top: u16, scale: u16, ink: Ink, text: &str) {
        for (index, character) in text.chars().enumerate() {
            let Ok(index) = u16::try_from(index) else { return };
            let Some(start) = index.checked_mul(font::ADVANCE * scale) else { return };
            for (x, y) in font::dots(character) {
                let (x, y) = (start.saturating_add(left + x * scale), top + y * scale);
                for (dx, dy) in (0..scale).flat_map(|dy| (0..scale).map(move |dx| (dx, dy))) {
                    self.dot(x.saturating_add(dx), y + dy, ink);
                }
            }
        }
    }

    fn place(x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(WIDTH) + usize::from(x)
    }

    fn dot(&mut self, x: u16, y: u16, ink: Ink) {
        if x < WIDTH
            && let Some(dot) = self.0.get_mut(Self::place(x, y))
        {
            *dot = ink;
        }
    }

    /// The colour of a pixel; that of the ground outside.
    pub(super) fn colour(&self, x: u16, y: u16) -> [u8; 3] {
        self.0.get(Self::place(x, y)).copied().unwrap_or(Ink::Ground).colour()
    }

    fn row(&self, y: u16) -> &[Ink] {
        let start = Self::place(0, y);
        self.0.get(start..start + usize::from(WIDTH)).unwrap_or_default()
    }

    /// The rows from the first that differs to the last; `None` when none does.
    pub(super) fn rows_changed_since(&self, earlier: &Self) -> Option<Range<u16>> {
        let differs = |y: &u16| self.row(*y) != earlier.row(*y);
        let first = (0..HEIGHT).find(differs)?;
        let last = (0..HEIGHT).rev().find(differs)?;
        Some(first..last + 1)
    }

    /// Takes over a part of another picture.
    pub(super) fn copy_from(&mut self, other: &Self, area: &Area) {
        for y in area.rows.clone() {
            for x in area.columns.clone() {
                if let Some(ink) = other.0.get(Self::place(x, y)) {
                    self.dot(x, y, *ink);
                }
            }
        }
    }
}

/// What a key does to the typed line. Keysyms of Latin-1 are its characters.
pub(super) fn press(typed: &mut String, keysym: u32) {
    const BACKSPACE: u32 = 0xff08;
    const RETURN: u32 = 0xff0d;
    match keysym {
        0x20..=0x7e => {
            typed.extend(char::from_u32(keysym));
            if typed.len() > TYPED_SHOWN * 2 {
                typed.remove(0);
            }
        }
        BACKSPACE => drop(typed.pop()),
        RETURN => typed.clear(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sight(name: &str) -> Sight {
        Sight {
            name: name.into(),
            cpu_count: 1,
            memory_bytes: 1 << 28,
            power: PowerState::Running,
            running_since: None,
            boots: Duration::ZERO,
        }
    }

    #[test]
    fn typing_changes_the_line_at_the_bottom_only() {
        let (empty, typed) = (Picture::of(&sight("web"), ""), Picture::of(&sight("web"), "hi"));
        let rows = typed.rows_changed_since(&empty).unwrap();
        assert!(rows.start >= 340 && rows.end <= 360, "{rows:?}");
        assert_eq!(typed.rows_changed_since(&typed), None);
    }

    #[test]
    fn a_long_name_is_cut_off_at_the_edge_and_does_not_wrap() {
        let long = Picture::of(&sight(&"w".repeat(500)), "");
        let short = Picture::of(&sight("w"), "");
        assert!(long.rows_changed_since(&short).unwrap().end <= 56);
    }

    #[test]
    fn keys_write_erase_and_clear() {
        let mut typed = String::new();
        for keysym in [0x68, 0x69, 0xffe1, 0x21, 0xff08] {
            press(&mut typed, keysym);
        }
        assert_eq!(typed, "hi");
        press(&mut typed, 0xff0d);
        assert_eq!(typed, "");
        (0..500).for_each(|_| press(&mut typed, 0x61));
        assert!(typed.len() <= TYPED_SHOWN * 2);
    }
}
