//! Entries are whole or absent, used once, and kept in bounds.

use anyhow::bail;

use super::*;
use crate::cache::kept::{KeptEntry, Removal};

#[test]
fn no_key_leads_out_of_the_cache() {
    let place = tempfile::tempdir().unwrap();
    let victim = place.path().join("victim");
    fs_err::create_dir_all(&victim).unwrap();
    fs_err::write(victim.join("kept"), "").unwrap();
    let cache = Cache::new(place.path().join("cache"));
    let ui = Ui::silent();
    let absolute = victim.display().to_string();
    for key in [&absolute, "../../victim", "..", ".", "", "a/b", ".hidden", "a\0b", &"a".repeat(201)] {
        assert!(cache.entry(Kind::Files, key).is_err(), "{key}");
        assert!(!cache.has(Kind::Files, key), "{key}");
        assert!(cache.get_or_make(&ui, Kind::Files, key, |_| Ok(())).is_err(), "{key}");
        assert!(cache.discard(&ui, Kind::Files, key).is_err(), "{key}");
        assert!(cache.lock(&ui, Kind::Files, key).is_err(), "{key}");
    }
    assert!(victim.join("kept").is_file());
    assert!(!cache.root().exists(), "nothing was made for a refused key");
}

#[cfg(unix)]
#[test]
fn an_entry_that_is_a_link_is_removed_and_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let elsewhere = place.path().join("elsewhere");
    fs_err::create_dir_all(&elsewhere).unwrap();
    fs_err::write(elsewhere.join(MARKER), "").unwrap();
    let cache = Cache::new(place.path().join("cache"));
    fs_err::create_dir_all(cache.folder(Kind::Files)).unwrap();
    fs_err::os::unix::fs::symlink(&elsewhere, cache.folder(Kind::Files).join("x")).unwrap();
    cache.discard(&Ui::silent(), Kind::Files, "x").unwrap();
    assert!(elsewhere.join(MARKER).is_file());
    assert!(!cache.folder(Kind::Files).join("x").is_symlink());
}

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    (folder, cache)
}

fn make(cache: &Cache, key: &str) -> Result<PathBuf> {
    cache.get_or_make(&Ui::silent(), Kind::Files, key, |folder| Ok(fs_err::write(folder.join("x"), key)?))
}

#[test]
fn an_entry_is_made_once() {
    let (_folder, cache) = cache();
    let made = make(&cache, "a").unwrap();
    assert_eq!(fs_err::read_to_string(made.join("x")).unwrap(), "a");
    let again = cache.get_or_make(&Ui::silent(), Kind::Files, "a", |_| bail!("made twice"));
    assert_eq!(again.unwrap(), made);
    assert!(!cache.has(Kind::Sources, "a"), "kinds have nothing in common");
}

#[test]
fn an_entry_that_could_not_be_made_is_absent() {
    let (_folder, cache) = cache();
    let failed = cache.get_or_make(&Ui::silent(), Kind::Files, "a", |folder| {
        fs_err::write(folder.join("half"), "")?;
        bail!("no more")
    });
    assert_eq!(failed.unwrap_err().to_string(), "no more");
    assert!(!cache.entry(Kind::Files, "a").unwrap().exists());
    assert!(cache.keys(Kind::Files).is_empty());
    assert!(make(&cache, "a").is_ok());
}

#[test]
fn an_entry_without_its_marker_is_made_anew_from_nothing() {
    let (_folder, cache) = cache();
    let entry = cache.entry(Kind::Files, "a").unwrap();
    fs_err::create_dir_all(&entry).unwrap();
    fs_err::write(entry.join("half"), "").unwrap();
    assert!(!cache.has(Kind::Files, "a"));
    make(&cache, "a").unwrap();
    assert!(cache.has(Kind::Files, "a") && !entry.join("half").exists());
}

