//! Checkout of a web shop: prices a basket and applies the coupons that save most.
use axum::{extract::State, routing::get, Router};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use tokio::net::TcpListener;

const COUPONS: usize = 18;
const CAMPAIGNS: usize = 6;

struct Coupon {
    campaign: usize,
    saves: u32,
    floor: u32,
}

struct Basket {
    number: u64,
    lines: Vec<(u32, u32)>,
    coupons: Vec<Coupon>,
}

struct Shop {
    baskets: AtomicU64,
    weigh_all: bool,
}

struct Rng(u64);
impl Rng {
    fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % n
    }
}

fn load_basket(number: u64) -> Basket {
    let mut r = Rng(number.wrapping_mul(0x9e3779b97f4a7c15) | 1);
    let lines = (0..12).map(|_| (1 + r.below(4), 199 + r.below(4000))).collect();
    let coupons = (0..COUPONS)
        .map(|i| Coupon { campaign: i % CAMPAIGNS, saves: 50 + r.below(600), floor: r.below(30_000) })
        .collect();
    Basket { number, lines, coupons }
}

fn subtotal(b: &Basket) -> u32 {
    b.lines.iter().map(|(n, cents)| n * cents).sum()
}

/// What this choice saves, or None when two coupons of one campaign meet or a floor is not reached.
fn saving(coupons: &[Coupon], sum: u32, choice: u32) -> Option<u32> {
    let (mut used, mut saved) = (0u32, 0);
    for (i, c) in coupons.iter().enumerate() {
        // guilty
        if choice & (1 << i) == 0 {
            continue;
        }
        if used & (1 << c.campaign) != 0 || sum < c.floor {
            return None;
        }
        used |= 1 << c.campaign;
        saved += c.saves;
    }
    Some(saved)
}

fn best_choice(coupons: &[Coupon], sum: u32) -> (u32, u32) {
    let mut best = (0, 0);
    for choice in 0u32..1 << coupons.len() {
        if let Some(saved) = saving(coupons, sum, choice) {
            // guilty
            if saved > best.1 {
                best = (choice, saved); // guilty
            }
        }
    }
    best
}

fn best_per_campaign(coupons: &[Coupon], sum: u32) -> (u32, u32) {
    let mut top: [Option<usize>; CAMPAIGNS] = [None; CAMPAIGNS];
    for (i, c) in coupons.iter().enumerate().filter(|(_, c)| sum >= c.floor) {
        let t = &mut top[c.campaign];
        if t.is_none_or(|j| coupons[j].saves < c.saves) {
            *t = Some(i);
        }
    }
    top.iter().flatten().fold((0, 0), |(choice, saved), &i| (choice | 1 << i, saved + coupons[i].saves))
}

fn bill(b: &Basket, sum: u32, choice: u32, saved: u32) -> String {
    let mut s = format!("basket {}\n", b.number);
    for (n, cents) in &b.lines {
        s.push_str(&format!("{n:>3} x {:>3}.{:02}\n", cents / 100, cents % 100));
    }
    let used: Vec<String> = (0..b.coupons.len()).filter(|i| choice & (1 << i) != 0).map(|i| format!("C{i}")).collect();
    let total = sum.saturating_sub(saved);
    s.push_str(&format!("coupons {} save {saved}, to pay {}.{:02}\n", used.join("+"), total / 100, total % 100));
    s
}

async fn checkout(State(shop): State<Arc<Shop>>) -> String {
    let basket = load_basket(shop.baskets.fetch_add(1, Ordering::Relaxed));
    let sum = subtotal(&basket);
    let (choice, saved) =
        if shop.weigh_all { best_choice(&basket.coupons, sum) } else { best_per_campaign(&basket.coupons, sum) };
    bill(&basket, sum, choice, saved)
}

async fn serve(broken: bool, port: u16) -> std::io::Result<()> {
    let shop = Arc::new(Shop { baskets: AtomicU64::new(1), weigh_all: broken });
    let app = Router::new().route("/", get(checkout)).with_state(shop);
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, app).await
}

pub fn run(broken: bool, port: u16) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(serve(broken, port)).unwrap();
}
