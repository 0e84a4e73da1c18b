//! One life of an upload, drawn from a seed: the service's habits and faults, the file, the commands
//! and the kills. The same seed draws the same life; only the timing of processes is not in it.

use std::time::Duration;

use graph_sandbox::{
    Fault, Options,
    options::{
        Audience, Casing, Choice, Expired, LocationForm, OtherMailboxes, Ranges, RepeatLast,
        ReportedSize, StatusAnswer, TooLarge, UrlForm, WrongRange,
    },
};

/// Largest file: the 150 MB that are always accepted.
const LARGEST: f64 = 150_000_000.0;

/// A life.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) options: Options,
    pub(crate) size: usize,
    pub(crate) event: bool,
    /// Read from standard input instead of a file.
    pub(crate) stdin: bool,
    /// Arguments of every `attach`.
    pub(crate) attach: Vec<String>,
    /// Arguments of `attach` and `resume` alike.
    pub(crate) patience: Vec<String>,
    /// When the first processes are killed, if they are; those after them live.
    pub(crate) kills: Vec<Option<Kill>>,
}

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kill {
    /// So long after its start.
    After(Duration),
    /// When the service has seen so many more requests.
    AtRequest(usize),
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let random = &mut fastrand::Rng::with_seed(seed);
        // Log-uniform: as many files between 10 and 100 bytes as between 10 and 100 MB.
        let size = LARGEST.powf(random.f64()) as usize;
        let small = size < 20_000_000;
        let chunk = chunk(random, size);
        let mut options = habits(random, size, chunk, small);
        let ranges = size / chunk + 1;
        options.faults = faults(random, size, ranges as u64);
        let mut attach = vec![format!("--chunk-size={chunk}")];
        if random.u8(..4) == 0 {
            attach.push("--verify".to_owned());
        }
        if random.u8(..5) == 0 {
            attach.push("--mailbox=sandbox@example.com".to_owned());
        }
        if random.u8(..8) == 0 {
            attach.push("--inline".to_owned());
        }
        let mut patience = vec![
            "--timeout=2".to_owned(),
            format!("--max-retries={}", random.u8(..5)),
        ];
        match random.u8(..6) {
            0 => patience.push("-vv".to_owned()),
            1 => patience.push("-v".to_owned()),
            2 => patience.push("--progress=json".to_owned()),
            3 => patience.push("--deadline=5".to_owned()),
            _ => {}
        }
        if random.u8(..3) == 0 {
            patience.push("--json".to_owned());
        }
        let kills = (0..random.usize(..5))
            .map(|_| match random.u8(..3) {
                0 => None,
                1 => Some(Kill::AtRequest(random.usize(1..ranges.min(40) + 4))),
                // From the first system calls to the middle of a wait.
                _ => Some(Kill::After(Duration::from_secs_f64(
                    0.002 * 1_000_f64.powf(random.f64()),
                ))),
            })
            .collect();
        Scenario {
            options,
            size,
            event: random.bool(),
            stdin: small && random.u8(..10) == 0,
            attach,
            patience,
            kills,
        }
    }
}

/// From one range to some 60, as far as the largest and the smallest chunk allow.
fn chunk(random: &mut fastrand::Rng, size: usize) -> usize {
    let ranges = 60_f64.powf(random.f64()) as usize;
    match random.u8(..4) {
        0 => 3_932_160,
        _ => size.div_ceil(ranges).clamp(1_024, 4_194_304),
    }
}

fn one<T: Choice>(random: &mut fastrand::Rng) -> T {
    let word = T::WORDS[random.usize(..T::WORDS.len())];
    T::from_word(word).expect("a listed word")
}