#[test]
fn keys_are_those_of_whole_entries_in_order() {
    let (_folder, cache) = cache();
    for key in ["b", "a", "c"] {
        make(&cache, key).unwrap();
    }
    fs_err::remove_file(cache.entry(Kind::Files, "c").unwrap().join(MARKER)).unwrap();
    assert_eq!(cache.keys(Kind::Files), ["a", "b"]);
    assert!(cache.keys(Kind::Runtimes).is_empty());
}

#[test]
fn an_entry_that_is_discarded_is_gone_and_its_neighbour_is_not() {
    let (_folder, cache) = cache();
    make(&cache, "a").unwrap();
    make(&cache, "b").unwrap();
    cache.discard(&Ui::silent(), Kind::Files, "a").unwrap();
    cache.discard(&Ui::silent(), Kind::Files, "never").unwrap();
    assert_eq!(cache.keys(Kind::Files), ["b"]);
    assert!(!cache.entry(Kind::Files, "a").unwrap().exists());
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("file"), "").unwrap();
    let cache = Cache::new(folder.path().join("file"));
    let error = make(&cache, "a").unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("cannot use the cache `") && said.ends_with("file`"), "{said}");
}

#[test]
fn every_kind_has_a_folder_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
}

#[test]
fn bytes_come_back_only_if_they_are_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    let find = || cache.find_bytes(Kind::Finished, "key");
    assert_eq!(find(), None);
    cache.keep_bytes(Kind::Finished, "key", b"12345678").unwrap();
    assert_eq!(find().unwrap(), b"12345678");
    let path = cache.entry(Kind::Finished, "key").unwrap();
    let whole = fs_err::read(&path).unwrap();
    for length in 0..whole.len() {
        fs_err::write(&path, &whole[..length]).unwrap();
        assert_eq!(find(), None, "cut to {length} bytes");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs_err::write(&path, changed).unwrap();
        assert_eq!(find(), None, "changed at {place}");
    }
}

/// Makes an entry seem to have been used so long ago.
fn age(cache: &Cache, kind: Kind, key: &str, age: Duration) {
    let entry = cache.entry(kind, key).unwrap();
    for path in [entry.join(MARKER), entry.with_added_extension("lock"), entry] {
        if let Ok(file) = fs_err::File::open(&path) {
            file.into_parts().0.set_modified(SystemTime::now() - age).unwrap();
        }
    }
}

const DAY: Duration = Duration::from_hours(24);

#[test]
fn an_entry_that_lost_a_file_is_made_anew() {
    let (_folder, cache) = cache();
    let environment = |text: &str| {
        cache.get_or_make(&Ui::silent(), Kind::Environments, "a", |folder| {
            fs_err::create_dir_all(folder.join("bin/__pycache__"))?;
            Ok(fs_err::write(folder.join("bin/python"), text)?)
        })
    };
    let python = environment("old").unwrap().join("bin/python");
    fs_err::write(python.with_file_name("__pycache__").join("x.pyc"), "").unwrap();
    environment("new").unwrap();
    assert_eq!(fs_err::read_to_string(&python).unwrap(), "old", "what Python writes is no damage");
    fs_err::write(&python, "").unwrap();
    environment("new").unwrap();
    assert_eq!(fs_err::read_to_string(&python).unwrap(), "new");
    fs_err::remove_file(&python).unwrap();
    environment("newer").unwrap();
    assert_eq!(fs_err::read_to_string(&python).unwrap(), "newer");
}

#[test]
fn what_another_process_uses_is_not_removed() {
    let (_folder, cache) = cache();
    for key in ["a", "b"] {
        make(&cache, key).unwrap();
    }
    cache.keep_bytes(Kind::Finished, "c", b"x").unwrap();
    let held = cache.lock(&Ui::silent(), Kind::Files, "a").unwrap();
    let all: Vec<KeptEntry> = Kind::ALL.into_iter().flat_map(|kind| cache.entries(kind)).collect();
    assert_eq!(all.len(), 3);
    let removal = cache.remove(&all).unwrap();
    assert_eq!((removal.removed, removal.busy), (2, 1));
    assert_eq!(cache.keys(Kind::Files), ["a"]);
    drop(held);
    assert_eq!(cache.remove(&all[..1]).unwrap().busy, 0);
    assert!(cache.keys(Kind::Files).is_empty());
}

