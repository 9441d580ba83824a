//! The bench works and says what it should; never how fast.

use std::process::Command;

#[test]
fn a_quick_bench_reports_every_row_in_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    let output = bench.args(["--quick", "--out"]).arg(folder.path()).output().unwrap();
    let says = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&says));
    let rows = std::fs::read(folder.path().join("report.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&rows).unwrap();
    assert_eq!(rows.len(), 21);
    for row in rows {
        for text in ["name", "unit", "limit"] {
            assert!(row[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {row}");
        }
        assert!(row["ours"].as_f64().is_some_and(|ours| ours > 0.0), "{row}");
        // A peer has a name and a ratio, or there is none of the three.
        assert_eq!(row["peer"].is_number(), row["peer_name"].is_string(), "{row}");
        assert_eq!(row["peer"].is_number(), row["ratio"].is_number(), "{row}");
        assert!(row["goal"].is_string() || row["goal"].is_null(), "{row}");
    }
}
