//! What processes take of the machine's memory, page tables and the kernel's records of mappings included.
//!
//! Of a process: its proportional set size (`/proc/PID/smaps_rollup`) and its page tables (`VmPTE`). Of the kernel: the
//! slabs that hold its records of mappings, which `/proc/slabinfo` tells for the whole machine; so what processes take is
//! the difference between two samples, and neighbours that make or drop many mappings meanwhile are in it.

use std::fs;
use std::ops::Sub;

use anyhow::{Context, Result};

/// The kernel's records of a mapping: the mapping, its owners, and the tree that finds it.
const SLABS: [&str; 4] = ["vm_area_struct", "anon_vma", "anon_vma_chain", "maple_node"];

/// Bytes, or a difference of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Proportional set size.
    pub pss: f64,
    /// Page tables.
    pub page_tables: f64,
    /// The kernel's records of mappings.
    pub slab: f64,
}

impl Memory {
    /// What these processes take now, and the kernel for the whole machine.
    ///
    /// # Errors
    ///
    /// When a process is gone, or `/proc/slabinfo` is not readable: it is root's.
    pub fn of(processes: &[u32]) -> Result<Self> {
        let mut memory = Self { slab: slab()?, ..Self::default() };
        for process in processes {
            memory.pss += kibibytes(&format!("/proc/{process}/smaps_rollup"), "Pss:")?;
            memory.page_tables += kibibytes(&format!("/proc/{process}/status"), "VmPTE:")?;
        }
        Ok(memory)
    }

    /// What this process takes, and the kernel for the whole machine.
    ///
    /// # Errors
    ///
    /// As for [`Memory::of`].
    pub fn here() -> Result<Self> {
        Self::of(&[std::process::id()])
    }

    /// All of it.
    #[must_use]
    pub fn total(self) -> f64 {
        self.pss + self.page_tables + self.slab
    }

    /// In words, for each of `count`.
    #[must_use]
    pub fn for_each(self, count: usize) -> String {
        let each = |bytes: f64| bytes / count as f64;
        let [all, pss, tables, slab] =
            [self.total(), self.pss, self.page_tables, self.slab].map(each);
        format!("{all:.0} bytes each: {pss:.0} resident, {tables:.0} page tables, {slab:.0} slab")
    }
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            pss: self.pss - before.pss,
            page_tables: self.page_tables - before.page_tables,
            slab: self.slab - before.slab,
        }
    }
}

/// How many mappings this process has.
///
/// # Errors
///
/// When `/proc` is not there.
pub fn mappings() -> Result<usize> {
    Ok(fs::read_to_string("/proc/self/maps")?.lines().count())
}

fn slab() -> Result<f64> {
    let text = fs::read_to_string("/proc/slabinfo")
        .context("reading /proc/slabinfo, which is for root alone")?;
    let rows = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let of_mappings = rows.filter(|row| row.first().is_some_and(|name| SLABS.contains(name)));
    of_mappings.map(|row| slab_bytes(&row).context("/proc/slabinfo has another form")).sum()
}

/// `name active objects size per_slab pages_per_slab : tunables limit batch shared : slabdata active slabs shared`
fn slab_bytes(row: &[&str]) -> Option<f64> {
    let number = |at: usize| row.get(at)?.parse::<f64>().ok();
    Some(number(14)? * number(5)? * 4096.0)
}

/// The field of this name, in bytes.
fn kibibytes(path: &str, name: &str) -> Result<f64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    let number = number.with_context(|| format!("{path} has no `{name}`"))?;
    Ok(number.parse::<f64>()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_memory_is_seen() -> Result<()> {
        let before = kibibytes("/proc/self/smaps_rollup", "Pss:")?;
        let written = std::hint::black_box(vec![1_u8; 32 << 20]);
        let more = kibibytes("/proc/self/smaps_rollup", "Pss:")? - before;
        assert!(more > written.len() as f64 * 0.9, "{more}");
        Ok(())
    }

    #[test]
    fn a_slabs_bytes_are_its_pages() {
        let line = "vm_area_struct 8 10 192 21 2 : tunables 0 0 0 : slabdata 3 3 0";
        let row: Vec<_> = line.split_ascii_whitespace().collect();
        assert_eq!(slab_bytes(&row), Some(3.0 * 2.0 * 4096.0));
        assert_eq!(slab_bytes(&row[..6]), None);
    }
}
