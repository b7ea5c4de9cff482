//! The machine that was measured on, and the day.

use std::fs;
use std::time::SystemTime;

/// What of a machine its benchmarks depend on. What it does not tell is "unknown".
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: String,
    pub(super) memory: String,
    pub(super) kernel: String,
}

impl Machine {
    /// This one.
    pub(super) fn here() -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let unknown = || "unknown".to_owned();
        let memory = field("/proc/meminfo", "MemTotal").and_then(|text| {
            let kib: f64 = text.strip_suffix(" kB")?.parse().ok()?;
            Some(super::human(Some(kib * 1024.0), "bytes"))
        });
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        let cores = std::thread::available_parallelism();
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: cores.map_or_else(|_| unknown(), |cores| cores.to_string()),
            memory: memory.unwrap_or_else(unknown),
            kernel: kernel.map_or_else(|_| unknown(), |text| format!("Linux {}", text.trim())),
        }
    }
}

/// The day of a moment, as `2026-11-26`, by universal time.
///
/// Years begin in March here, so that the leap day is a year's last, and the lengths of months follow a line.
pub(super) fn day(moment: SystemTime) -> String {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Days since the first of March of the year 0.
    let days = since.as_secs() / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
