//! What records cost, by an allocator that counts. A binary of its own: nothing else may allocate meanwhile.
#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints figures"
)]

use bytes::Bytes;
use cap::Cap;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Index, Key, Kind, Record, Stage, Store};
use grantor_store_memory::MemoryStore;
use mimalloc::MiMalloc;

/// The allocator of the ready server. The system's own (glibc) counts the same bytes, but keeps the pages.
#[global_allocator]
static ALLOCATOR: Cap<MiMalloc> = Cap::new(MiMalloc, usize::MAX);

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn record(number: u64, stage: Stage, seconds: i64, bytes: usize) -> Record {
    let id = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Record {
        key: Key::new(Kind::GRANT, id.to_be_bytes()),
        stage,
        expires_at: Timestamp::from_secs(seconds),
        client: Some("6f9619ff-8b86-d011-b42d-00c04fc964ff".into()),
        subject: None,
        body: Bytes::from(vec![7; bytes]),
    }
}

/// Both figures are taken in one test, for the allocator is one for the whole process.
#[tokio::test]
async fn memory_is_what_the_living_records_need() {
    a_million_abandoned_flows().await;
    bytes_of_living_tokens().await;
}

/// A client-credentials token is a grant with a body of about 70 bytes; the aim is 192 bytes in all.
async fn bytes_of_living_tokens() {
    let store = MemoryStore::new();
    let start = ALLOCATOR.allocated();
    let mut worst: f64 = 0.0;
    for number in 0..200_000 {
        let _ = store.create(&record(number, Stage::Live, NOW.as_secs() + 600, 72), NOW).await.unwrap();
        if number > 10_000 && number % 1_000 == 0 {
            worst = worst.max((ALLOCATOR.allocated() - start) as f64 / (number + 1) as f64);
        }
    }
    let now = (ALLOCATOR.allocated() - start) as f64 / 200_000.0;
    println!("bytes for each living token: {now:.0}, at most {worst:.0} between 10,000 and 200,000");
    assert!(worst <= 192.0, "{worst:.0} bytes");
    // A listing keeps no more than its page, whatever there is.
    let filter = grantor_core::store::Filter::kind(Kind::GRANT);
    assert_eq!(store.list(&filter, None, 10, NOW).await.unwrap().len(), 10);
}

/// A thousand flows a second for a thousand seconds, none of which goes on: a request that waits ten minutes, or a code that
/// waits one.
async fn a_million_abandoned_flows() {
    let store = MemoryStore::new();
    // Some life before, and during, so that the abandoned ones lie among others.
    for number in 0..1_000 {
        let _ = store.create(&record(number, Stage::Live, NOW.as_secs() + 1_000_000, 72), NOW).await.unwrap();
    }
    let (start, resident) = (ALLOCATOR.allocated(), resident_mib());
    if resident.is_nan() {
        println!("not checked: resident memory, for this system has no /proc/self/statm");
    }
    let mut most = 0;
    for number in 0..1_000_000 {
        let seconds = NOW.as_secs() + i64::try_from(number / 1_000).unwrap();
        let (bytes, lifetime) = if number % 2 == 0 { (350, 600) } else { (150, 75) };
        let flow = record(number + (1 << 40), Stage::Pending, seconds + lifetime, bytes);
        let created = store.create(&flow, Timestamp::from_secs(seconds)).await.unwrap();
        assert!(matches!(created, Created::Created(_)));
        most = most.max(ALLOCATOR.allocated());
    }
    let (full, end) = (ALLOCATOR.allocated(), Timestamp::from_secs(NOW.as_secs() + 2_000));
    let full_resident = resident_mib();
    let mut swept = 0;
    loop {
        let gone = store.sweep(10_000, end).await.unwrap();
        swept += gone;
        if gone == 0 {
            break;
        }
    }
    let left = ALLOCATOR.allocated();
    let left_resident = resident_after_a_while(&store, end, resident + 32.0).await;
    println!(
        "live bytes: {start} at the start, {most} at most, {full} at the end of the flows, {left} when they had expired; \
         {swept} were left to sweep; resident MiB: {resident:.1}, {full_resident:.1}, {left_resident:.1}"
    );
    // 600 s of requests and 75 s of codes are alive, the rest went by the writes of others.
    assert!(swept < 480_000, "{swept} of 337,500 living flows and what had not been dropped");
    assert_eq!(store.len(), 1_000);
    assert!(left * 10 <= start * 11, "{left} bytes are left of {start} at the start");
    assert!(left_resident <= resident + 32.0 || resident.is_nan(), "{left_resident:.1} MiB stay resident");
}

/// The allocator gives pages back to the system a little later, and only while it is used; so there is some life, until the
/// aim is reached or has been missed for a long time.
async fn resident_after_a_while(store: &MemoryStore, now: Timestamp, aim: f64) -> f64 {
    for _ in 0..100 {
        if resident_mib() <= aim {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        for number in 0..3_000 {
            let other = record(number + (1 << 50), Stage::Pending, now.as_secs() + 5, 350);
            let _ = store.create(&other, now).await.unwrap();
            let _ = store.remove(&other.key, now).await.unwrap();
        }
    }
    resident_mib()
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.map_or(f64::NAN, |pages| pages * 4096.0 / 1024.0 / 1024.0)
}