/// How the service behaves: everything that `sandbox` can be told and that leaves a way to attach.
fn habits(random: &mut fastrand::Rng, size: usize, chunk: usize, small: bool) -> Options {
    let mut options = Options {
        casing: random.bool().then(|| one::<Casing>(random)),
        ranges: one::<Ranges>(random),
        status: one::<StatusAnswer>(random),
        wrong_range: one::<WrongRange>(random),
        expired: one::<Expired>(random),
        repeat_last: one::<RepeatLast>(random),
        upload_url: one::<UrlForm>(random),
        location: one::<LocationForm>(random),
        audience: one::<Audience>(random),
        other_mailboxes: OtherMailboxes::Allow,
        reported_size: [ReportedSize::Inflated, ReportedSize::Exact][random.usize(..2)],
        concurrency: [None, Some(1), Some(4)][random.usize(..3)],
        retry_after: [None, Some(0), Some(1), Some(2)][random.usize(..4)],
        tls: random.u8(..10) == 0,
        ..Options::default()
    };
    if small {
        options.latency = Duration::from_millis(random.u64(..30));
        if random.u8(..5) == 0 {
            options.session_ttl = Duration::from_secs(random.u64(2..6));
        }
        if random.u8(..6) == 0 {
            options.bandwidth = Some(random.u64(15_000_000..60_000_000));
        }
        if random.u8(..6) == 0 {
            // Room for four ranges (or two POSTs) a second.
            options.throttle_bytes = Some(4 * chunk.max(size.min(2_000_000)) as u64);
            options.throttle_window = Duration::from_secs(1);
        }
    }
    if random.u8(..4) == 0 {
        options.settle = Duration::from_millis(random.u64(..2_000));
    }
    match random.u8(..6) {
        // Sessions for small files too: the service takes no POST that is larger than this.
        0..3 => {
            options.session_min = 0;
            options.body_limit = 2_000;
            options.too_large = [TooLarge::Empty, TooLarge::Text][random.usize(..2)];
        }
        // The floor that was measured in 2020: both routes work from there.
        3 => options.session_min = 2_097_152,
        // A session is too small, the tool must POST.
        4 => options.session_min = 3_140_000,
        _ => {}
    }
    options
}

fn faults(random: &mut fastrand::Rng, size: usize, ranges: u64) -> Vec<Fault> {
    const PLACES: [&str; 12] = [
        "create", "put", "put", "put", "put", "post", "post", "status", "delete", "list", "get",
        "any",
    ];
    (0..random.u8(..12))
        .map(|_| {
            let place = PLACES[random.usize(..PLACES.len())];
            let most = match place {
                "put" => ranges.min(30) + 2,
                "any" => ranges.min(30) + 6,
                _ => 3,
            };
            let nth = random.u64(1..=most);
            let what = what(random, place, size);
            // A success that is none, several times in a row, is a service that lies on purpose.
            let count = match what.starts_with('2') {
                true => 1,
                false => random.u64(1..=3),
            };
            let spec = format!("{place}@{nth}x{count}={what}");
            spec.parse().expect("a fault of the grammar")
        })
        .collect()
}

fn what(random: &mut fastrand::Rng, place: &str, size: usize) -> String {
    match random.u8(..9) {
        0 => "drop".to_owned(),
        1 | 2 => "lost".to_owned(),
        3 => format!("reset:{}", random.usize(..=size.min(4_194_304))),
        4 => format!("stall:{:.2}", random.f64() * 3.0),
        5 if ["create", "put", "status", "delete", "any"].contains(&place) => "expire".to_owned(),
        6 => "html".to_owned(),
        _ => status(random, place),
    }
}

fn status(random: &mut fastrand::Rng, place: &str) -> String {
    const COMMON: [u16; 24] = [
        429, 429, 429, 500, 502, 503, 503, 504, 408, 400, 401, 403, 404, 404, 409, 410, 412, 413,
        416, 422, 507, 200, 204, 302,
    ];
    let code = match random.u8(..5) {
        0 => random.u16(200..600),
        _ => COMMON[random.usize(..COMMON.len())],
    };
    // 201 to a range *is* the service's word that it is attached.
    let code = match (code, place) {
        (201, "put" | "any") => 202,
        _ => code,
    };
    match random.u8(..6) {
        0 => format!("{code}:{}", date(random)),
        1 if code != 429 => code.to_string(),
        _ => format!("{code}:{}", random.u8(..3)),
    }
}

/// An HTTP date that is over, or nearly.
fn date(random: &mut fastrand::Rng) -> String {
    let when = jiff::Timestamp::now() + Duration::from_secs(random.u64(..2));
    when.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
