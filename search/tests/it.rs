//! The index as the office uses it, and its relevance on a published set.
#![expect(clippy::unwrap_used, reason = "a test may panic, also in what it calls")]

use std::path::PathBuf;

use search::analysis::fold;
use search::{Acl, Document, Index, Query, ReaderScope, Results};

fn document<const N: usize>(id: &str, pages: [&str; N], acl: &[&str]) -> Document {
    Document {
        id: id.to_owned(),
        pages: pages.map(str::to_owned).into(),
        title: format!("Văn bản {id}"),
        kind: "draft".to_owned(),
        acl: acl.iter().copied().collect::<Acl>(),
    }
}

fn search(index: &Index, text: &str, reader: &[&str]) -> Results {
    let reader: ReaderScope = reader.iter().copied().collect();
    index.search(&Query { text: text.to_owned(), reader, limit: 20 }).unwrap()
}

fn ids(results: &Results) -> Vec<&str> {
    results.hits.iter().map(|hit| hit.id.as_str()).collect()
}

/// Three papers of two meetings.
fn index() -> Index {
    let index = Index::new().unwrap();
    let nghi_dinh = "Nghị định số 15/2020/NĐ-CP quy định về định danh và xác thực điện tử.";
    for document in [
        document("a", ["Tờ trình của Bộ Công an.", nghi_dinh], &["meeting:1"]),
        document("b", ["Đinh Bộ Lĩnh. Danh sách nhà tài trợ điện ảnh."], &["meeting:1", "person:7"]),
        document("c", ["Định danh điện tử: báo cáo riêng."], &["meeting:2"]),
    ] {
        index.add(&document).unwrap();
    }
    index.commit().unwrap();
    index
}

#[test]
fn words_are_found_with_and_without_diacritics_on_their_page() {
    let index = index();
    for text in ["định danh", "dinh danh", "ĐỊNH DANH", "định danh dien tu", "đi\u{323}nh danh"] {
        let results = search(&index, text, &["meeting:1"]);
        assert_eq!((results.hits[0].id.as_str(), results.hits[0].page), ("a", 2), "{text}");
        assert_eq!(results.hits[0].title, "Văn bản a");
    }
}

#[test]
fn diacritics_that_were_typed_rank_first() {
    let index = Index::new().unwrap();
    for word in ["duong", "dương", "đường", "đương"] {
        index.add(&document(word, [&format!("về {word} này")], &["all"])).unwrap();
    }
    index.commit().unwrap();
    for word in ["dương", "đường", "đương"] {
        let results = search(&index, word, &["all"]);
        assert_eq!((ids(&results)[0], results.total), (word, 4));
    }
    assert_eq!(search(&index, "duong", &["all"]).total, 4);
}

#[test]
fn what_a_reader_may_not_open_is_neither_listed_nor_counted() {
    let index = index();
    assert_eq!(search(&index, "định danh", &["meeting:1", "meeting:2"]).total, 3);
    let one = search(&index, "định danh", &["meeting:2"]);
    assert_eq!((ids(&one), one.total), (vec!["c"], 1));
    let own = search(&index, "danh", &["person:7"]);
    assert_eq!((ids(&own), own.total), (vec!["b"], 1));
    for nobody in [&[][..], &["meeting:3"], &["meeting:"], &["meeting"], &["MEETING:1"], &["meeting:1 "]] {
        assert_eq!(search(&index, "định danh", nobody), Results::default(), "{nobody:?}");
    }
    let open_to_none = document("d", ["định danh"], &[]);
    index.add(&open_to_none).unwrap();
    index.commit().unwrap();
    assert_eq!(search(&index, "định danh", &["meeting:1", "meeting:2", ""]).total, 3);
}

#[test]
fn a_document_is_counted_once_and_the_limit_hides_no_count() {
    let index = Index::new().unwrap();
    for number in 0..30 {
        index.add(&document(&format!("n{number}"), ["điện tử", "điện tử", "khác"], &["all"])).unwrap();
    }
    index.commit().unwrap();
    let results = search(&index, "điện tử", &["all"]);
    assert_eq!((results.total, results.hits.len()), (30, 20));
    assert_eq!(results, search(&index, "điện tử", &["all"]), "the same list again");
}

#[test]
fn a_number_of_a_document_is_found_as_one() {
    let index = index();
    for text in ["15/2020/NĐ-CP", "15/2020/nd-cp", "nghị định 15/2020/NĐ–CP"] {
        assert_eq!(ids(&search(&index, text, &["meeting:1", "meeting:2"]))[0], "a", "{text}");
    }
}

#[test]
fn replaced_and_removed_documents_are_gone() {
    let index = index();
    index.add(&document("c", ["nội dung khác hẳn"], &["meeting:2"])).unwrap();
    index.remove("a");
    index.commit().unwrap();
    assert_eq!(search(&index, "định danh", &["meeting:2"]).total, 0);
    assert_eq!(ids(&search(&index, "khác hẳn", &["meeting:2"])), ["c"]);
    assert_eq!(ids(&search(&index, "điện tử xác thực", &["meeting:1"])), Vec::<&str>::new());
}

#[test]
fn any_text_is_a_query() {
    let index = index();
    let long = "định danh ".repeat(1024);
    let accents = "a\u{301}".repeat(5000);
    for text in [
        "",
        " ",
        ":",
        "(",
        ")",
        "-",
        "--",
        "\"",
        "*",
        "?",
        "/",
        "/.*/",
        "/(a+)+$/",
        "\\",
        "[2015",
        "điều 5: khoản 2",
        "phạt -5 triệu",
        "a AND OR b",
        "NOT",
        "+",
        "^",
        "~",
        "id:a",
        "acl:meeting:2",
        "\0",
        "\u{301}",
        "😀",
        "định danh\" OR acl:\"meeting:2",
        "điện*",
        "title:(định",
        &long,
        &accents,
    ] {
        let results = search(&index, text, &["meeting:1"]);
        assert!(!ids(&results).contains(&"c"), "{text}");
        assert!(search::snippet("định danh điện tử", text, 80).len() < 10);
    }
    // What looks like syntax is words: 5 is not excluded, "field" is not one.
    assert_eq!(ids(&search(&index, "-định (danh", &["meeting:2"])), ["c"]);
    assert_eq!(search(&index, &long, &["meeting:2"]).total, 1);
}

fn data() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    std::env::var_os("ECABINET_DATA").map_or_else(|| default.into(), PathBuf::from)
}

#[test]
fn questions_without_diacritics_find_as_much_as_with_them() {
    let set = data().join("xquad-vi");
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run.tsv");
    let with = search::eval::evaluate(&set, Some(&run)).expect("ECABINET_DATA/xquad-vi");
    let without = search::eval::evaluate_queries(&set, None, fold).unwrap();
    println!("with    {}", serde_json::to_string(&with).unwrap());
    println!("without {}", serde_json::to_string(&without).unwrap());

    assert!((with.ndcg_at_10 - without.ndcg_at_10).abs() <= 0.005, "{with:?} {without:?}");
    assert!(with.ndcg_at_10 >= 0.87, "{with:?}");
    assert!(with.recall_at_100 >= 0.99 && without.recall_at_100 >= 0.99, "{with:?} {without:?}");

    let run = std::fs::read_to_string(run).unwrap();
    let first: Vec<_> = run.lines().next().unwrap().split('\t').collect();
    assert_eq!((first.len(), first[2]), (4, "1"));
}
