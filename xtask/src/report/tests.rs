//! The drawing of fixed rows, and what becomes of odd ones. `BLESS=1` accepts what is drawn.

use std::path::PathBuf;
use std::time::Duration;

use super::scale::Scale;
use super::*;

fn row(name: &str, unit: &str, ours: f64, rival: f64) -> Row {
    Row {
        name: name.to_owned(),
        unit: unit.to_owned(),
        ours: Some(ours),
        rival: Some(rival),
        rival_name: "wasmtime 48.0.8".to_owned(),
        ratio: Some(ours / rival),
    }
}

fn sample() -> Measured {
    let odd = Row { ours: None, ratio: None, ..row("broken <&|\">", "ns", 1.0, 1.0) };
    Measured {
        name: "sample".to_owned(),
        about: Some("rows of all kinds"),
        rows: vec![
            row("dirty_2", "ns", 480.0, 1820.0),
            row("slower", "ns", 2.5e6, 1.0e6),
            row("memory", "bytes", 20480.0, 92160.0),
            row("same", "calls", 7.0, 7.0),
            odd,
        ],
        when: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_651_200),
    }
}

fn report() -> Report {
    let machine = Machine {
        processor: "A processor | of two lines".to_owned(),
        cores: "2".to_owned(),
        memory: "7.75 GiB".to_owned(),
        kernel: "Linux 6.18".to_owned(),
    };
    Report { machine, measured: vec![sample()], missing: vec!["density", "snapshot"] }
}

/// Compares with a file that is kept.
fn golden(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/report/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} is not what it was: BLESS=1 accepts it\n{found}");
}

#[test]
fn fixed_rows_are_drawn_as_before() {
    golden("sample.svg", &figure::draw(&sample()));
}

#[test]
fn the_page_is_written_as_before() {
    golden("benchmarks.md", &page::write(&report()));
}

#[test]
fn bars_begin_at_the_line_of_the_rival_and_end_at_the_ratio() {
    let svg = figure::draw(&sample());
    let attribute = |element: &str, name: &str| -> f64 {
        let begin = element.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        element[begin..].split('"').next().unwrap().parse().unwrap()
    };
    let one = attribute(svg.split("<line class=\"one\"").nth(1).unwrap(), "x1");
    let bars: Vec<_> = svg.split("<rect ").skip(1).map(|bar| format!(" {bar}")).collect();
    assert_eq!(bars.len(), 4, "none for the row without a ratio");
    let ends = |bar: &str| (attribute(bar, "x"), attribute(bar, "x") + attribute(bar, "width"));
    let [better, worse, memory, same] = &bars[..] else { panic!("{bars:?}") };
    assert!((ends(better).1 - one).abs() < 0.2 && ends(better).0 < ends(memory).1);
    assert!((ends(worse).0 - one).abs() < 0.2 && ends(worse).1 > one);
    assert!(better.contains("\"better\"") && worse.contains("\"worse\""));
    assert!(attribute(same, "width") <= 1.0);
    assert!(!svg.contains("broken <"), "names are escaped");
}

#[test]
fn scales_have_room_for_all_ratios_and_for_one() {
    for ratios in [&[][..], &[0.3], &[0.004, 900.0], &[1e-30, 1e30], &[1.0], &[0.5, 2.0]] {
        let scale = Scale::of(ratios.iter().copied());
        assert!(scale.ticks.len() <= 25 && scale.ticks.contains(&1.0), "{:?}", scale.ticks);
        assert!(scale.place(1.0) > 0.0 && scale.place(1.0) < 1.0);
        for ratio in ratios {
            assert!((0.0..=1.0).contains(&scale.place(*ratio)));
        }
    }
    let even = Scale { ticks: vec![0.1, 1.0, 10.0] };
    assert!(
        (even.place(1.0) - 0.5).abs() < 1e-9 && even.place(0.1) == 0.0 && even.place(10.0) == 1.0
    );
}

#[test]
fn what_is_there_is_collected_in_order_and_what_is_not_is_named() {
    let folder = std::env::temp_dir().join(format!("faasm-report-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let rows = r#"[{"name": "noop", "unit": "ns", "ours": 1.0, "rival": null, "rival_name": "r", "ratio": null, "new": 3}]"#;
    for name in ["zebra", "call", "birth"] {
        fs::write(folder.join(format!("{name}.json")), rows).unwrap();
    }
    let benches = [("birth", "b"), ("density", "d"), ("call", "c")];
    let report = collect(&folder, &benches).unwrap();
    let names: Vec<_> = report.measured.iter().map(|measured| measured.name.as_str()).collect();
    assert_eq!((names, report.missing), (vec!["birth", "call", "zebra"], vec!["density"]));
    assert_eq!(report.measured[0].rows[0].ratio(), None);
    fs::write(folder.join("call.json"), "{}").unwrap();
    let error = format!("{:#}", collect(&folder, &benches).unwrap_err());
    assert!(error.contains("call.json is not what"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
    assert!(collect(&folder, &benches).unwrap_err().to_string().contains("nothing was measured"));
}

#[test]
fn days_and_figures_are_written_as_people_read_them() {
    for (seconds, expected) in [
        (0, "1970-01-01"),
        (951_782_400, "2000-02-29"),
        (1_709_164_799, "2024-02-28"),
        (1_735_603_200, "2024-12-31"),
        (4_107_542_400, "2100-03-01"),
    ] {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(machine::day(moment), expected);
    }
    for (value, unit, expected) in [
        (0.25, "ns", "0.250 ns"),
        (480.0, "ns", "480 ns"),
        (1820.0, "ns", "1.82 µs"),
        (2.5e9, "ns", "2.50 s"),
        (20480.0, "bytes", "20.0 KiB"),
        (0.0, "bytes", "0.00 B"),
        (30_000.0, "Faaslets", "30000 Faaslets"),
    ] {
        assert_eq!(human(Some(value), unit), expected);
    }
}