#[test]
fn parts_that_packages_share_are_entries_of_their_own() {
    let (_folder, cache) = cache();
    let part = cache.folder(Kind::Builds).join("shared/x");
    fs_err::create_dir_all(&part).unwrap();
    fs_err::create_dir_all(cache.folder(Kind::Builds).join("y")).unwrap();
    let held = cache.lock(&Ui::silent(), Kind::Builds, "shared-x").unwrap();
    let removal = cache.remove(&cache.entries(Kind::Builds)).unwrap();
    assert_eq!((removal.removed, removal.busy, part.is_dir()), (1, 1, true));
    drop(held);
    assert_eq!(cache.remove(&cache.entries(Kind::Builds)).unwrap().removed, 1);
}

#[test]
fn who_waits_for_a_lock_that_is_removed_takes_the_new_one() {
    let (_folder, cache) = cache();
    make(&cache, "a").unwrap();
    let held = cache.lock(&Ui::silent(), Kind::Files, "a").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let lock = cache.lock(&Ui::silent(), Kind::Files, "a").unwrap();
            let is_free = cache.try_lock(Kind::Files, "a").is_some();
            drop(lock);
            is_free
        });
        std::thread::sleep(Duration::from_millis(50));
        fs_err::remove_file(cache.entry(Kind::Files, "a").unwrap().with_added_extension("lock")).unwrap();
        drop(held);
        assert!(!waiting.join().unwrap(), "two hold one lock");
    });
}

#[test]
fn the_oldest_goes_first_when_the_cache_is_too_large() {
    let (_folder, cache) = cache();
    for (key, days) in [("a", 1), ("b", 3), ("c", 2)] {
        let made = make(&cache, key).unwrap();
        fs_err::write(made.join("large"), vec![0; 1000]).unwrap();
        age(&cache, Kind::Files, key, DAY * days);
    }
    let order: Vec<String> = cache.entries(Kind::Files).into_iter().map(|entry| entry.key).collect();
    assert_eq!(order, ["b", "c", "a"]);
    assert_eq!(cache.shrink(5000).unwrap(), Removal::default());
    // A use makes an entry young.
    make(&cache, "b").unwrap();
    assert_eq!(cache.shrink(2500).unwrap().removed, 1);
    assert_eq!(cache.keys(Kind::Files), ["a", "b"]);
    cache.shrink(0).unwrap();
    assert!(cache.keys(Kind::Files).is_empty());
}

#[test]
fn the_oldest_shared_crates_go_and_those_of_a_build_stay() {
    let (_folder, cache) = cache();
    let shared = cache.folder(Kind::Builds).join("shared");
    let keys = ["a", "b", "c"];
    for (key, days) in [("a", 3), ("b", 2), ("c", 1)] {
        fs_err::create_dir_all(shared.join(key)).unwrap();
        fs_err::write(shared.join(key).join("x.rlib"), [0; 1000]).unwrap();
        let part = fs_err::File::open(shared.join(key)).unwrap();
        part.into_parts().0.set_modified(SystemTime::now() - DAY * days).unwrap();
    }
    make(&cache, "another kind").unwrap();
    assert_eq!(cache.shrink_shared_crates(3000).unwrap(), Removal::default());
    let _lock = cache.lock(&Ui::silent(), Kind::Builds, "shared-a").unwrap();
    assert_eq!(cache.shrink_shared_crates(2000).unwrap().removed, 1);
    assert_eq!(keys.map(|key| shared.join(key).exists()), [true, false, true]);
    assert_eq!(cache.shrink_shared_crates(0).unwrap().busy, 1);
    assert_eq!(keys.map(|key| shared.join(key).exists()), [true, false, false]);
    assert!(cache.has(Kind::Files, "another kind"));
}
